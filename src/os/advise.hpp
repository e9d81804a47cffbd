// Advice to the kernel about many ranges of this process's memory at once.
#pragma once

#include <sys/uio.h>
#include <cstddef>

namespace trine::os {

inline constexpr std::size_t most_ranges = 64;

// madvise for each range, by one system call where the kernel lets a process advise itself
// (process_madvise; Linux 6.13): for MADV_DONTNEED that is one flush of the other processors' TLBs
// instead of one each. At most most_ranges. Returns how many were done, from the first on; when
// that is not all, errno says why. Keeps errno otherwise.
std::size_t advise(const iovec* ranges, std::size_t count, int advice) noexcept;

}  // namespace trine::os
