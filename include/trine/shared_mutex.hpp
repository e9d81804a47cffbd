// shared_mutex and shared_timed_mutex: many readers or one writer, whatever units they are.
//
//   trine::shared_mutex m;
//   { std::shared_lock reading(m); … }
//   { std::unique_lock writing(m); … }
//
// The members are those of std::shared_mutex and std::shared_timed_mutex; std::shared_lock works
// with them. Strictly first come, first served: whoever comes while others wait, waits behind them,
// a reader too, so neither readers nor writers starve. An unlock hands the mutex to the first
// waiter, or to all readers up to the next writer. As with std::shared_mutex, a unit must not lock
// a mutex again, shared or not, while it holds it.
//
// Waiting parks only the calling unit, allocates nothing, and is never interrupted by a stop
// request. An uncontended lock or unlock is one atomic operation. The last owner may destroy it as
// soon as it has unlocked. Misuse is treated as in <trine/mutex.hpp>.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include <trine/detail/deadline.hpp>
#include <trine/detail/fair.hpp>
#include <trine/detail/owner.hpp>
#include <trine/detail/waiter_list.hpp>

namespace trine {

namespace sync {
struct shared_mutex_queue;
}

using std::adopt_lock;
using std::adopt_lock_t;
using std::defer_lock;
using std::defer_lock_t;
using std::shared_lock;
using std::try_to_lock;
using std::try_to_lock_t;
using std::unique_lock;

class shared_mutex {
 public:
  constexpr shared_mutex() noexcept = default;
  ~shared_mutex() {
    if (detail::sync_checks) check_end();
  }
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;

  // Parks the calling unit until it is the only owner.
  void lock() {
    if (!take()) lock_slow();
  }
  // Never blocks; false while anyone holds it or waits for it.
  bool try_lock() noexcept { return take(); }
  void unlock() noexcept {
    if (detail::sync_checks) check_owner();
    owner_.clear();
    std::uint32_t alone = locked;
    // release: partner is the acquire of the next owner.
    if (!word_.compare_exchange_strong(alone, 0, std::memory_order_release,
                                       std::memory_order_relaxed))
      unlock_slow();
  }

  // Parks the calling unit until it is one of the readers.
  void lock_shared() {
    if (!take_shared()) lock_shared_slow();
  }
  // Never blocks; false while there is a writer or anyone waits.
  bool try_lock_shared() noexcept { return take_shared(); }
  void unlock_shared() noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while (seen >= reader && (seen & (queue | waiting)) == 0) {
      // release: partner is the acquire of the next writer.
      if (word_.compare_exchange_weak(seen, seen - reader, std::memory_order_release,
                                      std::memory_order_relaxed))
        return;
    }
    unlock_shared_slow();
  }

 private:
  friend struct sync::shared_mutex_queue;
  friend class shared_timed_mutex;

  // The word; its states are in src/sync/shared_mutex.hpp.
  static constexpr std::uint32_t locked = 1;
  static constexpr std::uint32_t queue = 2;
  static constexpr std::uint32_t waiting = 4;
  static constexpr std::uint32_t reader = 8;  // times their number

  bool take() noexcept {
    detail::fair_point();
    std::uint32_t free = 0;
    // acquire: partner is the release in unlock and unlock_shared.
    if (!word_.compare_exchange_strong(free, locked, std::memory_order_acquire,
                                       std::memory_order_relaxed))
      return false;
    owner_.set();
    return true;
  }
  bool take_shared() noexcept {
    detail::fair_point();
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while ((seen & (locked | queue | waiting)) == 0) {
      // acquire: partner is the release in unlock.
      if (word_.compare_exchange_weak(seen, seen + reader, std::memory_order_acquire,
                                      std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  void lock_slow();
  void lock_shared_slow();
  bool lock_until(const detail::limit& bound, bool shared);
  void unlock_slow() noexcept;
  void unlock_shared_slow() noexcept;
  void check_owner() const noexcept;
  void check_end() const noexcept;

  std::atomic<std::uint32_t> word_{0};
  detail::owner_word owner_;  // the writer
  detail::waiter_list waiters_;
};

class shared_timed_mutex : private shared_mutex {
 public:
  constexpr shared_timed_mutex() noexcept = default;
  ~shared_timed_mutex() = default;
  shared_timed_mutex(const shared_timed_mutex&) = delete;
  shared_timed_mutex& operator=(const shared_timed_mutex&) = delete;

  using shared_mutex::lock;
  using shared_mutex::lock_shared;
  using shared_mutex::try_lock;
  using shared_mutex::try_lock_shared;
  using shared_mutex::unlock;
  using shared_mutex::unlock_shared;

  // Park the calling unit at most so long; a span or time in the past only tries. True when it is
  // an owner.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& span) {
    return try_lock() || lock_until(detail::limit(span), false);
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration>& when) {
    return try_lock() || lock_until(detail::limit(when), false);
  }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& span) {
    return try_lock_shared() || lock_until(detail::limit(span), true);
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_shared_until(const std::chrono::time_point<Clock, Duration>& when) {
    return try_lock_shared() || lock_until(detail::limit(when), true);
  }

 private:
  friend struct detail::wait_access;
};

}  // namespace trine
