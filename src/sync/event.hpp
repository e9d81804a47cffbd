// The steps of a wait for an event, for whoever waits (see sync/mutex.hpp). States of the word are
// in event.cpp.
#pragma once

#include <trine/event.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

struct event_queue {
  // False: it is set.
  static bool enqueue(event& e, wait::waiter& w) noexcept;
  // For a wait that ended otherwise than woken, and for a thread's that was woken before it parked.
  static void withdraw(event& e, wait::waiter& w) noexcept;
};

}  // namespace trine::sync
