#include "os/short_slice.hpp"

#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>

namespace trine::os {
namespace {

// struct sched_attr of linux/sched/types.h, whose header clashes with the C library's.
struct scheduling {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;  // the slice, ns, for ordinary threads since 6.12
  std::uint64_t deadline;
  std::uint64_t period;
};
constexpr std::uint64_t shortest_slice_ns = 100'000;

}  // namespace

void ask_for_short_slice() noexcept {
  const int saved = errno;
  scheduling now{};
  if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) == 0) {
    now.size = sizeof now;
    now.runtime = shortest_slice_ns;
    syscall(SYS_sched_setattr, 0, &now, 0);
  }
  errno = saved;
}

}  // namespace trine::os
