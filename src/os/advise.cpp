#include "os/advise.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>

namespace trine::os {
namespace {

constexpr int self_pidfd = -10001;  // PIDFD_SELF_THREAD_GROUP, Linux 6.14

std::atomic<bool> batches_refused{false};

std::size_t advise_batch(const iovec* ranges, std::size_t count, int advice) noexcept {
  const long bytes = syscall(SYS_process_madvise, self_pidfd, ranges, count, advice, 0);
  if (bytes < 0) return 0;
  std::size_t left = static_cast<std::size_t>(bytes);
  std::size_t done = 0;
  while (done < count && ranges[done].iov_len <= left) left -= ranges[done++].iov_len;
  return done;
}

}  // namespace

std::size_t advise(const iovec* ranges, std::size_t count, int advice) noexcept {
  const int saved = errno;
  std::size_t done = 0;
  if (count > 1 && !batches_refused.load(std::memory_order_relaxed)) {
    done = advise_batch(ranges, count, advice);
    if (done == 0 && errno != ENOMEM && errno != EAGAIN) {
      // Not this way here (an older kernel, a filter), or not this range: one by one tells.
      if (errno == EBADF || errno == ENOSYS || errno == EPERM)
        batches_refused.store(true, std::memory_order_relaxed);
    }
  }
  for (; done < count; ++done)
    if (madvise(ranges[done].iov_base, ranges[done].iov_len, advice) != 0) return done;
  errno = saved;
  return count;
}

}  // namespace trine::os
