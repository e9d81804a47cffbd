#include "os/spawn_image.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>

#include "base/clock.hpp"
#include "os/futex.hpp"
#include "os/pidfd.hpp"
#include "os/raw_syscall.hpp"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

// Guardian and child run on our memory beside us, and with the calling thread's idea of
// thread-local storage: nothing in them may allocate, lock, use errno, or tell a sanitizer about a
// thread that is not the one it thinks.
#if defined(__clang__)
#define TRINE_BARE __attribute__((no_sanitize("address", "thread", "undefined"), noinline))
#else
#define TRINE_BARE \
  __attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined, noinline))
#endif

namespace trine::os {
namespace {

constexpr int most_fds = 8;
constexpr std::size_t stack_size = 32 * 1024;
constexpr std::size_t memory_size = 3 * stack_size;  // task, guardian's stack, child's stack

enum : std::uint32_t { starting, running, refused, watched, ended };

struct guardian_task {
  const image_options* options;
  const int* fds;
  int fd_count;
  int caller;  // pid
  std::atomic<std::uint32_t> state{starting};
  int error = 0;  // of the guardian or the child
  int pid = -1;
  int status = -1;
};

struct directory_entry {  // linux_dirent64
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};

template <class T>
TRINE_BARE long word(T* p) noexcept {
  return reinterpret_cast<long>(p);
}

TRINE_BARE int parse_number(const char* text) noexcept {
  int n = 0;
  if (*text == '\0') return -1;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9') return -1;
    n = n * 10 + (*text - '0');
  }
  return n;
}

TRINE_BARE void close_on_exec_from(int first) noexcept {
  constexpr long cloexec = 1 << 2;  // CLOSE_RANGE_CLOEXEC, Linux 5.11
  if (raw_syscall(SYS_close_range, first, UINT_MAX, cloexec) == 0) return;
  const long dir = raw_syscall(SYS_openat, AT_FDCWD, word("/proc/self/fd"),
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (dir < 0) {
    for (int fd = first; fd < 65536; ++fd) raw_syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    return;
  }
  alignas(8) char buffer[2048];
  for (;;) {
    const long n = raw_syscall(SYS_getdents64, dir, word(buffer), sizeof buffer);
    if (n <= 0) break;
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const directory_entry*>(buffer + at);
      const int fd = parse_number(buffer + at + offsetof(directory_entry, name));
      if (fd >= first) raw_syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
      at += entry->length;
    }
  }
  raw_syscall(SYS_close, dir);
}

// Puts fds[i] at 3 + i. First all out of the way, then into place. Returns 0 or -errno.
TRINE_BARE long place_fds(const guardian_task& task) noexcept {
  int moved[most_fds];
  const int count = task.fd_count;
  for (int i = 0; i < count; ++i) {
    const long fd = raw_syscall(SYS_fcntl, task.fds[i], F_DUPFD_CLOEXEC, 3 + count);
    if (fd < 0) return fd;
    moved[i] = static_cast<int>(fd);
  }
  for (int i = 0; i < count; ++i) {
    const long done = raw_syscall(SYS_dup3, moved[i], 3 + i, 0);
    if (done < 0) return done;
  }
  return 0;
}

TRINE_BARE void default_signals() noexcept {
  // The table of handlers is a copy (no CLONE_SIGHAND): the host keeps its own.
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    std::uint64_t mask;
  } action{};
  for (int s = 1; s <= 64; ++s)
    raw_syscall(SYS_rt_sigaction, s, word(&action), 0, sizeof(std::uint64_t));
}

TRINE_BARE int fail(guardian_task& task, long error) noexcept {
  task.error = static_cast<int>(-error);
  raw_syscall(SYS_exit_group, 127);
  return 127;
}

TRINE_BARE int child_main(void* argument) noexcept {
  auto& task = *static_cast<guardian_task*>(argument);
  const image_options& o = *task.options;
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  // The guardian waits until we have executed, so it is alive unless it was killed just now.
  const long placed = place_fds(task);
  if (placed < 0) return fail(task, placed);
  const long null = raw_syscall(SYS_openat, AT_FDCWD, word("/dev/null"), O_RDWR | O_CLOEXEC, 0);
  if (null > 0)
    raw_syscall(SYS_dup3, null, 0, 0);
  else if (null == 0)
    raw_syscall(SYS_fcntl, 0, F_SETFD, 0);
  close_on_exec_from(3 + task.fd_count);
  const std::uint64_t none = 0;
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, word(&none), 0, sizeof none);
  long error = raw_syscall(SYS_execveat, o.executable, word(""), word(o.arguments),
                           word(o.environment), AT_EMPTY_PATH);
  if (error == -ENOSYS || error == -EPERM)
    error = raw_syscall(SYS_execve, word("/proc/self/exe"), word(o.arguments), word(o.environment));
  return fail(task, error);
}

// Builtins, because the functions of std::atomic are instrumented by sanitizers.
TRINE_BARE std::uint32_t state_of(guardian_task& task) noexcept {
  return __atomic_load_n(reinterpret_cast<std::uint32_t*>(&task.state), __ATOMIC_ACQUIRE);
}

TRINE_BARE void tell(guardian_task& task, std::uint32_t state) noexcept {
  __atomic_store_n(reinterpret_cast<std::uint32_t*>(&task.state), state, __ATOMIC_RELEASE);
  raw_syscall(SYS_futex, word(&task.state), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

TRINE_BARE int guardian_main(void* argument) noexcept {
  auto& task = *static_cast<guardian_task*>(argument);
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  // Dead already? Then nobody will send that signal.
  if (raw_syscall(SYS_getppid) != task.caller) raw_syscall(SYS_exit_group, 127);
  raw_syscall(SYS_setpgid, 0, 0);
  raw_syscall(SYS_prctl, PR_SET_NAME, word("trine-guardian"));
  default_signals();
  // All signals stay blocked here; the child unblocks them for the image.
  void* const child_stack = reinterpret_cast<char*>(&task) + memory_size;
  const long pid = raw_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, child_stack, child_main, &task);
  if (pid < 0) task.error = static_cast<int>(-pid);
  task.pid = static_cast<int>(pid);
  // What the host has open is not ours to keep open.
  raw_syscall(SYS_close_range, 0, UINT_MAX, 0);
  if (task.error != 0) {
    if (pid > 0) raw_syscall(SYS_wait4, pid, 0, 0, 0);
    tell(task, refused);
    raw_syscall(SYS_exit_group, 127);
  }
  tell(task, running);
  // Until the caller has a pidfd, which must not name another process of the same number.
  while (state_of(task) == running)
    raw_syscall(SYS_futex, word(&task.state), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, running, 0);
  while (raw_syscall(SYS_wait4, pid, word(&task.status), 0, 0) == -EINTR) {
  }
  raw_syscall(SYS_exit_group, 0);
  return 0;
}

int reap_guardian(pid_t pid) noexcept {
  int status;
  pid_t got;
  do got = waitpid(pid, &status, __WALL);
  while (got < 0 && errno == EINTR);
  return got == pid ? 0 : -1;
}

}  // namespace

image::image(image&& other) noexcept { *this = std::move(other); }

image& image::operator=(image&& other) noexcept {
  std::swap(guardian_, other.guardian_);
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(memory_, other.memory_);
  return *this;
}

image::~image() { end(0); }

image image::start(const image_options& options) {
  const auto refuse = [](int error) {
    throw std::system_error(error, std::generic_category(),
                            "trine: this program's executable could not be started again");
  };
  if (options.fds.size() > most_fds) refuse(EINVAL);
  image made;
  made.memory_ = mmap(nullptr, memory_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (made.memory_ == MAP_FAILED) {
    made.memory_ = nullptr;
    refuse(ENOMEM);
  }
  auto& task = *new (made.memory_) guardian_task{.options = &options,
                                                 .fds = options.fds.data(),
                                                 .fd_count = static_cast<int>(options.fds.size()),
                                                 .caller = getpid()};
  // No handler of the host may run in the guardian.
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  const long guardian =
      raw_clone(CLONE_VM, static_cast<char*>(made.memory_) + 2 * stack_size, guardian_main, &task);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof all);
  if (guardian < 0) refuse(static_cast<int>(-guardian));
  made.guardian_ = static_cast<pid_t>(guardian);
  while (task.state.load(std::memory_order_acquire) == starting) {
    // A guardian that was killed tells nothing.
    int status;
    futex_wait(task.state, starting, base::now_ns() + 1'000'000'000);
    if (task.state.load(std::memory_order_acquire) == starting &&
        waitpid(made.guardian_, &status, __WALL | WNOHANG) == made.guardian_) {
      made.guardian_ = -1;
      refuse(ECHILD);
    }
  }
  if (task.state.load(std::memory_order_acquire) == refused) {
    const int why = task.error;
    reap_guardian(std::exchange(made.guardian_, -1));
    refuse(why);
  }
  made.pid_ = task.pid;
  made.pidfd_ = open_pidfd(made.pid_);
  task.state.store(watched, std::memory_order_release);
  futex_wake(&task.state, 1);
  return made;
}

int image::end(int patience_ms) noexcept {
  int status = -1;
  if (guardian_ > 0) {
    auto& task = *static_cast<guardian_task*>(memory_);
    if (!pidfd_)
      kill(pid_, SIGKILL);  // before Linux 5.3
    else if (patience_ms == 0 || !wait_dead(pidfd_.get(), patience_ms))
      send_signal(pidfd_.get(), SIGKILL);
    reap_guardian(guardian_);
    status = task.status;
  }
  if (memory_ != nullptr) munmap(memory_, memory_size);
  guardian_ = pid_ = -1;
  pidfd_.reset();
  memory_ = nullptr;
  return status;
}

}  // namespace trine::os
