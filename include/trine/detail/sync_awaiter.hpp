// What `co_await` on the primitives of src/sync/ is made of (trine/co_sync.hpp). No promises to
// users.
//
// A sync_attempt takes what is wanted, or enters the primitive's list by the same steps as a
// blocking call (src/sync/*.hpp); in src/task/sync_waits.cpp. A wait for a condition variable is
// two waits, for the notification and for the lock, and so a task of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <utility>

#include <trine/barrier.hpp>
#include <trine/condition_variable.hpp>
#include <trine/detail/awaiter.hpp>
#include <trine/event.hpp>
#include <trine/future.hpp>
#include <trine/latch.hpp>
#include <trine/mutex.hpp>
#include <trine/semaphore.hpp>
#include <trine/shared_mutex.hpp>
#include <trine/task.hpp>

namespace trine::detail {

struct wait_access {
  static mutex& of(mutex& m) noexcept { return m; }
  static mutex& of(timed_mutex& m) noexcept { return m; }
  static shared_mutex& of(shared_mutex& m) noexcept { return m; }
  static shared_mutex& of(shared_timed_mutex& m) noexcept { return m; }
  template <std::ptrdiff_t Most>
  static semaphore& of(counting_semaphore<Most>& s) noexcept {
    return s.semaphore_;
  }
  static condition& of(condition_variable& c) noexcept { return c.condition_; }
  static condition& of(condition_variable_any& c) noexcept { return c.condition_; }
  template <class F>
  static const phases& of(const barrier<F>& b) noexcept {
    return b.phases_;
  }
  template <class F>
  static bool arrive(barrier<F>& b, std::uint64_t& phase) {
    return b.count(1, phase);
  }
  template <class Token>
  static std::uint64_t phase(const Token& token) noexcept {
    return token.phase_;
  }
  template <class R>
  static future_state& of(const future_base<R>& f) {
    return *f.state_.checked();
  }
  static bool is_settled(const event& e) noexcept { return e.settled(); }
  static bool is_deferred(const future_state& s) noexcept { return s.is_deferred(); }
  static void run_if_deferred(future_state& s) noexcept { s.run_if_deferred(); }
};

enum class sync_kind : std::uint8_t {
  mutex,
  writer,
  reader,
  token,
  zero,    // of a latch
  phase,   // of a barrier
  result,  // of a future
  event,
};

// One attempt, and the wait when it cannot be had at once. `object` outlives it.
class sync_attempt : timed_task_wait, public task_awaiter {
 public:
  sync_attempt(sync_kind what, const void* of, std::int64_t until, bool in_front) noexcept
      : object(const_cast<void*>(of)), deadline(until), kind(what), first(in_front) {}
  ~sync_attempt();

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) {
    return start(frame.promise(), frame);
  }

  void* const object;
  const std::int64_t deadline;
  std::uint64_t phase = 0;
  const sync_kind kind;
  const bool first;  // it has waited before, by a clock that was early

 protected:
  // False at the deadline. Throws cancelled or timed_out, where that kind is interrupted.
  bool end();

 private:
  bool start(promise_base& who, std::coroutine_handle<> frame);
};

// What is wanted: Op::ready(attempt) takes it without waiting if it is there, Op::result(bool) is
// what co_await returns.
template <class Op>
class [[nodiscard]] sync_wait : public sync_attempt {
 public:
  explicit sync_wait(const Op& op)
      : sync_attempt(Op::kind, op.object(), op.deadline, op.first), op_(op) {}

  bool await_ready() { return op_.ready(*this); }
  decltype(auto) await_resume() { return op_.result(end()); }

 private:
  Op op_;
};
// A description, as in trine/co.hpp.
template <class Op>
struct [[nodiscard]] sync_request {
  Op op;
  sync_wait<Op> operator co_await() const { return sync_wait<Op>(op); }
};

struct untimed {
  static constexpr std::int64_t deadline = no_deadline;
  static constexpr bool first = false;
  void result(bool) const noexcept {}
};
struct timed {
  std::int64_t deadline;
  bool first = false;
  static constexpr bool late = false;
  bool result(bool in_time) const noexcept { return in_time; }
};

template <class Bound>
struct lock_op : Bound {
  static constexpr sync_kind kind = sync_kind::mutex;
  mutex* m;
  const void* object() const noexcept { return m; }
  bool ready(sync_attempt&) const noexcept { return m->try_lock(); }
};
template <class Bound>
struct write_op : Bound {
  static constexpr sync_kind kind = sync_kind::writer;
  shared_mutex* m;
  const void* object() const noexcept { return m; }
  bool ready(sync_attempt&) const noexcept { return m->try_lock(); }
};
template <class Bound>
struct read_op : Bound {
  static constexpr sync_kind kind = sync_kind::reader;
  shared_mutex* m;
  const void* object() const noexcept { return m; }
  bool ready(sync_attempt&) const noexcept { return m->try_lock_shared(); }
};
template <class Bound>
struct token_op : Bound {
  static constexpr sync_kind kind = sync_kind::token;
  semaphore* s;
  const void* object() const noexcept { return s; }
  bool ready(sync_attempt&) const noexcept { return s->take(); }
};
template <class Bound>
struct event_op : Bound {
  static constexpr sync_kind kind = sync_kind::event;
  event* e;
  const void* object() const noexcept { return e; }
  bool ready(sync_attempt&) const noexcept { return wait_access::is_settled(*e); }
};
struct latch_op : untimed {
  static constexpr sync_kind kind = sync_kind::zero;
  latch* counted;  // null: it only waits
  std::ptrdiff_t arrivals;
  const latch* l;
  const void* object() const noexcept { return l; }
  bool ready(sync_attempt&) const {
    if (counted != nullptr) counted->count_down(arrivals);
    return l->try_wait();
  }
};
struct phase_op : untimed {
  static constexpr sync_kind kind = sync_kind::phase;
  const phases* b;
  std::uint64_t of;
  const void* object() const noexcept { return b; }
  bool ready(sync_attempt& a) const noexcept {
    a.phase = of;
    return false;
  }
};
template <class F>
struct arrive_op : untimed {
  static constexpr sync_kind kind = sync_kind::phase;
  barrier<F>* b;
  const void* object() const noexcept { return &wait_access::of(*b); }
  // After the last arrival the barrier may be gone.
  bool ready(sync_attempt& a) const { return wait_access::arrive(*b, a.phase); }
};
struct ready_op : untimed {
  static constexpr sync_kind kind = sync_kind::result;
  future_state* s;
  const void* object() const noexcept { return s; }
  bool ready(sync_attempt&) const noexcept {
    wait_access::run_if_deferred(*s);
    return s->is_ready();
  }
};
struct timed_ready_op {
  static constexpr sync_kind kind = sync_kind::result;
  static constexpr std::future_status late = std::future_status::timeout;
  std::int64_t deadline;
  bool first = false;
  future_state* s;
  bool deferred = false;
  const void* object() const noexcept { return s; }
  bool ready(sync_attempt&) noexcept {
    deferred = wait_access::is_deferred(*s);
    return deferred || s->is_ready();
  }
  std::future_status result(bool in_time) const noexcept {
    if (deferred) return std::future_status::deferred;
    return in_time || s->is_ready() ? std::future_status::ready : std::future_status::timeout;
  }
};
// The result of Future, a future or a shared_future.
template <class Future>
struct get_op : ready_op {
  Future* from;
  decltype(auto) result(bool) const { return from->get(); }
};

// By a clock that may run apart from the runtime's: looked at again when the wait ends.
template <class Op, class Clock, class Duration>
auto by_its_clock(Op op, std::chrono::time_point<Clock, Duration> when)
    -> task<std::remove_cvref_t<decltype(op.result(true))>> {
  const limit bound(when);
  for (;;) {
    op.deadline = bound.at();
    const auto how = co_await sync_request<Op>{op};
    if (how != Op::late || !bound.renew()) co_return how;
    op.first = true;
  }
}
template <class Op, class Clock, class Duration>
auto until(Op op, const std::chrono::time_point<Clock, Duration>& when) {
  if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
    op.deadline = to_deadline(when);
    return sync_request<Op>{op};
  } else {
    return by_its_clock(op, when);
  }
}

// ---- condition variables ------------------------------------------------------------------------

// A place in the line of a condition variable, from before the lock is released until it is had
// again. A notification that it got and that nobody will hear of, because the task is destroyed, it
// passes on.
class condition_place {
 public:
  explicit condition_place(condition& c) noexcept;
  ~condition_place();
  condition_place(const condition_place&) = delete;
  condition_place& operator=(const condition_place&) = delete;

  // After a wait that ended early: false when it cannot be resumed.
  bool stay() noexcept;
  // Out of the line, however the wait ended.
  void leave() noexcept;
  void heard() noexcept { got_ = nothing; }

 private:
  friend class notification_wait;
  friend struct condition_steps;
  enum notification : std::uint8_t { nothing, one, all };

  condition& of_;
  std::atomic<wait::waiter*> met_{nullptr};
  alignas(8) std::byte stand_in_[72];
  bool in_line_ = true;
  notification got_ = nothing;
};

class [[nodiscard]] notification_wait : timed_task_wait, public task_awaiter {
 public:
  notification_wait(condition_place& at, std::int64_t until) noexcept
      : place(at), deadline(until) {}
  ~notification_wait();

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) {
    return start(frame.promise(), frame);
  }
  // False at the deadline. Throws cancelled or timed_out.
  bool await_resume();

  condition_place& place;
  const std::int64_t deadline;

 private:
  bool start(promise_base& who, std::coroutine_handle<> frame);
};
struct [[nodiscard]] notification_request {
  condition_place& place;
  std::int64_t deadline;
  notification_wait operator co_await() const noexcept { return {place, deadline}; }
};

// How a lock is had again: a request for its mutex, and then the lock told that it has it.
inline auto request_of(mutex& m) { return sync_request<lock_op<untimed>>{{{}, &m}}; }
inline auto request_of(timed_mutex& m) { return request_of(wait_access::of(m)); }
inline auto request_of(shared_mutex& m) { return sync_request<write_op<untimed>>{{{}, &m}}; }
inline auto request_of(shared_timed_mutex& m) { return request_of(wait_access::of(m)); }
template <class M>
requires requires(M& m) { m.lock_shared(); }
auto shared_request_of(M& m) { return sync_request<read_op<untimed>>{{{}, &wait_access::of(m)}}; }
template <class M>
requires requires(M& m) { request_of(m); }
auto request_of(std::unique_lock<M>& lock) { return request_of(*lock.mutex()); }
template <class M>
requires requires(M& m) { shared_request_of(m); }
auto request_of(std::shared_lock<M>& lock) { return shared_request_of(*lock.mutex()); }
template <class M>
void adopt(M&) noexcept {}
template <class M>
void adopt(std::unique_lock<M>& lock) {
  lock = std::unique_lock<M>(*lock.mutex(), std::adopt_lock);
}
template <class M>
void adopt(std::shared_lock<M>& lock) {
  lock = std::shared_lock<M>(*lock.mutex(), std::adopt_lock);
}

template <class Lock>
concept awaitable_lock = requires(Lock& lock) {
  request_of(lock);
};

// The lock itself is released, not its mutex alone: if the task is destroyed meanwhile, its
// destructor must not unlock. Arguments outlive it; false at the deadline.
template <awaitable_lock Lock>
task<bool> notified(condition& c, Lock& lock, const limit& bound) {
  condition_place place(c);
  lock.unlock();
  bool in_time = false;
  std::exception_ptr stopped;
  try {
    for (;;) {
      in_time = co_await notification_request{place, bound.at()};
      if (in_time || !bound.renew() || !place.stay()) break;
    }
  } catch (...) {
    stopped = std::current_exception();
  }
  place.leave();
  co_await request_of(lock);
  adopt(lock);
  place.heard();
  if (stopped != nullptr) std::rethrow_exception(stopped);
  co_return in_time;
}

}  // namespace trine::detail
