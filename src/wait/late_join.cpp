#include "wait/late_join.hpp"

#include "wait/completion.hpp"
#include "wait/stop.hpp"

namespace trine::wait {

waiter& late_join::begin(void* frame) noexcept {
  waiter& w = *::new (static_cast<void*>(waiter_)) waiter(&sched_);
  // Before anybody can find it: a claimer hands it to the home, which then needs the frame.
  w.frame = frame;
  begun_ = true;
  if (!add_joiner(unit_, w)) w.claim_before_wait(outcome::woken);
  if (joiner_ != nullptr) deadline_ = enter_wait(*joiner_, w, deadline_, unit_deadline_);
  return w;
}

outcome late_join::end() noexcept { return leave_wait(joiner_, get(), unit_deadline_); }

}  // namespace trine::wait
