#include "os/message_socket.hpp"

#include <sys/socket.h>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace trine::os {
namespace {

constexpr std::size_t most_fds = 4;

union control_buffer {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * most_fds)];
};

}  // namespace

socket_pair make_socket_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::system_error(errno, std::generic_category(), "trine: no socket pair");
  socket_pair made{unique_fd(ends[0]), unique_fd(ends[1])};
  made.here = above_standard(std::move(made.here));
  made.there = above_standard(std::move(made.there));
  if (!made.here || !made.there)
    throw std::system_error(errno, std::generic_category(), "trine: no socket pair");
  return made;
}

bool send_message(int socket, const void* data, std::size_t size,
                  std::span<const int> fds) noexcept {
  iovec part{const_cast<void*>(data), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  control_buffer control;
  if (!fds.empty()) {
    std::memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  ssize_t n;
  do n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(size);
}

received receive_message(int socket, void* data, std::size_t size) noexcept {
  iovec part{data, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  control_buffer control;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  received got;
  do got.size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (got.size < 0 && errno == EINTR);
  if (got.size < 0) return got;
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count && i < most_fds; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
      got.fds[i] = above_standard(unique_fd(fd));
    }
  }
  return got;
}

}  // namespace trine::os
