// What a worker does when it has nothing to do: search, watch, sleep (rules in runtime.hpp).
#include "wait/idle.hpp"

#include "base/clock.hpp"
#include "coroutine/runtime.hpp"
#include "coroutine/worker.hpp"

namespace trine::coroutines {
namespace {

constexpr std::int64_t search_ns = 10'000;
constexpr std::int64_t first_pause_ns = 50'000;
constexpr std::int64_t last_pause_ns = 1'000'000;
// How many looks a watcher lasts after everybody else has gone to sleep: a program that works in
// short bursts would wake a new one at each otherwise.
constexpr unsigned lingering_looks = 10;
constexpr std::uint32_t steal_limit = 128;

}  // namespace

bool worker::nothing_to_do() noexcept {
  return wakes_.empty() && jobs_.empty() && stops_.empty() && !pool_.injected() && ready_.empty() &&
         queue_.size() == 0 && pinned_.empty() && !forks_.any();
}

// Takes work from outside or from another worker. `settled`: also a single job of a queue from
// which nothing has been taken since the last look.
bool worker::look_for_work(bool settled) noexcept {
  if (pool_.injected()) {
    if (const runnable r = pool_.take_injected()) {
      push_runnable(r);
      return true;
    }
  }
  const unsigned n = pool_.size();
  for (unsigned k = 1; k < n; ++k) {
    worker& victim = pool_.at((index_ + k) % n);
    const std::uint32_t there = victim.stealable();
    const std::uint32_t taken = victim.taken();
    const bool stuck = settled && seen_[victim.index_] == taken;
    seen_[victim.index_] = taken;
    if (there >= 2 || (there == 1 && stuck)) {
      runnable loot[steal_limit];
      const std::uint32_t count = victim.steal(loot, steal_limit);
      for (std::uint32_t i = 0; i < count; ++i) push_runnable(loot[i]);
      if (count != 0) return true;
    }
    if (victim.forks_.any()) {
      if (detail::core* const c = take_fork(victim.forks_, false)) {
        push_own(*c);
        return true;
      }
    }
  }
  return false;
}

bool worker::search() noexcept {
  // At most half of the workers search at a time: more would only fight over the same queues.
  if (2 * pool_.searchers_.fetch_add(1, std::memory_order_seq_cst) >= pool_.size()) {
    pool_.searchers_.fetch_sub(1, std::memory_order_seq_cst);
    return false;
  }
  bool found = false;
  const std::int64_t until = base::now_ns() + search_ns;
  do {
    for (int i = 0; i < 16 && !found; ++i) {
      found = look_for_work(false) || !nothing_to_do();
      base::relax();
    }
    now_ = base::now_ns();
    found = found || timers_.next() <= now_;
  } while (!found && now_ < until);
  const bool last = pool_.searchers_.fetch_sub(1, std::memory_order_seq_cst) == 1;
  // There may be more where this came from, and those who pushed it trusted in our search.
  if (found && last && pool_.sleepers_.load(std::memory_order_seq_cst) != 0) pass_on();
  return found;
}

void worker::pass_on() noexcept {
  if (pool_.injected()) return pool_.wake_one(this);
  for (unsigned i = 0; i < pool_.size(); ++i)
    if (pool_.at(i).stealable() >= 2 || pool_.at(i).forks().any()) return pool_.wake_one(this);
}

bool worker::others_awake() const noexcept {
  return pool_.sleepers_.load(std::memory_order_seq_cst) < pool_.size();
}

void worker::idle() noexcept {
  poll();
  if (!nothing_to_do() || search()) return;
  pool_.sleepers_.fetch_add(1, std::memory_order_seq_cst);
  bool watching = false;
  unsigned quiet = 0;
  std::int64_t pause = first_pause_ns;
  for (;;) {
    sleep_.store(sleeping, std::memory_order_seq_cst);
    // After the announcement: whoever pushed before it is seen here, whoever pushes after sees it.
    if (!nothing_to_do() || pool_.frozen()) break;
    const bool others = others_awake();
    if (!watching && others && !pool_.watched_.exchange(true, std::memory_order_seq_cst)) {
      watching = true;
      pause = first_pause_ns;
    }
    if (watching && !others && ++quiet > lingering_looks) {
      watching = false;
      quiet = 0;
      pool_.watched_.store(false, std::memory_order_seq_cst);
      // Somebody may have woken meanwhile and trusted in a watcher that was about to go.
      if (others_awake()) continue;
    }
    if (others) quiet = 0;
    std::int64_t until = timers_.next();
    if (watching && now_ + pause < until) until = now_ + pause;
    if (worn_ && trim_at_ < until) until = trim_at_;
    if (until > now_) wait::sleep_on(sleep_, sleeping, until);
    now_ = base::now_ns();
    if (sleep_.load(std::memory_order_seq_cst) == awake || timers_.next() <= now_) break;
    if (worn_ && now_ >= trim_at_) trim_cache();
    if (watching) {
      pause = pause * 2 < last_pause_ns ? pause * 2 : last_pause_ns;
      if (look_for_work(true)) break;
    }
  }
  sleep_.store(awake, std::memory_order_seq_cst);
  forks_.arm();  // there may be no watcher now; the first fork sees to it
  pool_.sleepers_.fetch_sub(1, std::memory_order_seq_cst);
  pool_.monitor_.wake();
  if (watching) {
    pool_.watched_.store(false, std::memory_order_seq_cst);
    // The role goes to another sleeper, if there is one, while we are busy.
    if (pool_.sleepers_.load(std::memory_order_seq_cst) != 0) pool_.wake_one(this);
  }
}

}  // namespace trine::coroutines
