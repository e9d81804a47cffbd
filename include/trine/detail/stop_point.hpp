// Where a blocking call looks whether its unit has been asked to stop. No promises to users.
#pragma once

#include <atomic>
#include <cstdint>

namespace trine::detail {

// Units that have been asked to stop and still exist: while there is none, a call pays a load of a
// word that nobody writes. In a process unit's worker it is never 0, for there the first such look
// tells the control thread that stop requests matter.
extern std::atomic<std::uint32_t> units_asked_to_stop;

// Throws cancelled, or timed_out at the unit's own deadline, unless it is shielded or an exception
// is unwinding.
void stop_point_slow();

inline void stop_point() {
  // relaxed: a request that is seen late ends the next wait, which looks at the unit's own bits.
  if (units_asked_to_stop.load(std::memory_order_relaxed) != 0) [[unlikely]]
    stop_point_slow();
}

}  // namespace trine::detail
