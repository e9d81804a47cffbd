// The face of the thread layer: how a unit becomes an OS thread.
//
// A thread that has run a unit is kept for the next one of the same stack size, at most 64 of them
// and each for ten seconds. When there are 64, one of the stack size with the most spares makes
// room for one of a size with fewer, so no size is crowded out. It joins the spares before it says
// that its unit has ended, so who joins and spawns again finds it there. Name and CPU set are set
// anew for each unit; thread_local objects live as long as the OS thread.
#pragma once

#include <cstddef>

#include <trine/detail/core.hpp>

namespace trine::threads {

// Hands a registered unit to a thread. Throws std::invalid_argument when no CPU of the set may be
// used, std::system_error when there is no thread; then the caller still owns the unit's reference.
void submit(detail::core& c, const thread_options& options);

// Spare threads now, and threads ever made; for tests and the lab.
std::size_t spare_count() noexcept;
std::size_t made_count() noexcept;

}  // namespace trine::threads
