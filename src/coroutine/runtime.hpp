// The workers of this process, and the jobs that come from outside them.
//
// Started by the first coroutine spawned; lives until the process ends. Waking rules:
//   - A waker pays a system call only for a worker that has announced its sleep.
//   - A worker that has two or more fresh jobs queued wakes one sleeper, unless one is already
//     searching (as Go and Tokio do): the searcher that finds work passes the wake on.
//   - A single fresh job wakes nobody: most often its spawner joins it at once and it is run
//     here. So that it is never out of reach while its owner computes, one idle worker is the
//     watcher whenever another is awake: it sleeps for 50 µs to 1 ms at a time and takes a single
//     job whose queue has not moved between two looks. The role passes on with the first find.
// No wake is lost: a plain push needs no fence because the watcher looks again anyway; jobs from
// outside and wakes are pushed by sequentially consistent operations, and a sleeper looks at
// both after it has announced itself by one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "coroutine/monitor.hpp"
#include "coroutine/worker.hpp"
#include "os/lock.hpp"

namespace trine::coroutines {

class runtime {
 public:
  // Starts it on first use. Throws std::system_error when no worker thread can be made.
  static runtime& get();
  // Null before the first use.
  static runtime* existing() noexcept;

  unsigned size() const noexcept { return size_.load(std::memory_order_relaxed); }
  worker& at(unsigned i) noexcept { return *workers_[i]; }

  // A fresh job from outside the workers, or one that a full queue could not take.
  void inject(runnable r) noexcept;
  runnable take_injected() noexcept;
  // Too many wait outside; a limit no sound program meets.
  bool crowded() const noexcept;
  bool injected() const noexcept { return injected_.load(std::memory_order_seq_cst) != 0; }

  // Called after a push to a queue others may steal from.
  void pushed(worker& by, std::uint32_t queued) noexcept {
    if (sleepers_.load(std::memory_order_relaxed) == 0) return;
    if (queued >= 2) {
      if (searchers_.load(std::memory_order_relaxed) == 0) wake_one(&by);
    } else if (!watched_.load(std::memory_order_seq_cst)) {
      wake_one(&by);
    }
  }
  // Called at the first fork after a worker has slept: forks themselves wake nobody, the watcher
  // looks at their deques too.
  void expect_watcher() noexcept {
    if (sleepers_.load(std::memory_order_seq_cst) != 0 && !watched_.load(std::memory_order_seq_cst))
      wake_one(worker::here());
  }
  void wake_one(const worker* not_this) noexcept;

  // At the end of the program: workers stop taking work. Returns when they have, or after a bound.
  void freeze() noexcept;
  bool frozen() const noexcept { return frozen_.load(std::memory_order_relaxed); }

  // For workers: the calling thread stops here for good.
  [[noreturn]] void stop_here() noexcept;

  std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<std::uint32_t> searchers_{0};
  std::atomic<bool> watched_{false};
  std::atomic<std::uint32_t> stopped_{0};
  monitor monitor_{*this};

 private:
  runtime();

  std::atomic<unsigned> size_;  // lowered once, when the system grants fewer threads
  std::unique_ptr<worker*[]> workers_;
  std::atomic<bool> frozen_{false};
  std::atomic<std::uint32_t> next_wake_{0};

  // Jobs from outside: FIFO, linked through core::next; roaming coroutines apart.
  os::lock lock_;
  fifo<detail::core> fresh_;
  fifo<suspended> roaming_;
  std::atomic<std::uint32_t> injected_{0};
};

// How many workers the runtime will start with; refused once it runs. 0: one for each CPU the
// program may use.
void set_workers(unsigned count);
unsigned configured_workers();

}  // namespace trine::coroutines
