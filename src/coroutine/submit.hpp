// The face of this layer: how a unit becomes a coroutine.
#pragma once

#include <trine/detail/core.hpp>

namespace trine::coroutines {

// Hands a registered unit to the workers. Throws std::invalid_argument for a worker that does not
// exist or a stack beyond 64 MiB, std::system_error when there is no memory or no thread; then
// the caller still owns the unit's reference.
void submit(detail::core& c, const coroutine_options& options);

// True on a worker's thread: the caller is a coroutine.
bool on_worker() noexcept;

// Lets other coroutines of this worker run; on a thread, other threads.
void yield() noexcept;

}  // namespace trine::coroutines
