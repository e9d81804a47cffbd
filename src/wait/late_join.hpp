// The join of a coroutine whose worker runs the unit it waits for at once, above it.
//
// Most units that are joined by their spawner have not started when the join comes, and end without
// ever leaving their stack. For those nothing of a wait is needed but the registry's entry: no
// waiter, no place among those whom the unit's end wakes, nothing for a stop request to find. A
// late_join is what the wait would be made of. The scheduler (run_now) either brings the unit to
// its end, and then there has been no wait; or the unit is about to leave its stack for the first
// time, and the scheduler, still on that stack, calls begin() for the joiner before anything else
// runs. From then on it is the wait of a coroutine like any other (wait/waiter.hpp): woken by the
// unit's end, by the joiner's stop request or by a deadline, whichever claims it first.
//
// What comes while the unit runs and has not left its stack finds no waiter: a stop request stays
// in the joiner's bits, and begin() looks at them after it has published the waiter, as every wait
// does. Used by the home's thread only, until begin().
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "wait/waiter.hpp"

namespace trine::wait {

class late_join {
 public:
  // `joiner`: the unit that waits, null when no stop request may end the wait.
  late_join(detail::core& c, detail::core* joiner, scheduler& sched, std::int64_t deadline) noexcept
      : unit_(c), joiner_(joiner), sched_(sched), deadline_(deadline) {}
  late_join(const late_join&) = delete;
  late_join& operator=(const late_join&) = delete;

  // The joiner's own bound; its unit's deadline is counted by begin().
  std::int64_t deadline() const noexcept { return deadline_; }

  // For the scheduler, on behalf of the joiner, which has left its stack with `frame`: enters the
  // unit's list of joiners and lets stop requests find the wait. Afterwards it may be over already:
  // then, if it ended_before_wait(), the scheduler must resume it itself.
  waiter& begin(void* frame) noexcept;

  // The joiner, after run_now. Whether the wait was begun; else the unit has ended.
  bool begun() const noexcept { return begun_; }
  // When it was begun: how it ended.
  outcome end() noexcept;
  // Likewise: the waiter. It leaves the unit's list as that of any joiner.
  waiter& get() noexcept { return *std::launder(reinterpret_cast<waiter*>(waiter_)); }

 private:
  detail::core& unit_;
  detail::core* const joiner_;
  scheduler& sched_;
  std::int64_t deadline_;
  bool unit_deadline_ = false;
  bool begun_ = false;
  alignas(waiter) std::byte waiter_[sizeof(waiter)];
};

}  // namespace trine::wait
