// co_await forms of Trine's blocking calls, for the coroutines of the language: trine::task.
//
//   trine::task<int> total(trine::handle<int>& a) {
//     auto b = trine::spawn(trine::process, count, 1000);
//     co_await trine::co::sleep_for(10ms);          // only this task sleeps
//     co_return co_await a + co_await std::move(b); // results, or what the unit threw
//   }
//
// Each waits as the call of the same name does, but suspends only the task: the other tasks of its
// home go on. Each throws cancelled (or timed_out, at the unit's own deadline) when the unit that
// drives the task is asked to stop, or the when_all or when_any the task belongs to. A blocking
// call of the same name inside a task is correct too; it parks the whole unit with all its tasks.
//
// All are made for one co_await: write `co_await co::sleep_for(1s)`, do not keep them. Those of
// channels are tasks. A channel serves tasks, stackful coroutines and threads in one line, first
// come first.
#pragma once

#include <chrono>
#include <coroutine>
#include <utility>

#include <trine/channel.hpp>
#include <trine/co_sync.hpp>
#include <trine/detail/awaiter.hpp>
#include <trine/handle.hpp>
#include <trine/scope.hpp>
#include <trine/task.hpp>

namespace trine::detail {

struct co_access {
  static core* of(const unit_access& unit) { return unit.checked(); }
};

// Waits until a unit has ended, and takes its result.
template <class Access>
class [[nodiscard]] result_wait : join_wait, public task_awaiter {
 public:
  explicit result_wait(Access& unit) : unit_(unit) { co_access::of(unit); }
  ~result_wait() { leave(co_access::of(unit_)); }

  bool await_ready() const noexcept { return is_done(co_access::of(unit_)); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) {
    return begin(frame.promise(), frame, co_access::of(unit_));
  }
  decltype(auto) await_resume() {
    end(co_access::of(unit_));
    return unit_.get();
  }

 private:
  Access& unit_;
};

// What co::… returns: a description, which co_await turns into the wait itself. (g++ 12 would copy
// an awaiter that went through await_transform.)
struct [[nodiscard]] sleep_request {
  std::int64_t deadline;
  sleep_wait operator co_await() const noexcept { return sleep_wait(deadline); }
};
struct [[nodiscard]] yield_request {
  yield_wait operator co_await() const noexcept { return yield_wait(); }
};

// Waits until a unit has ended, or a time has come.
class [[nodiscard]] timed_join_wait : timed_task_wait, public task_awaiter {
 public:
  timed_join_wait(core* unit, std::int64_t deadline) noexcept : unit_(unit), deadline_(deadline) {}
  ~timed_join_wait();

  bool await_ready() const noexcept { return is_done(unit_); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) {
    return begin(frame.promise(), frame);
  }
  wait_result await_resume();

 private:
  bool begin(promise_base& who, std::coroutine_handle<> frame);

  core* unit_;
  std::int64_t deadline_;
};

// One try to send or receive, and the wait when that cannot be done at once. blocked: what it was
// woken for could not be done after all; try again.
class [[nodiscard]] channel_attempt : timed_task_wait, public task_awaiter {
 public:
  channel_attempt(channel_core& c, channel_wait& w, bool is_send, std::int64_t until) noexcept
      : core(c), wait(w), sends(is_send), deadline(until) {}
  ~channel_attempt();

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) {
    return start(frame.promise(), frame);
  }
  channel_result await_resume();

  channel_core& core;
  channel_wait& wait;
  const bool sends;
  const std::int64_t deadline;
  channel_result result = channel_result::blocked;

 private:
  bool start(promise_base& who, std::coroutine_handle<> frame);
};
struct [[nodiscard]] channel_request {
  channel_core& core;
  channel_wait& wait;
  bool sends;
  std::int64_t deadline;
  channel_attempt operator co_await() const noexcept { return {core, wait, sends, deadline}; }
};

template <class T>
task<bool> send_by(channel<T>& to, T& value, std::int64_t deadline) {
  channel_wait w;
  w.element = std::addressof(value);
  for (;;) {
    const channel_result how =
        co_await channel_request{channel_access::core_of(to), w, true, deadline};
    if (how != channel_result::blocked) co_return how == channel_result::done;
  }
}

struct [[nodiscard]] join_request {
  core* unit;
  std::int64_t deadline;
  timed_join_wait operator co_await() const noexcept { return {unit, deadline}; }
};

}  // namespace trine::detail

namespace trine {

// co_await unit: as get(), but only the task waits. The result is taken, once.
template <class R>
detail::result_wait<handle<R>> operator co_await(handle<R>& unit) {
  return detail::result_wait<handle<R>>(unit);
}
template <class R>
detail::result_wait<handle<R>> operator co_await(handle<R>&& unit) {
  return detail::result_wait<handle<R>>(unit);
}
template <class R>
detail::result_wait<unit_ref<R>> operator co_await(unit_ref<R>& unit) {
  return detail::result_wait<unit_ref<R>>(unit);
}
template <class R>
detail::result_wait<unit_ref<R>> operator co_await(unit_ref<R>&& unit) {
  return detail::result_wait<unit_ref<R>>(unit);
}

namespace co {

// As this_unit::sleep_for and sleep_until.
template <class Rep, class Period>
detail::sleep_request sleep_for(const std::chrono::duration<Rep, Period>& span) {
  return {detail::to_deadline(span)};
}
template <class Clock, class Duration>
detail::sleep_request sleep_until(const std::chrono::time_point<Clock, Duration>& when) {
  return {detail::to_deadline(when)};
}

// The other tasks of this home that can go on do so first, then other units, as this_unit::yield.
inline detail::yield_request yield() noexcept { return {}; }

// As channel::send and receive, and their bounded forms. Each is a task: lazy, awaited once. The
// channel must outlive it; so must what send takes by reference, which is unmoved when it throws or
// gives up. An element received by a task that is destroyed before it goes on is destroyed with it.
template <class T>
task<void> send(channel<T>& to, std::type_identity_t<T> value) {
  co_await detail::send_by(to, value, detail::no_deadline);
}
template <class T, class Rep, class Period>
task<bool> send_for(channel<T>& to, T& value, std::chrono::duration<Rep, Period> span) {
  return detail::send_by(to, value, detail::to_deadline(span));
}
template <class T>
task<std::optional<T>> receive(channel<T>& from) {
  std::optional<T> out;
  detail::channel_wait w;
  w.element = &out;
  while (co_await detail::channel_request{detail::channel_access::core_of(from), w, false,
                                          detail::no_deadline} == detail::channel_result::blocked) {
  }
  co_return out;
}
// Empty when the channel is closed and drained, or at the bound.
template <class T, class Rep, class Period>
task<std::optional<T>> receive_for(channel<T>& from, std::chrono::duration<Rep, Period> span) {
  const std::int64_t deadline = detail::to_deadline(span);
  std::optional<T> out;
  detail::channel_wait w;
  w.element = &out;
  while (co_await detail::channel_request{detail::channel_access::core_of(from), w, false,
                                          deadline} == detail::channel_result::blocked) {
  }
  co_return out;
}

// As handle::wait, wait_for and wait_until: the result stays in the handle. True: it has ended.
inline detail::join_request wait(const detail::unit_access& unit) {
  return {detail::co_access::of(unit), detail::no_deadline};
}
template <class Rep, class Period>
detail::join_request wait_for(const detail::unit_access& unit,
                              const std::chrono::duration<Rep, Period>& span) {
  return {detail::co_access::of(unit), detail::to_deadline(span)};
}
template <class Clock, class Duration>
detail::join_request wait_until(const detail::unit_access& unit,
                                const std::chrono::time_point<Clock, Duration>& when) {
  return {detail::co_access::of(unit), detail::to_deadline(when)};
}

}  // namespace co
}  // namespace trine
