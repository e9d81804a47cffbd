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
#pragma once

#include <trine/condition_variable.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

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

  static detail::condition& of(condition_variable& v) noexcept { return v.condition_; }
};

}  // namespace trine::sync
