// What the primitives share: the bit of a word that guards a list of waiters, and the chain of
// those to be resumed.
//
// A primitive's state is one word. One of its bits, the queue bit, is a lock for the list beside
// it; it is held for a few instructions, by which nobody parks or calls anything of the user's. The
// store that ends it is the last that a waker does to the primitive: whoever goes on after it may
// destroy the primitive at once. Therefore waiters are claimed by claim_held() under the bit, and
// resumed from a chain of their own after it.
#pragma once

#include <sched.h>
#include <time.h>

#include <atomic>

#include "base/cpu.hpp"
#include "wait/waiter.hpp"

namespace trine::sync {

// Between two looks at a queue bit that another holds. It may have been preempted on this CPU, even
// by us at a higher priority: so the last resort is to sleep.
inline void be_patient(unsigned looks) noexcept {
  base::relax();
  if (looks % 128 != 0) return;
  if (looks < 128 * 64) {
    sched_yield();
  } else {
    const timespec moment{0, 20'000};
    nanosleep(&moment, nullptr);
  }
}

// Returns the other bits. The caller stores the new ones, without the queue bit, to end it.
template <class Word>
Word lock_queue(std::atomic<Word>& word, Word bit) noexcept {
  for (unsigned looks = 1;; ++looks) {
    // acquire: partner is the release store that ends the last section; the list is seen.
    const Word seen = word.fetch_or(bit, std::memory_order_acquire);
    if ((seen & bit) == 0) return seen;
    be_patient(looks);
  }
}

// Waiters that have been claimed, in their order.
class to_resume {
 public:
  // Claims one that has been taken out of its list. False when its wait has ended otherwise.
  bool claim(wait::waiter& w) noexcept {
    if (!w.claim_held(wait::outcome::woken)) return false;
    add(w);
    return true;
  }
  // One that has been claimed already.
  void add(wait::waiter& w) noexcept {
    w.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &w;
    last_ = &w;
  }
  bool empty() const noexcept { return first_ == nullptr; }
  void resume() noexcept {
    while (first_ != nullptr) {
      wait::waiter* const w = first_;
      first_ = w->next;  // before: its frame may go away
      w->resume();
    }
  }

 private:
  wait::waiter* first_ = nullptr;
  wait::waiter* last_ = nullptr;
};

}  // namespace trine::sync
