// How long to spin before sleeping: as long as it has paid lately.
//
// Two processes that take turns do so in half a microsecond when both spin on processors of their
// own, in some five when they share one and sleep, and in many times that when each turn wakes a
// processor. So nobody spins for who shares its processor, and after a while of short turns on one
// processor the worker makes a trial on another (process/worker_wait).
#pragma once

#include <sched.h>
#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"
#include "base/cpu.hpp"

namespace trine::process_layer {

// The processor this thread runs on, counted from 1 so that 0 means unknown.
inline std::uint32_t processor_now() noexcept {
  return static_cast<std::uint32_t>(sched_getcpu() + 1);
}

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
        const std::int64_t took = base::now_ns() - start;
        spun_ += took;
        // Beyond most_ only while it pays: where waking a processor takes long, one side must spin
        // through the other's wake before both can spin.
        budget_ = std::max(std::min(budget_ * 2, most_), std::min(took * 2, 3 * most_));
        skip_ = 0;
        return true;
      }
    }
    spun_ += budget_;
    budget_ = std::min(budget_ / 2, most_);
    if (skip_ != 0 || budget_ < least) budget_ = 0;
    return false;
  }
  // Lets whoever shares the processor run meanwhile, so that it can leave it.
  template <class Ready>
  static bool spin_while_it_moves(Ready ready) noexcept {
    for (const std::int64_t end = base::now_ns() + move_ns; !ready(); sched_yield())
      if (base::now_ns() > end) return false;
    return true;
  }
  // After a move of our own.
  void start_trial() noexcept { budget_ = move_ns; }
  // After a sleep of that length. When both sides sleep, each waits for the other to be woken,
  // which takes longer than what they would spin for: so a trial is long enough to outlast that
  // once, and each trial that fails makes the next rarer.
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
  static constexpr std::int64_t move_ns = 150'000;
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
