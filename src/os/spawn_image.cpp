#include "os/spawn_image.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

// The child runs on our memory while we are suspended: nothing in it may allocate, lock, or tell a
// sanitizer about a thread that is not the one it thinks.
#if defined(__clang__)
#define TRINE_BARE __attribute__((no_sanitize("address", "thread", "undefined"), noinline))
#else
#define TRINE_BARE __attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined, noinline))
#endif

namespace trine::os {
namespace {

constexpr int most_fds = 8;

struct child_task {
  const image_options* options;
  pid_t parent;
  int error;  // errno of the child's failure; 0 when it executed the program
  std::uint64_t old_mask;
};

struct directory_entry {  // linux_dirent64
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};

TRINE_BARE int parse_number(const char* text) noexcept {
  int n = 0;
  if (*text == '\0') return -1;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9') return -1;
    n = n * 10 + (*text - '0');
  }
  return n;
}

TRINE_BARE void mark_cloexec(int first) noexcept {
  constexpr unsigned cloexec = 1U << 2;  // CLOSE_RANGE_CLOEXEC, Linux 5.11
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, cloexec) == 0) return;
  const long dir = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (dir < 0) {
    for (int fd = first; fd < 65536; ++fd) syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    return;
  }
  alignas(8) char buffer[2048];
  for (;;) {
    const long n = syscall(SYS_getdents64, dir, buffer, sizeof buffer);
    if (n <= 0) break;
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const directory_entry*>(buffer + at);
      const int fd = parse_number(buffer + at + offsetof(directory_entry, name));
      if (fd >= first) syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
      at += entry->length;
    }
  }
  syscall(SYS_close, dir);
}

// Puts `from[i]` at 3 + i. First everything out of the way, then into place.
TRINE_BARE bool place_fds(std::span<const int> from) noexcept {
  int moved[most_fds];
  const int count = static_cast<int>(from.size());
  for (int i = 0; i < count; ++i) {
    moved[i] = static_cast<int>(syscall(SYS_fcntl, from[static_cast<std::size_t>(i)], F_DUPFD_CLOEXEC, 3 + count));
    if (moved[i] < 0) return false;
  }
  for (int i = 0; i < count; ++i)
    if (syscall(SYS_dup3, moved[i], 3 + i, 0) < 0) return false;
  return true;
}

TRINE_BARE void fail(child_task* task) noexcept {
  task->error = errno != 0 ? errno : EINVAL;
  syscall(SYS_exit_group, 127);
}

TRINE_BARE int child_main(void* argument) noexcept {
  auto* task = static_cast<child_task*>(argument);
  const image_options& o = *task->options;
  // The signal table is a copy (no CLONE_SIGHAND): the parent keeps its handlers.
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    std::uint64_t mask;
  } action{};
  for (int s = 1; s <= 64; ++s)
    if (s != SIGKILL && s != SIGSTOP) syscall(SYS_rt_sigaction, s, &action, nullptr, sizeof(std::uint64_t));
  syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // Dead already? Then nobody will send that signal.
  if (syscall(SYS_getppid) != task->parent) fail(task);
  syscall(SYS_setpgid, 0, 0);
  // Descriptors to pass may sit at 0; they are moved before anything is put there.
  if (!place_fds(o.fds)) fail(task);
  const long null = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
  if (null > 0) {
    syscall(SYS_dup3, null, 0, 0);
    syscall(SYS_close, null);
  } else if (null == 0) {
    syscall(SYS_fcntl, 0, F_SETFD, 0);
  }
  mark_cloexec(3 + static_cast<int>(o.fds.size()));
  const std::uint64_t none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
  syscall(SYS_execveat, o.executable, "", o.arguments, o.environment, AT_EMPTY_PATH);
  const int first = errno;
  if (first == ENOSYS || first == EPERM)
    syscall(SYS_execve, "/proc/self/exe", o.arguments, o.environment);
  fail(task);
  return 127;
}

}  // namespace

void close_on_exec_from(int first) noexcept { mark_cloexec(first); }

pid_t spawn_image(const image_options& options) noexcept {
  if (options.fds.size() > most_fds) {
    errno = EINVAL;
    return -1;
  }
  constexpr std::size_t stack_size = 64 * 1024;
  void* stack = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -1;
  child_task task{&options, getpid(), 0, 0};
  // No handler of the host may run in the child, on our memory.
  const std::uint64_t all = ~std::uint64_t{0};
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &task.old_mask, sizeof all);
  // Exit signal 0: no SIGCHLD. CLONE_VFORK: we go on when the child has executed or ended.
  const int pid = clone(child_main, static_cast<char*>(stack) + stack_size,
                        CLONE_VM | CLONE_VFORK, &task);
  const int error = pid < 0 ? errno : task.error;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &task.old_mask, nullptr, sizeof all);
  munmap(stack, stack_size);
  if (pid > 0 && error != 0) reap_image(pid);
  if (error != 0) {
    errno = error;
    return -1;
  }
  return pid;
}

int reap_image(pid_t pid) noexcept {
  int status = -1;
  pid_t got;
  do got = waitpid(pid, &status, __WALL);
  while (got < 0 && errno == EINTR);
  return got == pid ? status : -1;
}

}  // namespace trine::os
