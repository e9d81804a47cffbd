// The steps of a wait for a notification, for whoever waits: a unit by wait(), a task by co_await.
//
//   wait::waiter w;                     // of the unit that holds the mutex
//   condition_queue::enqueue(c, w);
//   m.unlock();                         // does not park
//   o = … the wait …;
//   if (o != woken) condition_queue::withdraw(c, w);
//   m.lock();                           // by whatever means
//
// States of the word, by its bits:
//
//   queue  waiting
//     0       0      nobody waits: a notify is a load
//     0       1      the list is not empty
//     1       x      someone works on the list
//
// The list. A notify takes out a waiter only if it ends its wait; one whose wait has ended
// otherwise (time, stop request) it passes over, and that one takes itself out. So whoever was
// woken never comes back to the condition variable, whoever was not still finds it: the destructor
// waits until the list is empty. One word, and waiters claimed under its queue bit go on only after
// it: a condition variable may also be destroyed by who was woken.
//
// A wait with a lock of the user's cannot put its waiter into the list: the unit may park when that
// lock is released, and a waiter must not be woken before its unit parks in it. It puts a stand-in
// there, whose meeting (waiter::data) decides:
//
//   nobody ──notify──▶ notified            the unit sees it and does not wait
//   nobody ──the unit──▶ its waiter        notify claims that
//
// A task waits by a stand-in too (trine/detail/sync_awaiter.hpp), whatever its lock. Its wait may
// have ended otherwise long before it can leave: not before others of its home pause. So
//
//   its waiter ──the task──▶ leaving       the destructor waits for it: a few instructions
//   its waiter ──the destructor──▶ passed_over   it never comes back to the condition variable
#pragma once

#include <trine/condition_variable.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

// Where a notification and who is about to wait meet: nobody (null), a waiter, or one of these.
using meeting = std::atomic<wait::waiter*>;
inline wait::waiter* const notified = reinterpret_cast<wait::waiter*>(std::uintptr_t{1});
inline wait::waiter* const all_notified = reinterpret_cast<wait::waiter*>(std::uintptr_t{2});
inline wait::waiter* const leaving = reinterpret_cast<wait::waiter*>(std::uintptr_t{3});
inline wait::waiter* const passed_over = reinterpret_cast<wait::waiter*>(std::uintptr_t{4});
inline bool is_waiter(const wait::waiter* there) noexcept { return there > passed_over; }

struct condition_queue {
  // `first`: it has waited before, by a clock that was early.
  static void enqueue(detail::condition& c, wait::waiter& w, bool first = false) noexcept;
  // For a wait that ended otherwise than woken.
  static void withdraw(detail::condition& c, wait::waiter& w) noexcept;
  static void notify(detail::condition& c, bool all) noexcept;
  // Ends the wait of one stand-in, if it is in the list.
  static void notify_this(detail::condition& c, wait::waiter& stand_in) noexcept;
  // A stand-in's unit takes its waiter back, for another, as its time came too early.
  static void part(detail::condition& c, wait::waiter& stand_in) noexcept;
  // The next waiter of the same wait takes the place of one whose time came too early.
  static void replace(detail::condition& c, wait::waiter& old, wait::waiter& fresh) noexcept;

  // A task's stand-in enters.
  static void enqueue_task(detail::condition& c, wait::waiter& stand_in, meeting& met) noexcept;
  // It waits by w from now on; false: it has been notified. all_notified lies in w.data when w is
  // woken by notify_all.
  static bool meet(meeting& met, wait::waiter& w) noexcept;
  // w is unknown after it. Then part(), or withdraw() unless it was passed over.
  static void leave_task(detail::condition& c, meeting& met, wait::waiter& w) noexcept;

  static detail::condition& of(condition_variable& v) noexcept { return v.condition_; }
};

}  // namespace trine::sync
