// How a thread joins a process unit: it listens to the worker's reply ring itself, so that a round
// trip costs no third thread.
#pragma once

#include <cstdint>

#include <trine/detail/process_core.hpp>

#include "process/pool.hpp"

namespace trine::process_layer {

// As detail::join, for a caller that is a thread.
bool join(pool& p, detail::process_core& c, std::int64_t deadline, bool interruptible);

}  // namespace trine::process_layer
