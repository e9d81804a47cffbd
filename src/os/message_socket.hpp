// Whole messages, with descriptors, between related processes: a pair of SOCK_SEQPACKET sockets.
#pragma once

#include <sys/types.h>
#include <cstddef>
#include <span>

#include "os/fd.hpp"

namespace trine::os {

struct socket_pair {
  unique_fd here;
  unique_fd there;
};
// Throws std::system_error.
socket_pair make_socket_pair();

// Sends one message and copies of the descriptors. Never blocks, never raises SIGPIPE. False, with
// errno: EAGAIN when the other side is slow to read, EPIPE or ECONNRESET when it is gone.
bool send_message(int socket, const void* data, std::size_t size,
                  std::span<const int> fds = {}) noexcept;

struct received {
  ssize_t size = -1;  // 0: the other side is gone; -1 with errno: EAGAIN when there is none
  unique_fd fds[4];
};
// Takes one message of at most `size` bytes, without blocking.
received receive_message(int socket, void* data, std::size_t size) noexcept;

}  // namespace trine::os
