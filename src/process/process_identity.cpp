#include "process/process_identity.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "os/fd.hpp"

namespace trine::process_layer {
namespace {

struct stat_line {
  bool there = false;  // /proc said something
  bool gone = false;   // /proc said that there is none
  char state = '?';
  std::uint32_t started = 0;
};

stat_line read_stat(std::uint32_t pid) noexcept {
  const int saved = errno;
  stat_line found;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%u/stat", pid);
  char text[1024];
  const os::unique_fd file(open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t n = file ? read(file.get(), text, sizeof text - 1) : -1;
  // ESRCH: it ended between open and read.
  found.gone = n < 0 && (errno == ENOENT || errno == ESRCH) && access("/proc/self/stat", F_OK) == 0;
  if (n > 0) {
    text[n] = '\0';
    // The name may hold anything; what follows the last parenthesis is numbers.
    if (const char* at = std::strrchr(text, ')'); at != nullptr && at[1] == ' ') {
      found.there = true;
      found.state = at[2];
      int field = 2;
      for (at += 2; *at != '\0' && field < 21; ++at)
        if (*at == ' ') ++field;
      found.started = static_cast<std::uint32_t>(std::strtoull(at, nullptr, 10));
    }
  }
  errno = saved;
  return found;
}

// pid in the low half; 0: not asked yet in this process.
std::atomic<std::uint64_t> mine{0};

}  // namespace

process_identity this_process() noexcept {
  std::uint64_t known = mine.load(std::memory_order_relaxed);
  if (known == 0) {
    static const int hooked =
        pthread_atfork(nullptr, nullptr, [] { mine.store(0, std::memory_order_relaxed); });
    (void)hooked;
    const auto pid = static_cast<std::uint32_t>(getpid());
    known = static_cast<std::uint64_t>(read_stat(pid).started) << 32 | pid;
    mine.store(known, std::memory_order_relaxed);
  }
  return {static_cast<std::uint32_t>(known), static_cast<std::uint32_t>(known >> 32)};
}

bool is_alive(const process_identity& who) noexcept {
  if (who == this_process()) return true;
  const stat_line now = read_stat(who.pid);
  if (now.gone || now.state == 'Z' || now.state == 'X') return false;
  if (now.there) return who.started == 0 || now.started == who.started;
  const int saved = errno;
  const bool lives = kill(static_cast<pid_t>(who.pid), 0) == 0 || errno != ESRCH;
  errno = saved;
  return lives;
}

}  // namespace trine::process_layer
