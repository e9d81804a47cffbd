// Deadlines of units that may not be waiting when they pass: one thread, started by the first unit
// with a deadline, asks each to stop at its time.
#pragma once

#include <trine/detail/core.hpp>

namespace trine::wait {

// At c.deadline the unit is asked to stop (stop_deadline), unless cleared before. Throws
// std::bad_alloc or std::system_error.
void set_alarm(detail::core& c);
// No alarm goes off after it returns, except one that is just doing so (it holds a reference).
// Harmless when none is set. Stop callbacks of the unit's token run on the alarm's thread, so they
// must not block.
void clear_alarm(detail::core& c) noexcept;

}  // namespace trine::wait
