// latch: a count that goes down to zero, once, and those who wait for it.
//
//   trine::latch ready(3);
//   … each of three units: ready.count_down();
//   ready.wait();                              // parks only the unit that waits
//
// The members are those of std::latch. Waiting is never interrupted by a stop request and allocates
// nothing; all who wait are woken together, in the order in which they came. count_down() is one
// atomic operation unless it wakes others. Whoever has seen the count at zero may destroy the
// latch, even if the count_down that made it zero has not returned. Debug builds of the library end
// the program with a sentence that names the unit when more is counted down than there is, or a
// latch ends while others wait for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <trine/detail/fair.hpp>
#include <trine/detail/owner.hpp>
#include <trine/detail/waiter_list.hpp>

namespace trine {

namespace sync {
struct latch_queue;
}

class latch {
 public:
  static constexpr std::ptrdiff_t max() noexcept {
    return std::numeric_limits<std::ptrdiff_t>::max() / 4;
  }

  // 0 ≤ expected ≤ max().
  constexpr explicit latch(std::ptrdiff_t expected) noexcept
      : word_(static_cast<std::uint64_t>(expected) * one) {
    if (!__builtin_is_constant_evaluated() && detail::sync_checks) check_count(expected);
  }
  ~latch() {
    if (detail::sync_checks) check_end();
  }
  latch(const latch&) = delete;
  latch& operator=(const latch&) = delete;

  // 0 ≤ n ≤ the count. Never waits.
  void count_down(std::ptrdiff_t n = 1) {
    if (detail::sync_checks) check_count(n);
    const std::uint64_t less = static_cast<std::uint64_t>(n) * one;
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    // Not the last step while others wait, nor while someone works on the list.
    while ((seen & queue) == 0 && seen >= less && ((seen & waiting) == 0 || seen - less >= one)) {
      // release: partner is the acquire in try_wait(), by way of the later steps' swaps.
      if (word_.compare_exchange_weak(seen, seen - less, std::memory_order_release,
                                      std::memory_order_relaxed))
        return;
    }
    count_down_slow(less);
  }
  // Whether the count is zero. Never blocks.
  bool try_wait() const noexcept {
    detail::fair_point();
    // acquire: partner is the release in count_down(); what was done before it is seen. Zero with
    // the queue bit is not yet the end.
    return word_.load(std::memory_order_acquire) == 0;
  }
  // Parks the calling unit until the count is zero.
  void wait() const {
    if (!try_wait()) wait_slow();
  }
  void arrive_and_wait(std::ptrdiff_t n = 1) {
    count_down(n);
    wait();
  }

 private:
  friend struct sync::latch_queue;

  // The word: the count times one, and two bits. Its states are in src/sync/latch.hpp.
  static constexpr std::uint64_t queue = 1;
  static constexpr std::uint64_t waiting = 2;
  static constexpr std::uint64_t one = 4;

  void wait_slow() const;
  void count_down_slow(std::uint64_t less) noexcept;
  void check_count(std::ptrdiff_t n) const noexcept;
  void check_end() const noexcept;

  mutable std::atomic<std::uint64_t> word_;
  mutable detail::waiter_list waiters_;
};

}  // namespace trine
