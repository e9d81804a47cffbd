#include "os/asymmetric_fence.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

namespace trine::os {

std::atomic<bool> fences_are_asymmetric{false};

void prepare_fences() noexcept {
  const int saved = errno;
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0)
    fences_are_asymmetric.store(true, std::memory_order_relaxed);
  errno = saved;
}

void heavy_fence() noexcept {
  const int saved = errno;
  full_fence();
  if (fences_are_asymmetric.load(std::memory_order_relaxed))
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  errno = saved;
}

}  // namespace trine::os
