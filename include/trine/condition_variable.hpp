// condition_variable and condition_variable_any: wait until another unit says that something
// changed.
//
//   std::unique_lock lock(m);                  // m is a trine::mutex
//   changed.wait(lock, [&] { return !queue.empty(); });   // parks only the unit that waits
//   …
//   { std::lock_guard guard(m); queue.push_back(x); }
//   changed.notify_one();
//
// The members are those of std::condition_variable, for std::unique_lock<trine::mutex>, and of
// std::condition_variable_any, for any lock, with std::stop_token. First come, first served: notify
// wakes those who wait longest. There are no spurious wake-ups: a wait ends by a notification, its
// time, its std::stop_token or a stop request to its unit.
//
// When the calling unit is asked to stop (or its own deadline passes) a wait throws `cancelled` (or
// timed_out), after it has locked again, and takes no notification with it. Locking again is never
// interrupted, and no wait is while an exception unwinds. notify_one() and notify_all() never wait,
// and cost a load when nobody waits.
//
// Waiting allocates nothing. A condition variable may be destroyed as soon as all waiters have been
// notified, by whoever notifies or whoever was woken; the destructor waits for the few steps of
// those that are just leaving for another cause. If a unit still waits for it then, the program
// ends with a sentence that says so in debug builds of the library; in others that unit waits for
// ever.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

#include <trine/detail/deadline.hpp>
#include <trine/detail/waiter_list.hpp>
#include <trine/mutex.hpp>

namespace trine {

namespace sync {
struct condition_queue;
}

using std::cv_status;

namespace detail {

// The lock of a waiter, whatever its type.
struct any_lock {
  void* lock;
  void (*release)(void*);
  void (*reacquire)(void*);

  template <class Lock>
  static any_lock of(Lock& lock) noexcept {
    return {&lock, [](void* l) { static_cast<Lock*>(l)->unlock(); },
            [](void* l) { static_cast<Lock*>(l)->lock(); }};
  }
};

class condition {
 public:
  constexpr condition() noexcept = default;
  ~condition() {
    // acquire: partner is the release of the last who left.
    if (word_.load(std::memory_order_acquire) != 0 || leaving_.load(std::memory_order_acquire) != 0)
      end();
  }
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;

  void notify_one() noexcept {
    if (anyone()) notify(false);
  }
  void notify_all() noexcept {
    if (anyone()) notify(true);
  }

  // Both return false when the time has come. They throw cancelled or timed_out.
  bool wait(mutex& locked, const limit& bound);
  bool wait(const any_lock& locked, const limit& bound, const std::stop_token* stop = nullptr);

 private:
  friend struct trine::sync::condition_queue;

  // Bits of the word; its states are in src/sync/condition.hpp.
  static constexpr std::uint32_t queue = 1;
  static constexpr std::uint32_t waiting = 2;

  // seq_cst: partner is the one in enqueue; with it all notifications and beginnings of waits have
  // one order, as the standard wants it.
  bool anyone() const noexcept { return word_.load(std::memory_order_seq_cst) != 0; }
  void notify(bool all) noexcept;
  void end() noexcept;

  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> leaving_{0};  // waits with a std::stop_token, until they are out
  waiter_list waiters_;
};

}  // namespace detail

class condition_variable {
 public:
  constexpr condition_variable() noexcept = default;
  ~condition_variable() = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;

  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  // Parks the calling unit, which must hold the mutex by `lock`. All waiters of one time use the
  // same mutex.
  void wait(std::unique_lock<mutex>& lock) { condition_.wait(*lock.mutex(), detail::limit()); }
  template <class Predicate>
  void wait(std::unique_lock<mutex>& lock, Predicate pred) {
    while (!pred()) wait(lock);
  }
  template <class Clock, class Duration>
  cv_status wait_until(std::unique_lock<mutex>& lock,
                       const std::chrono::time_point<Clock, Duration>& when) {
    return status(condition_.wait(*lock.mutex(), detail::limit(when)));
  }
  template <class Clock, class Duration, class Predicate>
  bool wait_until(std::unique_lock<mutex>& lock,
                  const std::chrono::time_point<Clock, Duration>& when, Predicate pred) {
    while (!pred())
      if (wait_until(lock, when) == cv_status::timeout) return pred();
    return true;
  }
  template <class Rep, class Period>
  cv_status wait_for(std::unique_lock<mutex>& lock,
                     const std::chrono::duration<Rep, Period>& span) {
    return status(condition_.wait(*lock.mutex(), detail::limit(span)));
  }
  template <class Rep, class Period, class Predicate>
  bool wait_for(std::unique_lock<mutex>& lock, const std::chrono::duration<Rep, Period>& span,
                Predicate pred) {
    const detail::limit bound(span);
    while (!pred())
      if (!condition_.wait(*lock.mutex(), bound)) return pred();
    return true;
  }

 private:
  friend struct sync::condition_queue;
  friend struct detail::wait_access;
  static cv_status status(bool in_time) noexcept {
    return in_time ? cv_status::no_timeout : cv_status::timeout;
  }

  detail::condition condition_;
};

// When the unit that runs here has ended, as far as its function's variables and arguments go:
// unlocks, then notifies all. On a thread that Trine did not make: after its thread_locals. Throws
// std::bad_alloc.
void notify_all_at_thread_exit(condition_variable& condition, std::unique_lock<mutex> lock);

class condition_variable_any {
 public:
  constexpr condition_variable_any() noexcept = default;
  ~condition_variable_any() = default;
  condition_variable_any(const condition_variable_any&) = delete;
  condition_variable_any& operator=(const condition_variable_any&) = delete;

  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  // Park the calling unit between lock.unlock() and lock.lock(), which may park it too. A lock()
  // that throws ends the program, as with std.
  template <class Lock>
  void wait(Lock& lock) {
    condition_.wait(detail::any_lock::of(lock), detail::limit());
  }
  template <class Lock, class Predicate>
  void wait(Lock& lock, Predicate pred) {
    while (!pred()) wait(lock);
  }
  template <class Lock, class Clock, class Duration>
  cv_status wait_until(Lock& lock, const std::chrono::time_point<Clock, Duration>& when) {
    return status(condition_.wait(detail::any_lock::of(lock), detail::limit(when)));
  }
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, const std::chrono::time_point<Clock, Duration>& when,
                  Predicate pred) {
    while (!pred())
      if (wait_until(lock, when) == cv_status::timeout) return pred();
    return true;
  }
  template <class Lock, class Rep, class Period>
  cv_status wait_for(Lock& lock, const std::chrono::duration<Rep, Period>& span) {
    return status(condition_.wait(detail::any_lock::of(lock), detail::limit(span)));
  }
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, const std::chrono::duration<Rep, Period>& span, Predicate pred) {
    const detail::limit bound(span);
    while (!pred())
      if (!condition_.wait(detail::any_lock::of(lock), bound)) return pred();
    return true;
  }

  // These end as well when `stop` is requested; they return what pred() says at the end. A request
  // wakes this waiter alone.
  template <class Lock, class Predicate>
  bool wait(Lock& lock, std::stop_token stop, Predicate pred) {
    while (!stop.stop_requested()) {
      if (pred()) return true;
      condition_.wait(detail::any_lock::of(lock), detail::limit(), &stop);
    }
    return pred();
  }
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::stop_token stop,
                  const std::chrono::time_point<Clock, Duration>& when, Predicate pred) {
    return wait_with(lock, stop, detail::limit(when), pred);
  }
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::stop_token stop, const std::chrono::duration<Rep, Period>& span,
                Predicate pred) {
    return wait_with(lock, stop, detail::limit(span), pred);
  }

 private:
  friend struct detail::wait_access;
  static cv_status status(bool in_time) noexcept {
    return in_time ? cv_status::no_timeout : cv_status::timeout;
  }
  template <class Lock, class Predicate>
  bool wait_with(Lock& lock, std::stop_token& stop, const detail::limit& bound, Predicate& pred) {
    while (!stop.stop_requested()) {
      if (pred()) return true;
      if (!condition_.wait(detail::any_lock::of(lock), bound, &stop)) return pred();
    }
    return pred();
  }

  detail::condition condition_;
};

}  // namespace trine
