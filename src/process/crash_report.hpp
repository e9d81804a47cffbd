// What get() throws when a unit ended without a reply.
#pragma once

#include <exception>

#include <trine/detail/process_core.hpp>

#include "process/failure.hpp"
#include "process/worker_link.hpp"

namespace trine::process_layer {

// The worker died while it ran the unit (or died again and again before it could). Also fills the
// unit's statistics. The worker has been revoked.
std::exception_ptr crash_of(worker_link& w, detail::process_core& c) noexcept;

// kill() came before any worker had begun it.
std::exception_ptr crash_before_start(const detail::process_core& c) noexcept;

// No process could be started, with errno.
failure no_process(int error);

}  // namespace trine::process_layer
