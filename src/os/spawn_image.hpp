// Starts this program's own executable once more, as a process that the host does not notice.
//
//   this thread ──clone(CLONE_VM, no exit signal)──▶ guardian ──clone(CLONE_VFORK), exec──▶ image
//
// A child that has executed a program always sends SIGCHLD and is seen by waitpid(-1), so that a
// host that waits for "all its children" would wait for ever. The child of ours is therefore the
// guardian, which executes nothing: it shares our memory, runs a dozen lines on a stack of its own,
// and sleeps until the image ends, which it reaps. It sends no signal and is seen only by waits
// with
// __WALL. Nothing is copied, so the cost does not grow with the parent's memory or threads.
//
// The guardian dies with the calling *thread*, the image with the guardian (PR_SET_PDEATHSIG with
// SIGKILL): call from a thread that lives as long as the program. Both have a process group of
// their own, which Ctrl-C does not reach.
#pragma once

#include <sys/types.h>
#include <span>

#include "os/fd.hpp"

namespace trine::os {

struct image_options {
  int executable = -1;       // an open descriptor of the program
  char* const* arguments;    // argv
  char* const* environment;  // envp
  std::span<const int> fds;  // become 3, 4, … in the image; everything above is not inherited
};

class image {
 public:
  image() noexcept = default;
  image(image&& other) noexcept;
  image& operator=(image&& other) noexcept;
  // Must have ended: see end().
  ~image();

  // The image gets default signal actions, no blocked signal, /dev/null as stdin, and our stdout
  // and stderr. Throws std::system_error; returns when the program is being executed.
  static image start(const image_options& options);

  explicit operator bool() const noexcept { return guardian_ > 0; }
  pid_t pid() const noexcept { return pid_; }

  // Waits until it is dead, kills it after that many milliseconds, and reaps it. Returns its wait
  // status, -1 if unknown. Empty afterwards.
  int end(int patience_ms) noexcept;

 private:
  pid_t guardian_ = -1;
  pid_t pid_ = -1;
  unique_fd pidfd_;
  void* memory_ = nullptr;  // the guardian's stack and task
};

}  // namespace trine::os
