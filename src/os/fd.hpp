// A file descriptor that closes itself, and the rule for the runtime's own: close-on-exec and
// above 2, because a program may have closed its standard streams, and what it then prints to
// "stdout" must not reach a descriptor of ours.
#pragma once

#include <utility>

namespace trine::os {

class unique_fd {
 public:
  unique_fd() noexcept = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~unique_fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

// The same open file under a number above 2, close-on-exec. Closes `fd`. Empty with errno on
// failure; an empty one stays empty.
unique_fd above_standard(unique_fd fd) noexcept;

struct pipe_ends {
  unique_fd read_end;
  unique_fd write_end;
};
// A pipe whose read end does not block; its write end does. Throws std::system_error.
pipe_ends make_pipe();

// A counter that wakes an epoll; writing to it never blocks. Throws std::system_error.
unique_fd make_event();
// errno is kept. False when the descriptor is not an event any more.
bool signal_event(int fd) noexcept;
void clear_event(int fd) noexcept;

}  // namespace trine::os
