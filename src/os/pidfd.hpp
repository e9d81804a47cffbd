// Processes by descriptor: a pidfd names one process for ever, also after its pid is used again.
#pragma once

#include <sys/types.h>

#include "os/fd.hpp"

namespace trine::os {

// Empty, with errno, when the process is gone or the kernel has no pidfd_open (Linux 5.3).
unique_fd open_pidfd(pid_t pid) noexcept;

// False, with errno, when the process is gone.
bool send_signal(int pidfd, int signal) noexcept;

// Readable, that is dead? Waits at most that long.
bool wait_dead(int pidfd, int milliseconds) noexcept;

}  // namespace trine::os
