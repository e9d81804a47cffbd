// The steps of a contended lock, for whoever waits: a unit by wait(), a task by co_await.
//
//   wait::waiter w;
//   if (mutex_queue::enqueue(m, w, lost)) {        // else it is locked
//     o = … the wait …;
//     if (o == woken && mutex_queue::handed_over(w)) it is locked;
//     else if (o == woken) try again with lost = true and another waiter;
//     else mutex_queue::withdraw(m, w);
//   }
//
// States of the word, by its bits:
//
//   locked  queue  waiting
//     0       0       0      free
//     1       0       0      held, nobody waits: unlock is one swap to free
//     1       0       1      held, the list is not empty: unlock takes the slow path
//     0       0       1      free while a woken waiter is on its way and others wait; anyone may
//                            take it
//     x       1       x      someone works on the list
//
// A waiter leaves the list by the hand of an unlock, or its own when its wait ended otherwise.
// unlock either frees the mutex and wakes the first waiter, who tries again, or, when that waiter
// has lost once (tag; or is a task), leaves the locked bit set and passes ownership (data). A
// waiter that an unlock finds to have ended otherwise is dropped, and the next one is woken.
// Nothing of the mutex is touched after the store that ends the queue bit, and nobody who was woken
// goes on before it: the next owner may destroy it at once.
#pragma once

#include <trine/mutex.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

struct mutex_queue {
  // False: the mutex was free and is locked now. `lost`: w has been woken and found it taken.
  static bool enqueue(mutex& m, wait::waiter& w, bool lost) noexcept;
  // For who cannot try again, a task: whoever wakes w has handed it over.
  static bool enqueue_for_hand_over(mutex& m, wait::waiter& w, bool first) noexcept;
  static bool handed_over(const wait::waiter& w) noexcept;
  static void withdraw(mutex& m, wait::waiter& w) noexcept;
  // When a task has locked it by the above.
  static void set_owner(mutex& m) noexcept { m.owner_.set(); }

  // For reports: whether it is held, and the mark of its owner (0: unknown).
  static bool held(const mutex& m) noexcept {
    return (m.word_.load(std::memory_order_relaxed) & mutex::locked) != 0;
  }
  static std::uint32_t owner(const mutex& m) noexcept { return m.owner_.get(); }

 private:
  static bool enter(mutex& m, wait::waiter& w, bool hand_over, bool first) noexcept;
};

}  // namespace trine::sync
