#include "os/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cerrno>
#include <system_error>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

namespace trine::os {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t granule = 64 * 1024;  // of windows; a multiple of any page size

constexpr std::size_t round_up(std::size_t n, std::size_t unit) noexcept {
  return (n + unit - 1) / unit * unit;
}

}  // namespace

unique_fd make_shared_memory(const char* name, std::uint64_t& size, std::uint64_t least) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  // Linux 6.3 wants to be told whether the file may be executed; older ones do not know the flag.
  unique_fd fd(memfd_create(name, flags | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) fd.reset(memfd_create(name, flags));
  fd = above_standard(std::move(fd));
  if (!fd)
    throw std::system_error(errno, std::generic_category(), "trine: no memory to share (memfd)");
  // Growing a file beyond RLIMIT_FSIZE would raise SIGXFSZ.
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < size)
    size = limit.rlim_cur / granule * granule;
  if (size < least)
    throw std::system_error(EFBIG, std::generic_category(),
                            "trine: the limit on file sizes (ulimit -f) is too small for the "
                            "memory shared with a worker process; raise it");
  if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    throw std::system_error(errno, std::generic_category(), "trine: cannot size shared memory");
  return fd;
}

window::window(int fd, std::uint64_t offset, std::size_t size, std::size_t most)
    : size_(round_up(size, page)), most_(most) {
  void* p =
      mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (p == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "trine: cannot map shared memory");
  data_ = static_cast<std::byte*>(p);
  madvise(p, size_, MADV_DONTFORK);
  madvise(p, size_, MADV_DONTDUMP);
}

window::window(window&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      most_(std::exchange(other.most_, 0)),
      populated_(std::exchange(other.populated_, 0)) {}

window& window::operator=(window&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(most_, other.most_);
  std::swap(populated_, other.populated_);
  return *this;
}

window::~window() {
  if (data_ != nullptr) munmap(data_, size_);
}

bool window::extend(std::size_t size) noexcept {
  if (size <= size_) return true;
  if (size > most_) {
    errno = EFBIG;
    return false;
  }
  // By doubling: a writer that grows byte by byte remaps log n times.
  std::size_t target = round_up(size < size_ * 2 ? size_ * 2 : size, granule);
  if (target > most_) target = most_;
  void* p = mremap(data_, size_, target, MREMAP_MAYMOVE);
  if (p == MAP_FAILED) return false;
  data_ = static_cast<std::byte*>(p);
  size_ = target;
  return true;
}

bool window::populate(std::size_t size) noexcept {
  if (!extend(size)) return false;
  const std::size_t wanted = round_up(size, granule) < size_ ? round_up(size, granule) : size_;
  if (wanted <= populated_) return true;
  // One call for all pages: a fault for each costs several times as much, and where memory is out,
  // an error here is a SIGBUS there. Linux before 5.14 says EINVAL and takes the faults.
  if (madvise(data_ + populated_, wanted - populated_, MADV_POPULATE_WRITE) != 0 &&
      errno != EINVAL && errno != EINTR) {
    errno = ENOMEM;
    return false;
  }
  populated_ = wanted;
  return true;
}

void window::trim(std::size_t size) noexcept {
  const std::size_t keep = round_up(size, granule);
  if (keep >= size_) return;
  madvise(data_ + keep, size_ - keep, MADV_REMOVE);
  if (populated_ > keep) populated_ = keep;
}

}  // namespace trine::os
