// The step of a wait at a latch, for whoever waits (see sync/mutex.hpp); such a wait ends only by
// being woken.
//
// States of the word: the count, and two bits:
//
//   count  queue  waiting
//     n      0       0      nobody waits
//     n      0       1      the list is not empty
//     x      1       x      someone works on the list
//     0      1       x      the last count_down wakes those in the list
//     0      0       0      the end: the word is zero, and nobody will touch the latch
#pragma once

#include <trine/latch.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

struct latch_queue {
  // False: the count is zero already.
  static bool enqueue(const latch& l, wait::waiter& w) noexcept;
  // For a task that is destroyed while it waits.
  static void withdraw(const latch& l, wait::waiter& w) noexcept;
};

}  // namespace trine::sync
