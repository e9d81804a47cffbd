// The step of a wait at a barrier, for whoever waits (see sync/mutex.hpp); such a wait ends only by
// being woken.
//
// States of the word: phase, count of missing arrivals, and two bits:
//
//   phase  count  queue  waiting
//     p      n      0       0      n are missing, nobody waits
//     p      n      0       1      the list is not empty: those who wait for the end of phase p
//     p      0      0       x      all have arrived; the last of them runs the function
//     x      x      1       x      someone works on the list
//
// The last arrival ends the phase by one store of the next phase and its count, and claims all in
// the list before it. Nobody can go on before that store, whether woken or by a look at the phase.
// When nobody is expected any more (all have dropped) the store is of count 0 and nobody arrives.
#pragma once

#include <trine/barrier.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

struct barrier_queue {
  // False: the phase is over.
  static bool enqueue(const detail::phases& b, std::uint64_t phase, wait::waiter& w) noexcept;
  // For a task that is destroyed while it waits: its arrival counts all the same.
  static void withdraw(const detail::phases& b, wait::waiter& w) noexcept;
};

}  // namespace trine::sync
