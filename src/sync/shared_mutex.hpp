// The steps of a contended lock, for whoever waits (see sync/mutex.hpp).
//
// States of the word: the number of readers, and three bits:
//
//   readers  locked  queue  waiting
//      0       0       0       0     free
//      0       1       0       0     a writer holds it, nobody waits
//      n       0       0       0     n readers hold it, nobody waits
//      0       1       0       1     a writer holds it, the list is not empty
//      n       0       0       1     n readers hold it; a writer is first in the list
//      x       x       1       x     someone works on the list
//
// It is never free while the list is not empty: who releases it last counts those in whom it lets,
// and claims them, before the store that ends the queue bit. So a waiter that was woken owns it.
// With the waiting bit set every lock and unlock goes through the queue bit, an unlock_shared too:
// a reader that only counted itself out could find the mutex gone when it came back for the list.
#pragma once

#include <trine/shared_mutex.hpp>

#include "sync/queue.hpp"
#include "wait/waiter.hpp"

namespace trine::sync {

struct shared_mutex_queue {
  // False: it is locked now. `first`: w has waited before, by a clock that was early.
  static bool enqueue(shared_mutex& m, wait::waiter& w, bool shared, bool first) noexcept;
  // For a wait that ended otherwise than woken. Lets in those whom w kept waiting.
  static void withdraw(shared_mutex& m, wait::waiter& w) noexcept;
  static void set_owner(shared_mutex& m) noexcept { m.owner_.set(); }

  // With the queue bit held and `bits` the rest of the word: lets in from the front of the list who
  // may come in, ends the queue bit and resumes them. The mutex may be gone after it.
  static void let_in(shared_mutex& m, std::uint32_t bits) noexcept;

  // For reports.
  static bool held(const shared_mutex& m) noexcept {
    return (m.word_.load(std::memory_order_relaxed) & shared_mutex::locked) != 0;
  }
  static std::uint32_t readers(const shared_mutex& m) noexcept {
    return m.word_.load(std::memory_order_relaxed) / shared_mutex::reader;
  }
  static std::uint32_t owner(const shared_mutex& m) noexcept { return m.owner_.get(); }
};

}  // namespace trine::sync
