// The slow paths of trine::mutex. States of the word, by its bits:
//
//   locked  queue  waiting
//     0       0       0      free
//     1       0       0      held, nobody waits: unlock is one swap to free
//     1       0       1      held, the list is not empty: unlock takes the slow path
//     0       0       1      free while a woken waiter is on its way and others wait; anyone may
//     take it x       1       x      someone works on the list
//
// A waiter leaves the list only by the hand of an unlock. unlock either frees the mutex and wakes
// the first waiter, who tries again, or, when that waiter has lost once (tag), leaves the locked
// bit set and passes ownership (data). Nothing of the mutex is touched after the store that ends
// the queue bit: the next owner may destroy it at once.
#include <trine/mutex.hpp>

#include <sched.h>

#include "base/cpu.hpp"
#include "wait/waiter.hpp"

namespace trine {
namespace {

char handed_over;  // its address marks a waiter that now owns the mutex

}  // namespace

// Returns the other bits; the caller stores the new ones, without the queue bit, to end it.
std::uint32_t mutex::lock_queue() noexcept {
  for (unsigned spins = 1;; ++spins) {
    // acquire: partner is the release store that ends the last section; the list is seen.
    const std::uint32_t seen = word_.fetch_or(queue, std::memory_order_acquire);
    if ((seen & queue) == 0) return seen;
    base::relax();
    if (spins % 128 == 0) sched_yield();  // the holder may have been preempted on this core
  }
}

void mutex::lock_slow() {
  for (bool lost = false;; lost = true) {
    wait::waiter w;
    const std::uint32_t bits = lock_queue();
    if ((bits & locked) == 0) {
      word_.store(bits | locked, std::memory_order_release);
      return;
    }
    w.tag = lost ? 1 : 0;
    if (lost) {
      waiters_.push_front(w);
    } else {
      waiters_.push_back(w);
    }
    word_.store(bits | waiting, std::memory_order_release);
    w.wait({.why = observe::reason::mutex, .object = this, .stoppable = false});
    if (w.data == &handed_over) return;
  }
}

void mutex::unlock_slow() noexcept {
  const std::uint32_t bits = lock_queue();
  wait::waiter* const w = waiters_.pop_front();
  if (w == nullptr) {
    word_.store(0, std::memory_order_release);
    return;
  }
  std::uint32_t after = waiters_.empty() ? bits & ~waiting : bits;
  if (w->tag != 0) {
    w->data = &handed_over;
  } else {
    after &= ~locked;
  }
  const wait::claimed how = w->claim(wait::outcome::woken);
  // release: partner is the acquire of the next owner, by lock_queue, lock or try_lock.
  word_.store(after, std::memory_order_release);
  if (how == wait::claimed::parked) w->resume();
}

}  // namespace trine
