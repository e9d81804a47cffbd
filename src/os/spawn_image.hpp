// Starts this program's own executable once more, as a child that the host does not notice.
#pragma once

#include <span>
#include <sys/types.h>

#include "os/fd.hpp"

namespace trine::os {

struct image_options {
  int executable = -1;          // an open descriptor of the program
  char* const* arguments;       // argv
  char* const* environment;     // envp
  std::span<const int> fds;     // become 3, 4, … in the child; everything above is not inherited
};

// The child shares this process's memory until it has executed the program (clone with CLONE_VM
// and CLONE_VFORK), so the cost does not grow with the parent. It gets its own process group,
// default signal actions, no blocked signal, /dev/null as stdin, and dies with the calling
// *thread* (PR_SET_PDEATHSIG): call from a thread that lives as long as the program. No SIGCHLD is
// sent when it ends, and only a wait with __WALL sees it. Returns its pid, or -1 with errno.
pid_t spawn_image(const image_options& options) noexcept;

// Reaps a child of spawn_image, blocking until it is dead. Returns its wait status, -1 if unknown.
int reap_image(pid_t pid) noexcept;

// Marks every descriptor from `first` on close-on-exec. Allocates nothing.
void close_on_exec_from(int first) noexcept;

}  // namespace trine::os
