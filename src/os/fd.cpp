#include "os/fd.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace trine::os {

void unique_fd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  const int saved = errno;
  close(old);  // Linux frees the number even when it reports EINTR: never again
  errno = saved;
}

unique_fd above_standard(unique_fd fd) noexcept {
  if (fd.get() < 0 || fd.get() > 2) return fd;
  return unique_fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

pipe_ends make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "trine: no pipe");
  pipe_ends made{unique_fd(ends[0]), unique_fd(ends[1])};
  made.read_end = above_standard(std::move(made.read_end));
  made.write_end = above_standard(std::move(made.write_end));
  if (!made.read_end || !made.write_end ||
      fcntl(made.read_end.get(), F_SETFL, O_RDONLY | O_NONBLOCK) != 0)
    throw std::system_error(errno, std::generic_category(), "trine: no pipe");
  return made;
}

unique_fd make_event() {
  unique_fd fd = above_standard(unique_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!fd) throw std::system_error(errno, std::generic_category(), "trine: no eventfd");
  return fd;
}

bool signal_event(int fd) noexcept {
  const int saved = errno;
  const std::uint64_t one = 1;
  ssize_t n;
  do n = write(fd, &one, sizeof one);
  while (n < 0 && errno == EINTR);
  // EAGAIN: the counter is full, so whoever waits for it is awake already.
  const bool good = n == sizeof one || (n < 0 && errno == EAGAIN);
  errno = saved;
  return good;
}

void clear_event(int fd) noexcept {
  const int saved = errno;
  std::uint64_t count;
  ssize_t n;
  do n = read(fd, &count, sizeof count);
  while (n < 0 && errno == EINTR);
  errno = saved;
}

}  // namespace trine::os
