// How long to spin before sleeping: as long as it has paid lately.
#pragma once

#include <sched.h>
#include <cstdint>

#include "base/clock.hpp"
#include "base/cpu.hpp"

namespace trine::process_layer {

class spin_budget {
 public:
  explicit spin_budget(std::int64_t most_ns = 20'000) noexcept
      : most_(one_processor() ? 0 : most_ns), budget_(most_) {}

  // Spins until ready() or the budget is used up. Returns ready().
  template <class Ready>
  bool spin(Ready ready) noexcept {
    if (ready()) return true;
    if (budget_ == 0) return false;
    const std::int64_t start = base::now_ns();
    for (std::int64_t now = start; now - start < budget_; now = base::now_ns()) {
      for (int i = 0; i < 16; ++i) {
        base::relax();
        if (!ready()) continue;
        spun_ += base::now_ns() - start;
        budget_ = budget_ * 2 < most_ ? budget_ * 2 : most_;
        skip_ = 0;
        return true;
      }
    }
    spun_ += budget_;
    budget_ = skip_ != 0 || budget_ / 2 < least ? 0 : budget_ / 2;
    return false;
  }
  // After a sleep of that length. When both sides sleep, each waits for the other to be woken,
  // which takes longer than what they would spin for: so a trial is long enough to outlast that
  // once. And where both share a processor every spin is vain, so each trial that fails makes the
  // next rarer.
  void slept(std::int64_t ns) noexcept {
    if (budget_ != 0 || ns > 5 * most_ || ++slept_ < skip_) return;
    slept_ = 0;
    skip_ = skip_ == 0 ? 8 : skip_ < 1024 ? skip_ * 2 : skip_;
    budget_ = 3 * most_;
  }
  // Nanoseconds spun since the last call.
  std::int64_t take_spun() noexcept {
    const std::int64_t ns = spun_;
    spun_ = 0;
    return ns;
  }

 private:
  static constexpr std::int64_t least = 500;
  // There, nothing can come while we spin.
  static bool one_processor() noexcept {
    static const bool one = [] {
      cpu_set_t set;
      return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
    }();
    return one;
  }

  std::int64_t most_;
  std::int64_t budget_;
  std::int64_t spun_ = 0;
  unsigned skip_ = 0, slept_ = 0;
};

}  // namespace trine::process_layer
