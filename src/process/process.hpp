// The process layer, as the layers above see it. See ARCHITECTURE.md, "the life of a process".
#pragma once

#include <sys/types.h>
#include <cstddef>
#include <cstdint>
#include <source_location>

#include <trine/detail/process_core.hpp>

namespace trine::process_layer {

// Registers the unit and queues it. Its errors come from its handle, except those of the call
// itself, which leave the caller the owner of both references: usage_error when process units
// cannot be had here, std::invalid_argument for options that cannot be met, std::system_error when
// the runtime cannot start or a million units wait.
void start(detail::process_core& c, const process_options& options,
           const std::source_location& where);

// Ends the unit's process, or the unit if none runs it yet. Returns at once. Any thread.
void kill(detail::process_core& c) noexcept;

// Tells the layers below how process units are joined and stopped. By a worker when it starts,
// while it has one thread; elsewhere done by the first start().
void install_hooks() noexcept;

// Warm worker processes at most; 0: the default, twice the processors the program may use and four
// at least. More units than that wait, so set it when more must run at the same time. Any time.
void set_limit(std::size_t n);

// For tests and diagnostics; zeros before the first process unit.
struct counters {
  std::size_t warm = 0, fresh = 0, idle = 0, queued = 0;
  std::uint64_t started = 0, died = 0, zygote_deaths = 0;
  pid_t zygote = 0;
};
counters count() noexcept;

}  // namespace trine::process_layer
