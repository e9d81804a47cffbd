// counting_semaphore and binary_semaphore: a number of tokens that units take and give back.
//
//   trine::counting_semaphore<8> slots(8);
//   slots.acquire();                           // parks only the unit that waits
//   …
//   slots.release();
//
// The members are those of std::counting_semaphore. First come, first served: a release hands its
// tokens to those who wait longest, and whoever comes later waits behind them.
//
// acquire() and the timed forms end with `cancelled` (or timed_out) when the calling unit is asked
// to stop (or its own deadline passes) while it waits; they have taken no token then. A token that
// is there is taken without a look at stop requests. No acquire is interrupted while an exception
// unwinds. try_acquire() and release() never wait.
//
// Without contention each is one atomic operation; waiting allocates nothing. Whoever has acquired
// the last token may destroy the semaphore, even if the release that gave it has not returned.
// Misuse: debug builds of the library end the program with a sentence that names the unit when a
// count becomes negative or exceeds max(), or a semaphore ends while others wait for it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <trine/detail/deadline.hpp>
#include <trine/detail/fair.hpp>
#include <trine/detail/owner.hpp>
#include <trine/detail/waiter_list.hpp>

namespace trine {

namespace sync {
struct semaphore_queue;
}

namespace detail {

class semaphore {
 public:
  constexpr explicit semaphore(std::ptrdiff_t count) noexcept : word_(count) {}
  ~semaphore() {
    if (sync_checks) check_end();
  }
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  bool take() noexcept {
    fair_point();
    std::int64_t seen = word_.load(std::memory_order_relaxed);
    while (seen > 0) {
      // acquire: partner is the release in give(); what happened before the release is seen.
      if (word_.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire,
                                      std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  void give(std::ptrdiff_t update, std::ptrdiff_t most) {
    if (sync_checks) check_release(update, most);
    std::int64_t seen = word_.load(std::memory_order_relaxed);
    while (seen >= 0) {
      // release: partner is the acquire in take().
      if (word_.compare_exchange_weak(seen, seen + update, std::memory_order_release,
                                      std::memory_order_relaxed))
        return;
    }
    give_slow(update);
  }
  // False when the time has come. Throws cancelled or timed_out.
  bool wait(const limit& bound);
  void check_start(std::ptrdiff_t most) const noexcept;

 private:
  friend struct trine::sync::semaphore_queue;

  // The word: a number of tokens, or one of these; its states are in src/sync/semaphore.hpp.
  static constexpr std::int64_t waiting = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t busy = waiting + 1;

  void give_slow(std::int64_t update) noexcept;
  void check_release(std::ptrdiff_t update, std::ptrdiff_t most) const noexcept;
  void check_end() const noexcept;

  std::atomic<std::int64_t> word_;
  waiter_list waiters_;
};

}  // namespace detail

template <std::ptrdiff_t LeastMax = std::numeric_limits<std::ptrdiff_t>::max()>
class counting_semaphore {
  static_assert(LeastMax >= 0, "trine: a semaphore's greatest count cannot be negative");

 public:
  static constexpr std::ptrdiff_t max() noexcept { return LeastMax; }

  // 0 ≤ desired ≤ max().
  constexpr explicit counting_semaphore(std::ptrdiff_t desired) noexcept : semaphore_(desired) {
    if (!__builtin_is_constant_evaluated() && detail::sync_checks) semaphore_.check_start(max());
  }
  ~counting_semaphore() = default;
  counting_semaphore(const counting_semaphore&) = delete;
  counting_semaphore& operator=(const counting_semaphore&) = delete;

  // Gives back tokens; 0 ≤ update ≤ max() minus the count. Never waits.
  void release(std::ptrdiff_t update = 1) { semaphore_.give(update, max()); }
  // Parks the calling unit until it has a token.
  void acquire() {
    if (!semaphore_.take()) semaphore_.wait(detail::limit());
  }
  // Never blocks; fails only when there is no token.
  bool try_acquire() noexcept { return semaphore_.take(); }
  // Park the calling unit at most so long; a span or time in the past only tries. True when it has
  // a token.
  template <class Rep, class Period>
  bool try_acquire_for(const std::chrono::duration<Rep, Period>& span) {
    return semaphore_.take() || semaphore_.wait(detail::limit(span));
  }
  template <class Clock, class Duration>
  bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& when) {
    return semaphore_.take() || semaphore_.wait(detail::limit(when));
  }

 private:
  friend struct detail::wait_access;

  detail::semaphore semaphore_;
};

using binary_semaphore = counting_semaphore<1>;

}  // namespace trine
