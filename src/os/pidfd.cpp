#include "os/pidfd.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

#include "base/clock.hpp"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

namespace trine::os {

unique_fd open_pidfd(pid_t pid) noexcept {
  return above_standard(unique_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
}

bool send_signal(int pidfd, int signal) noexcept {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0;
}

bool wait_dead(int pidfd, int milliseconds) noexcept {
  const std::int64_t until = base::now_ns() + std::int64_t{milliseconds} * 1'000'000;
  for (;;) {
    pollfd p{pidfd, POLLIN, 0};
    const std::int64_t left = (until - base::now_ns()) / 1'000'000;
    const int n = poll(&p, 1, left > 0 ? static_cast<int>(left) + 1 : 0);
    if (n > 0) return true;
    if (n == 0 || errno != EINTR) return false;
  }
}

}  // namespace trine::os
