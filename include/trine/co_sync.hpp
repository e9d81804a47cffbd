// co_await for mutexes, condition variables, semaphores, events, latches, barriers and futures.
//
//   trine::task<void> put(queue& q, item x) {
//     co_await trine::co::lock(q.mutex);                    // only this task waits
//     std::unique_lock lock(q.mutex, std::adopt_lock);
//     co_await trine::co::wait(q.changed, lock, [&] { return !q.full(); });
//     q.push(std::move(x));
//   }
//   trine::task<int> sum(trine::future<int>& a) { co_return 1 + co_await a; }
//
// Each does what the blocking call of the same name does, on the same object beside threads and
// stackful coroutines, in one line with them, but suspends only the task. Each is awaited once, at
// once; what it refers to outlives it. Threads need no more care than with the blocking calls.
//
// Stop requests. Waits for locks, latches and barriers are never interrupted, nor is the lock after
// a wait for a condition variable. The others throw cancelled (or timed_out, at the unit's own
// deadline) when the unit that drives the task is asked to stop, or the when_all or when_any it
// belongs to; nothing has been taken then.
//
// A mutex that a task has locked belongs to the unit that drives it, and reports and checks name
// that; any task of this unit may unlock it. A second co::lock by the same task waits for ever,
// since the other tasks of the unit might unlock it. A blocking lock() of what a task of this home
// holds throws std::system_error, because it would park the holder too. When it is a task's turn
// the mutex is handed to it at once. Recursive mutexes have no co_await form: their owner is the
// unit, so all tasks of a home would be inside together. Nor has call_once, whose function runs on
// the caller; inside a task call it as it is.
//
// A task that is destroyed while it waits leaves the line; if it has been given a lock, a token or
// a notification by then, that is passed on. So it must be destroyed before what it waits for.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <shared_mutex>

#include <trine/detail/sync_awaiter.hpp>

namespace trine {

namespace co {

// ---- mutexes ------------------------------------------------------------------------------------

// Of a mutex, timed_mutex, shared_mutex or shared_timed_mutex, as its lock(). Allocates nothing.
template <class Mutex>
auto lock(Mutex& m) {
  static_assert(
      requires { detail::request_of(m); },
      "trine: co::lock takes a mutex, timed_mutex, shared_mutex or shared_timed_mutex; a "
      "recursive mutex would let all tasks of a unit in together");
  return detail::request_of(m);
}
// As lock_shared().
inline auto lock_shared(shared_mutex& m) { return detail::shared_request_of(m); }
inline auto lock_shared(shared_timed_mutex& m) { return detail::shared_request_of(m); }

// As try_lock_for and the like: true when it is locked. Those by another clock than steady_clock
// are tasks, which allocate their frame.
template <class Rep, class Period>
auto lock_for(timed_mutex& m, const std::chrono::duration<Rep, Period>& span) {
  using op = detail::lock_op<detail::timed>;
  return detail::sync_request<op>{op{{detail::to_deadline(span)}, &detail::wait_access::of(m)}};
}
template <class Clock, class Duration>
auto lock_until(timed_mutex& m, const std::chrono::time_point<Clock, Duration>& when) {
  return detail::until(detail::lock_op<detail::timed>{{}, &detail::wait_access::of(m)}, when);
}
template <class Rep, class Period>
auto lock_for(shared_timed_mutex& m, const std::chrono::duration<Rep, Period>& span) {
  using op = detail::write_op<detail::timed>;
  return detail::sync_request<op>{op{{detail::to_deadline(span)}, &detail::wait_access::of(m)}};
}
template <class Clock, class Duration>
auto lock_until(shared_timed_mutex& m, const std::chrono::time_point<Clock, Duration>& when) {
  return detail::until(detail::write_op<detail::timed>{{}, &detail::wait_access::of(m)}, when);
}
template <class Rep, class Period>
auto lock_shared_for(shared_timed_mutex& m, const std::chrono::duration<Rep, Period>& span) {
  using op = detail::read_op<detail::timed>;
  return detail::sync_request<op>{op{{detail::to_deadline(span)}, &detail::wait_access::of(m)}};
}
template <class Clock, class Duration>
auto lock_shared_until(shared_timed_mutex& m,
                       const std::chrono::time_point<Clock, Duration>& when) {
  return detail::until(detail::read_op<detail::timed>{{}, &detail::wait_access::of(m)}, when);
}

// ---- semaphores ---------------------------------------------------------------------------------

template <std::ptrdiff_t Most>
auto acquire(counting_semaphore<Most>& s) {
  using op = detail::token_op<detail::untimed>;
  return detail::sync_request<op>{op{{}, &detail::wait_access::of(s)}};
}
// As try_acquire_for and try_acquire_until: true when there is a token.
template <std::ptrdiff_t Most, class Rep, class Period>
auto acquire_for(counting_semaphore<Most>& s, const std::chrono::duration<Rep, Period>& span) {
  using op = detail::token_op<detail::timed>;
  return detail::sync_request<op>{op{{detail::to_deadline(span)}, &detail::wait_access::of(s)}};
}
template <std::ptrdiff_t Most, class Clock, class Duration>
auto acquire_until(counting_semaphore<Most>& s,
                   const std::chrono::time_point<Clock, Duration>& when) {
  return detail::until(detail::token_op<detail::timed>{{}, &detail::wait_access::of(s)}, when);
}

// ---- events -------------------------------------------------------------------------------------

inline auto wait(event& e) {
  using op = detail::event_op<detail::untimed>;
  return detail::sync_request<op>{op{{}, &e}};
}
// True when it was set.
template <class Rep, class Period>
auto wait_for(event& e, const std::chrono::duration<Rep, Period>& span) {
  using op = detail::event_op<detail::timed>;
  return detail::sync_request<op>{op{{detail::to_deadline(span)}, &e}};
}
template <class Clock, class Duration>
auto wait_until(event& e, const std::chrono::time_point<Clock, Duration>& when) {
  return detail::until(detail::event_op<detail::timed>{{}, &e}, when);
}

// ---- latches and barriers -----------------------------------------------------------------------

inline auto wait(const latch& l) {
  return detail::sync_request<detail::latch_op>{{{}, nullptr, 0, &l}};
}
// Counts down when it is awaited.
inline auto arrive_and_wait(latch& l, std::ptrdiff_t n = 1) {
  return detail::sync_request<detail::latch_op>{{{}, &l, n, &l}};
}
// Arrives when it is awaited. The last to arrive runs the barrier's function. An arrival counts
// even if the task is destroyed while it waits.
template <class F>
auto arrive_and_wait(barrier<F>& b) {
  return detail::sync_request<detail::arrive_op<F>>{{{}, &b}};
}
template <class F>
auto wait(const barrier<F>& b, typename barrier<F>::arrival_token&& token) {
  return detail::sync_request<detail::phase_op>{
      {{}, &detail::wait_access::of(b), detail::wait_access::phase(token)}};
}

// ---- futures ------------------------------------------------------------------------------------

// Of a future or shared_future, as its wait() and its timed forms. Throw std::future_error
// (no_state) when it is not valid. A deferred function is called on the unit that drives the task.
template <class R>
auto wait(const future<R>& f) {
  return detail::sync_request<detail::ready_op>{{{}, &detail::wait_access::of(f)}};
}
template <class R>
auto wait(const shared_future<R>& f) {
  return detail::sync_request<detail::ready_op>{{{}, &detail::wait_access::of(f)}};
}
template <class R, class Rep, class Period>
auto wait_for(const future<R>& f, const std::chrono::duration<Rep, Period>& span) {
  using op = detail::timed_ready_op;
  return detail::sync_request<op>{
      op{detail::to_deadline(span), false, &detail::wait_access::of(f)}};
}
template <class R, class Rep, class Period>
auto wait_for(const shared_future<R>& f, const std::chrono::duration<Rep, Period>& span) {
  using op = detail::timed_ready_op;
  return detail::sync_request<op>{
      op{detail::to_deadline(span), false, &detail::wait_access::of(f)}};
}
template <class R, class Clock, class Duration>
auto wait_until(const future<R>& f, const std::chrono::time_point<Clock, Duration>& when) {
  return detail::until(detail::timed_ready_op{0, false, &detail::wait_access::of(f)}, when);
}
template <class R, class Clock, class Duration>
auto wait_until(const shared_future<R>& f, const std::chrono::time_point<Clock, Duration>& when) {
  return detail::until(detail::timed_ready_op{0, false, &detail::wait_access::of(f)}, when);
}
// As get(); co_await f is the same.
template <class R>
auto get(future<R>& f) {
  return detail::sync_request<detail::get_op<future<R>>>{{{{}, &detail::wait_access::of(f)}, &f}};
}
template <class R>
auto get(const shared_future<R>& f) {
  return detail::sync_request<detail::get_op<const shared_future<R>>>{
      {{{}, &detail::wait_access::of(f)}, &f}};
}

// ---- condition variables ------------------------------------------------------------------------

// As the members of the same name. Each is a task; `lock` is held by it, and outlives it. With a
// condition_variable_any the lock is a mutex that co::lock takes, or a std::unique_lock or
// std::shared_lock of one. The forms with a std::stop_token are left out: a task is stopped by its
// unit or its group.
namespace any_condition {

template <class C, class Lock>
inline constexpr bool fits =
    std::is_same_v<C, condition_variable_any>
        ? detail::awaitable_lock<Lock>
        : std::is_same_v<C, condition_variable>&& std::is_same_v<Lock, std::unique_lock<mutex>>;

}  // namespace any_condition

template <class Condition, class Lock>
requires any_condition::fits<Condition, Lock> task<void> wait(Condition& c, Lock& lock) {
  const detail::limit none;
  co_await detail::notified(detail::wait_access::of(c), lock, none);
}
template <class Condition, class Lock, class Predicate>
requires any_condition::fits<Condition, Lock> task<void> wait(Condition& c, Lock& lock,
                                                              Predicate pred) {
  const detail::limit none;
  while (!pred()) co_await detail::notified(detail::wait_access::of(c), lock, none);
}
template <class Condition, class Lock, class Rep, class Period>
requires any_condition::fits<Condition, Lock> task<cv_status> wait_for(
    Condition& c, Lock& lock, std::chrono::duration<Rep, Period> span) {
  const detail::limit bound(span);
  const bool in_time = co_await detail::notified(detail::wait_access::of(c), lock, bound);
  co_return in_time ? cv_status::no_timeout : cv_status::timeout;
}
template <class Condition, class Lock, class Rep, class Period, class Predicate>
requires any_condition::fits<Condition, Lock> task<bool> wait_for(
    Condition& c, Lock& lock, std::chrono::duration<Rep, Period> span, Predicate pred) {
  const detail::limit bound(span);
  while (!pred()) {
    const bool in_time = co_await detail::notified(detail::wait_access::of(c), lock, bound);
    if (!in_time) co_return pred();
  }
  co_return true;
}
template <class Condition, class Lock, class Clock, class Duration>
requires any_condition::fits<Condition, Lock> task<cv_status> wait_until(
    Condition& c, Lock& lock, std::chrono::time_point<Clock, Duration> when) {
  const detail::limit bound(when);
  const bool in_time = co_await detail::notified(detail::wait_access::of(c), lock, bound);
  co_return in_time ? cv_status::no_timeout : cv_status::timeout;
}
template <class Condition, class Lock, class Clock, class Duration, class Predicate>
requires any_condition::fits<Condition, Lock> task<bool> wait_until(
    Condition& c, Lock& lock, std::chrono::time_point<Clock, Duration> when, Predicate pred) {
  const detail::limit bound(when);
  while (!pred()) {
    const bool in_time = co_await detail::notified(detail::wait_access::of(c), lock, bound);
    if (!in_time) co_return pred();
  }
  co_return true;
}

}  // namespace co

// co_await f: waits as co::wait(f), then takes the result as f.get().
template <class R>
auto operator co_await(future<R>& f) {
  return co::get(f).operator co_await();
}
template <class R>
auto operator co_await(future<R>&& f) {
  return co::get(f).operator co_await();
}
template <class R>
auto operator co_await(const shared_future<R>& f) {
  return co::get(f).operator co_await();
}

}  // namespace trine
