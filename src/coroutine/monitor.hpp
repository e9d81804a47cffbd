// The monitor: one thread that looks at the workers every few milliseconds while any is awake.
//
// A worker looks at its timers and inboxes about every millisecond, as long as what it runs parks
// or yields. One that has not looked for a whole tick is overdue: its next pick is made to look,
// and the coroutine it runs yields at its next Trine call (trine/detail/fair.hpp). So a call to
// Trine lets the timers and wakes of its home through when the last look is tick_ns to 2 × tick_ns
// ago, and the bound promised, 10 ms, leaves room for the monitor's own wake. A unit that makes no
// call for long_run_ns is marked in the registry.
//
// Nothing is in a worker's way: the monitor reads a count that is written at each look. When all
// workers have slept for some ticks it sleeps too, until one that wakes finds it asleep.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "observe/registry.hpp"

namespace trine::coroutines {

class runtime;

class monitor {
 public:
  static constexpr std::int64_t tick_ns = 3'000'000;
  static constexpr std::int64_t long_run_ns = 100'000'000;

  explicit monitor(runtime& pool) noexcept : pool_(pool) {}

  // False when there is no thread to be had: then nobody is ever overdue.
  bool start() noexcept;

  // By a worker that has ended its sleep, after it has taken itself off the count of sleepers.
  void wake() noexcept {
    if (sleep_.load(std::memory_order_seq_cst) == asleep) wake_slow();
  }

 private:
  static constexpr std::uint32_t ticking = 0;
  static constexpr std::uint32_t asleep = 1;
  static constexpr unsigned lingering_ticks = 10;

  // What is known of a worker: its count of looks, and since when that has not changed.
  struct seen {
    std::uint32_t looks = 0;
    std::int64_t since = 0;
    observe::slot* marked = nullptr;
  };

  void run() noexcept;
  void look_at(unsigned index, std::int64_t now) noexcept;
  static void unmark(seen& s) noexcept;
  void wake_slow() noexcept;

  runtime& pool_;
  std::vector<seen> seen_;
  std::atomic<std::uint32_t> sleep_{ticking};
};

}  // namespace trine::coroutines
