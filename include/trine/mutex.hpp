// The mutexes of the standard library, for any unit and any thread.
//
//   trine::mutex m;
//   { std::lock_guard guard(m); … }            // parks only the unit that waits
//   trine::timed_mutex t;
//   if (t.try_lock_for(10ms)) { …; t.unlock(); }
//
// mutex, timed_mutex, recursive_mutex and recursive_timed_mutex have the members of their namesakes
// in std; the lock types and tags are std's own. Coroutines, threads and threads that Trine did not
// make may use one object together. The owner is the unit, not the thread it runs on.
//
// Order. Waiters are served first come, first served, with one exception that keeps a busy mutex
// fast: a unit that is running may take a free mutex before the one that has just been woken for
// it. A unit that lost so once is handed the mutex by the next unlock, so no waiter is passed over
// more than once after its turn has come.
//
// lock() is never interrupted by a stop request, nor are the timed forms. An uncontended lock or
// unlock is one atomic operation; waiting allocates nothing. A mutex may be destroyed as soon as
// its last owner has unlocked it, by whoever locked it after.
//
// Misuse. Locking a mutex the unit holds throws std::system_error
// (std::errc::resource_deadlock_would_occur) where it would wait for ever. Debug builds of the
// library end the program with a sentence that names the unit when a unit unlocks what it does not
// hold, or destroys a mutex that others wait for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include <trine/detail/deadline.hpp>
#include <trine/detail/fair.hpp>
#include <trine/detail/owner.hpp>
#include <trine/detail/waiter_list.hpp>
#include <trine/once.hpp>

namespace trine {

namespace sync {
struct mutex_queue;
}

using std::adopt_lock;
using std::adopt_lock_t;
using std::defer_lock;
using std::defer_lock_t;
using std::lock;
using std::lock_guard;
using std::scoped_lock;
using std::try_lock;
using std::try_to_lock;
using std::try_to_lock_t;
using std::unique_lock;

class mutex {
 public:
  constexpr mutex() noexcept = default;
  ~mutex() {
    if (detail::sync_checks) check_end();
  }
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  // Parks the calling unit until the mutex is its own.
  void lock() {
    detail::fair_point();
    std::uint32_t free = 0;
    // acquire: partner is the release in unlock; what the last owner wrote is seen.
    if (word_.compare_exchange_strong(free, locked, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
      owner_.set();
    } else {
      lock_slow();
    }
  }

  // Never blocks. May fail while another unit is just about to wait for it, as std::mutex may.
  bool try_lock() noexcept {
    detail::fair_point();
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    // Not while someone works on the list either: lock_slow may be about to take a free mutex.
    while ((seen & (locked | queue)) == 0) {
      if (word_.compare_exchange_weak(seen, seen | locked, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        owner_.set();
        return true;
      }
    }
    return false;
  }

  // Only by the unit that holds it. Never blocks.
  void unlock() noexcept {
    if (detail::sync_checks) check_owner();
    owner_.clear();
    std::uint32_t alone = locked;
    if (!word_.compare_exchange_strong(alone, 0, std::memory_order_release,
                                       std::memory_order_relaxed))
      unlock_slow();
  }

 private:
  friend struct sync::mutex_queue;
  friend class timed_mutex;
  friend class recursive_mutex;

  // Bits of the word. The queue bit guards the list, for a few instructions at a time.
  static constexpr std::uint32_t locked = 1;
  static constexpr std::uint32_t queue = 2;
  static constexpr std::uint32_t waiting = 4;

  void lock_slow();
  bool lock_until(const detail::limit& bound);
  void unlock_slow() noexcept;
  void check_owner() const noexcept;
  void check_end() const noexcept;

  std::atomic<std::uint32_t> word_{0};
  detail::owner_word owner_;
  detail::waiter_list waiters_;
};

class timed_mutex : private mutex {
 public:
  constexpr timed_mutex() noexcept = default;
  ~timed_mutex() = default;
  timed_mutex(const timed_mutex&) = delete;
  timed_mutex& operator=(const timed_mutex&) = delete;

  using mutex::lock;
  using mutex::try_lock;
  using mutex::unlock;

  // Parks the calling unit at most so long; a span or time in the past only tries. True when the
  // mutex is its own.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& span) {
    return try_lock() || lock_until(detail::limit(span));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration>& when) {
    return try_lock() || lock_until(detail::limit(when));
  }

 private:
  friend struct detail::wait_access;
};

class recursive_mutex {
 public:
  constexpr recursive_mutex() noexcept = default;
  ~recursive_mutex() = default;
  recursive_mutex(const recursive_mutex&) = delete;
  recursive_mutex& operator=(const recursive_mutex&) = delete;

  // As mutex::lock, but the unit that holds it may lock it again, and unlocks it as often. Throws
  // std::system_error (resource_unavailable_try_again) at the four thousand millionth level.
  void lock();
  bool try_lock() noexcept;
  void unlock() noexcept;

 private:
  friend class recursive_timed_mutex;

  bool enter_again(const void* me, bool& full) noexcept;
  void entered(const void* me) noexcept;
  bool lock_until(const detail::limit& bound);

  mutex mutex_;
  std::uint32_t depth_ = 0;  // the owner's
  // Who holds it; only the owner finds itself here, so relaxed will do.
  std::atomic<const void*> holder_{nullptr};
};

class recursive_timed_mutex : private recursive_mutex {
 public:
  constexpr recursive_timed_mutex() noexcept = default;
  ~recursive_timed_mutex() = default;
  recursive_timed_mutex(const recursive_timed_mutex&) = delete;
  recursive_timed_mutex& operator=(const recursive_timed_mutex&) = delete;

  using recursive_mutex::lock;
  using recursive_mutex::try_lock;
  using recursive_mutex::unlock;

  // As those of timed_mutex.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& span) {
    return try_lock() || lock_until(detail::limit(span));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration>& when) {
    return try_lock() || lock_until(detail::limit(when));
  }
};

}  // namespace trine
