#include "process/error_forward.hpp"

#include <poll.h>
#include <unistd.h>
#include <cerrno>

namespace trine::process_layer {

void error_forward::add(std::string_view text) noexcept {
  if (backlog_.size() + text.size() > most_at_all) {
    dropped_ += text.size();
  } else {
    try {
      backlog_ += text;
    } catch (...) {
      dropped_ += text.size();
    }
  }
  flush();
}

void error_forward::flush() noexcept {
  std::size_t done = 0;
  while (done < backlog_.size()) {
    pollfd p{STDERR_FILENO, POLLOUT, 0};
    if (poll(&p, 1, 0) <= 0) break;
    // A writable pipe takes 4 KiB (PIPE_BUF) without blocking.
    const std::size_t left = backlog_.size() - done;
    const ssize_t n = write(STDERR_FILENO, backlog_.data() + done, left < 4096 ? left : 4096);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {  // closed, or its reader is gone: nobody wants it
      dropped_ += left;
      done = backlog_.size();
      break;
    }
    done += static_cast<std::size_t>(n);
  }
  backlog_.erase(0, done);
}

}  // namespace trine::process_layer
