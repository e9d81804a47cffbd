// The steps of a wait for a token, for whoever waits (see sync/mutex.hpp).
//
// States of the word:
//
//   n ≥ 0     n tokens; nobody waits and nobody works on the list
//   waiting   no token; the list is not empty
//   busy      no token that is anyone's yet; someone works on the list, for a few instructions
//
//   n > 0 ──take──▶ n-1        n ≥ 0 ──give k──▶ n+k
//   0 ──enqueue──▶ busy ──▶ waiting
//   waiting ──enqueue, withdraw──▶ busy ──▶ waiting, or 0 when the list is empty
//   waiting ──give k──▶ busy ──▶ waiting, or what is left of k when the list is empty
//
// A token given while others wait goes to the first whose wait has not ended otherwise. All in one
// word, so that the store that ends busy is the last a release does to the semaphore, be it for a
// waiter or for one who takes what is left: either may destroy it then.
#pragma once

#include <trine/semaphore.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

struct semaphore_queue {
  // False: there was a token, which is the caller's now. `first`: it has waited before.
  static bool enqueue(detail::semaphore& s, wait::waiter& w, bool first) noexcept;
  // For a wait that ended otherwise than woken.
  static void withdraw(detail::semaphore& s, wait::waiter& w) noexcept;
  static void give(detail::semaphore& s, std::int64_t update) noexcept;
};

}  // namespace trine::sync
