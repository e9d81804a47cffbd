#include "coroutine/monitor.hpp"

#include <pthread.h>
#include <new>

#include "base/clock.hpp"
#include "coroutine/runtime.hpp"
#include "os/short_slice.hpp"
#include "wait/idle.hpp"

namespace trine::coroutines {

bool monitor::start() noexcept {
  try {
    seen_.resize(pool_.size());
  } catch (const std::bad_alloc&) {
    return false;
  }
  pthread_t thread;
  const auto main = [](void* self) -> void* {
    pthread_setname_np(pthread_self(), "trine-monitor");
    os::ask_for_short_slice();
    static_cast<monitor*>(self)->run();
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, main, this) != 0) return false;
  pthread_detach(thread);
  return true;
}

void monitor::run() noexcept {
  unsigned quiet = 0;
  while (!pool_.frozen()) {
    const std::int64_t now = base::now_ns();
    for (unsigned i = 0; i < pool_.size(); ++i) look_at(i, now);
    if (pool_.sleepers_.load(std::memory_order_seq_cst) < pool_.size()) {
      quiet = 0;
    } else if (++quiet > lingering_ticks) {
      // seq_cst: announced, then the sleepers are counted again; a worker that wakes takes itself
      // off the count, then looks here. Weaker, both could miss and nobody would watch it.
      sleep_.store(asleep, std::memory_order_seq_cst);
      if (pool_.sleepers_.load(std::memory_order_seq_cst) == pool_.size())
        wait::sleep_on(sleep_, asleep, base::never);
      sleep_.store(ticking, std::memory_order_seq_cst);
      quiet = 0;
      continue;
    }
    wait::sleep_on(sleep_, ticking, now + tick_ns);
  }
}

void monitor::wake_slow() noexcept {
  if (sleep_.exchange(ticking, std::memory_order_seq_cst) == asleep) wait::wake_sleeper(sleep_);
}

void monitor::look_at(unsigned index, std::int64_t now) noexcept {
  worker& w = pool_.at(index);
  seen& s = seen_[index];
  const std::uint32_t looks = w.looks();
  if (looks != s.looks || w.asleep()) {
    s.looks = looks;
    s.since = now;
    return unmark(s);
  }
  if (looks == 0) return;  // its thread is starting
  // A tick that came late still leaves the worker a whole one.
  if (now - s.since < tick_ns) return;
  w.hurry();
  if (now - s.since < long_run_ns || s.marked != nullptr) return;
  observe::slot* const slot = w.running();
  if (slot == nullptr) return;
  const std::uint64_t id = slot->id.load(std::memory_order_acquire);
  // Still the same run: then slot and id are of the unit that runs.
  if (id == 0 || w.looks() != looks) return;
  observe::mark_long_run(*slot, id, s.since);
  s.marked = slot;
}

void monitor::unmark(seen& s) noexcept {
  if (s.marked == nullptr) return;
  observe::unmark_long_run(*s.marked);
  s.marked = nullptr;
}

}  // namespace trine::coroutines
