// The slow paths of trine::event. States of the word, by its bits:
//
//   on  locked
//    0     0    reset; units may wait
//    1     0    set; nobody waits in the list
//    x     1    someone works on the list
//
// set() claims all waiters under the lock, and the store that ends the lock is its last touch of
// the event. A waiter that was claimed before it parked takes the lock once before it returns, so
// that set() is through with it.
#include "sync/event.hpp"

#include <sched.h>

#include "base/cpu.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine {

// Returns the other bits; the caller stores the new ones, without `locked`, to end it.
std::uint32_t event::lock() noexcept {
  for (unsigned spins = 1;; ++spins) {
    // acquire: partner is the release store that ends the last section.
    const std::uint32_t seen = word_.fetch_or(locked, std::memory_order_acquire);
    if ((seen & locked) == 0) return seen;
    base::relax();
    if (spins % 128 == 0) sched_yield();  // the holder may have been preempted on this core
  }
}

void event::set_and_wake() noexcept {
  lock();
  wait::waiter* parked = nullptr;
  while (wait::waiter* const w = waiters_.pop_front()) {
    if (w->claim(wait::outcome::woken) != wait::claimed::parked) continue;
    w->next = parked;
    parked = w;
  }
  // release: partner is the acquire in settled() and lock().
  word_.store(is_on, std::memory_order_release);
  while (parked != nullptr) {
    wait::waiter* const w = parked;
    parked = w->next;
    w->resume();
  }
}

void event::reset() noexcept {
  lock();
  word_.store(0, std::memory_order_release);
}

bool sync::event_queue::enqueue(event& e, wait::waiter& w) noexcept {
  const std::uint32_t bits = e.lock();
  const bool waits = (bits & event::is_on) == 0;
  if (waits) e.waiters_.push_back(w);
  e.word_.store(bits, std::memory_order_release);
  return waits;
}

void sync::event_queue::withdraw(event& e, wait::waiter& w) noexcept {
  const std::uint32_t bits = e.lock();
  if (w.linked) e.waiters_.erase(w);
  e.word_.store(bits, std::memory_order_release);
}

bool event::wait_slow(std::int64_t deadline) {
  wait::waiter w;
  if (!sync::event_queue::enqueue(*this, w)) return true;
  const wait::outcome o =
      w.wait({.why = observe::reason::event, .object = this, .deadline = deadline});
  if (o == wait::outcome::woken && w.sched() != nullptr) return true;
  sync::event_queue::withdraw(*this, w);
  if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
  return o == wait::outcome::woken;
}

}  // namespace trine
