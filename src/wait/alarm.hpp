// Deadlines of units that may not be waiting when they pass: one thread, started by the first unit
// with a deadline, asks each to stop at its time.
#pragma once

#include <trine/detail/core.hpp>

namespace trine::wait {

// At c.deadline the unit is asked to stop (stop_deadline), unless cleared before. The unit must
// exist until then. Throws std::bad_alloc or std::system_error.
void set_alarm(detail::core& c);
// After it returns the alarm touches the unit no more. Harmless when none is set.
void clear_alarm(detail::core& c) noexcept;

}  // namespace trine::wait
