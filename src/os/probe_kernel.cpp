// Interfaces of the kernel that can be asked with one system call each.
//
// Numbers and flags are written here when the headers of Debian 12 (Linux 6.1) do not know them:
// what counts is the kernel that runs, not the one whose headers were installed.
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdlib>

#include "os/probe.hpp"
#include "os/probe_util.hpp"

namespace trine::os {
namespace {

constexpr unsigned ring_single_issuer = 1U << 12;
constexpr unsigned ring_defer_taskrun = 1U << 13;
constexpr int madvise_guard_install = 102;
constexpr long number_pidfd_open = 434;
constexpr long number_clone3 = 435;
constexpr long number_futex_waitv = 449;

long ring_with(unsigned flags) {
  io_uring_params params{};
  params.flags = flags;
  return ::syscall(SYS_io_uring_setup, 2U, &params);
}

/// Calls that answer EINVAL to empty arguments exist and are allowed.
probe_state state_of_empty_call(long outcome, int error) {
  return outcome >= 0 || error == EINVAL ? probe_state::yes : probe_state::no;
}

/// A mapping that goes away with its scope.
class scratch_pages {
 public:
  explicit scratch_pages(std::size_t bytes) noexcept
      : bytes_(bytes),
        start_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  }
  ~scratch_pages() {
    if (valid()) ::munmap(start_, bytes_);
  }
  scratch_pages(const scratch_pages&) = delete;
  scratch_pages& operator=(const scratch_pages&) = delete;
  [[nodiscard]] bool valid() const noexcept { return start_ != MAP_FAILED; }
  [[nodiscard]] char* at(std::size_t offset) const noexcept {
    return static_cast<char*>(start_) + offset;
  }

 private:
  std::size_t bytes_;
  void* start_;
};

}  // namespace

probe_result probe_kernel_version() {
  const std::string fallback = "Each newer interface below has a way without it.";
  utsname names{};
  if (::uname(&names) != 0) {
    return answer("kernel", probe_state::no, "uname: " + refusal(errno) + ".", fallback);
  }
  char* rest = nullptr;
  const long major = std::strtol(names.release, &rest, 10);
  const long minor = *rest == '.' ? std::strtol(rest + 1, nullptr, 10) : 0;
  const std::string is = std::string(names.sysname) + " " + names.release + " on " + names.machine;
  if (major > 6 || (major == 6 && minor >= 1)) {
    return answer("kernel", probe_state::yes, is + ".", fallback);
  }
  return answer("kernel", probe_state::degraded, is + "; Trine is tested on 6.1 and newer.",
                fallback);
}

probe_result probe_io_uring() {
  const std::string fallback = "I/O goes through epoll.";
  const probe_fd best(ring_with(ring_single_issuer | ring_defer_taskrun));
  if (best.valid()) {
    return answer("io_uring", probe_state::yes,
                  "A ring with SINGLE_ISSUER and DEFER_TASKRUN can be set up.", fallback);
  }
  const probe_fd plain(ring_with(0));
  const int error = errno;
  if (plain.valid()) {
    return answer("io_uring", probe_state::degraded,
                  "Only a plain ring: SINGLE_ISSUER and DEFER_TASKRUN need Linux 6.1.",
                  "Plain rings, without deferred task run.");
  }
  std::string detail = "io_uring_setup: " + refusal(error);
  const std::string off = read_line("/proc/sys/kernel/io_uring_disabled").value_or("0");
  if (off != "0") detail += "; sysctl kernel.io_uring_disabled is " + off;
  return answer("io_uring", probe_state::no, detail + ".", fallback);
}

probe_result probe_guard_pages() {
  const std::string name = "madv_guard_install";
  const std::string fallback =
      "Guards of stacks are made by mprotect; each costs a mapping, so vm.max_map_count bounds "
      "the number of coroutines.";
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const scratch_pages pages(3 * page);
  if (!pages.valid()) {
    return answer(name, probe_state::no, "mmap: " + refusal(errno) + ".", fallback);
  }
  if (::madvise(pages.at(page), page, madvise_guard_install) != 0) {
    const int error = errno;
    return answer(name, probe_state::no,
                  error == EINVAL ? "Not in this kernel: it came with Linux 6.13."
                                  : "madvise: " + refusal(error) + ".",
                  fallback);
  }
  // Believed only when the guard guards: the kernel itself must fail to read from it.
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return answer(name, probe_state::degraded,
                  "Accepted, but not verified: pipe: " + refusal(errno) + ".", fallback);
  }
  const probe_fd reader(ends[0]);
  const probe_fd writer(ends[1]);
  const bool guarded = ::write(ends[1], pages.at(page), 1) == -1 && errno == EFAULT;
  const bool beside = ::write(ends[1], pages.at(0), 1) == 1;
  if (guarded && beside) {
    return answer(name, probe_state::yes,
                  "Guards of stacks cost no mapping, so a million of them fit.", fallback);
  }
  return answer(name, probe_state::no, "Accepted, but the page can still be read.", fallback);
}

probe_result probe_pidfd() {
  const std::string fallback =
      "Deaths of processes are reported by the zygote alone, and a moment later.";
  const probe_fd self(::syscall(number_pidfd_open, ::getpid(), 0));
  if (!self.valid()) {
    return answer("pidfd", probe_state::no, "pidfd_open: " + refusal(errno) + ".", fallback);
  }
  pollfd wait{self.get(), POLLIN, 0};
  if (::poll(&wait, 1, 0) < 0) {
    return answer("pidfd", probe_state::degraded, "Opened, but poll: " + refusal(errno) + ".",
                  fallback);
  }
  return answer("pidfd", probe_state::yes, "A process can be watched by a file descriptor.",
                fallback);
}

probe_result probe_clone3() {
  const long outcome = ::syscall(number_clone3, nullptr, 0UL);
  const int error = errno;
  const probe_state state = state_of_empty_call(outcome, error);
  return answer("clone3", state,
                state == probe_state::yes
                    ? "A child can be started straight into its cgroup, with its pidfd."
                    : "clone3: " + refusal(error) + ".",
                "clone and pidfd_open; the child is moved into its cgroup afterwards.");
}

probe_result probe_futex_waitv() {
  const long outcome = ::syscall(number_futex_waitv, nullptr, 0U, 0U, nullptr, 0);
  const int error = errno;
  const probe_state state = state_of_empty_call(outcome, error);
  return answer("futex_waitv", state,
                state == probe_state::yes ? "A thread can sleep on several futexes (futex2)."
                                          : "futex_waitv: " + refusal(error) + ".",
                "One futex for each sleeper, which its wakers share.");
}

probe_result probe_membarrier() {
  const std::string fallback = "The owner of a work queue pays a fence of its own.";
  // Only a query: registering would slow every context switch of this process down for good.
  const long commands = ::syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0U, 0);
  if (commands < 0) {
    return answer("membarrier", probe_state::no, "membarrier: " + refusal(errno) + ".", fallback);
  }
  const bool there = (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 &&
                     (commands & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0;
  return answer("membarrier", there ? probe_state::yes : probe_state::no,
                there ? "Private expedited barriers: a thief can pay the fence of the owner."
                      : "This kernel has no private expedited barriers.",
                fallback);
}

}  // namespace trine::os
