// The steps of a wait for a future, for whoever waits (see sync/mutex.hpp).
//
// States of the word, by its bits:
//
//   ready  queue  waiting
//     0      0       0      nobody waits: publish() is one swap
//     0      0       1      the list is not empty
//     0      1       x      someone works on the list
//     1      0       0      ready, for good
#pragma once

#include <trine/detail/future_state.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

struct future_queue {
  // False: it is ready. `first`: it has waited before, by a clock that was early.
  static bool enqueue(detail::future_state& s, wait::waiter& w, bool first) noexcept;
  // For a wait that ended otherwise than woken.
  static void withdraw(detail::future_state& s, wait::waiter& w) noexcept;
};

}  // namespace trine::sync
