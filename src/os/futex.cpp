#include "os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <climits>
#include <ctime>

#include "base/clock.hpp"

namespace trine::os {
namespace {

timespec to_timespec(std::int64_t ns) noexcept {
  if (ns < 0) ns = 0;
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

// Waiting must not disturb the errno of the code that waits.
class keep_errno {
 public:
  ~keep_errno() { errno = saved_; }

 private:
  int saved_ = errno;
};

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

// As in linux/futex.h since 5.16; Debian 12's headers have it, older ones need not.
struct waitv_entry {
  std::uint64_t value;
  std::uint64_t address;
  std::uint32_t flags;
  std::uint32_t reserved;
};
constexpr std::uint32_t waitv_32 = 2;
constexpr std::uint32_t waitv_private = 128;

}  // namespace

bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::int64_t deadline, futex_scope scope) noexcept {
  keep_errno guard;
  const int op = FUTEX_WAIT_BITSET | (scope == futex_scope::shared ? 0 : FUTEX_PRIVATE_FLAG);
  timespec until;
  const timespec* timeout = nullptr;
  if (deadline != base::never) {
    until = to_timespec(deadline);
    timeout = &until;
  }
  const long rc = syscall(SYS_futex, &word, op, expected, timeout, nullptr, FUTEX_BITSET_MATCH_ANY);
  return !(rc < 0 && errno == ETIMEDOUT);
}

bool futex_wait_two(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                    const std::atomic<std::uint32_t>& shared, std::uint32_t shared_expected,
                    std::int64_t deadline) noexcept {
  keep_errno guard;
  const futex_word both[] = {{&word, expected, futex_scope::this_process},
                             {&shared, shared_expected, futex_scope::shared}};
  return futex_wait_any(both, deadline);
}

bool futex_wait_any(std::span<const futex_word> words, std::int64_t deadline) noexcept {
  keep_errno guard;
  waitv_entry entries[most_futex_words];
  unsigned count = 0;
  for (const futex_word& w : words) {
    if (count == most_futex_words) break;
    entries[count++] = {w.expected, reinterpret_cast<std::uint64_t>(w.word),
                        waitv_32 | (w.scope == futex_scope::shared ? 0 : waitv_private), 0};
  }
  timespec until;
  const timespec* timeout = nullptr;
  if (deadline != base::never) {
    until = to_timespec(deadline);
    timeout = &until;
  }
  const long rc = syscall(SYS_futex_waitv, entries, count, 0, timeout, CLOCK_MONOTONIC);
  return !(rc < 0 && errno == ETIMEDOUT);
}

bool has_futex_waitv() noexcept {
  static const bool has = [] {
    keep_errno guard;
    // No entries: EINVAL where the call exists, ENOSYS (or a filter's EPERM) where it does not.
    const long rc = syscall(SYS_futex_waitv, nullptr, 0, 0, nullptr, 0);
    return rc >= 0 || errno == EINVAL;
  }();
  return has;
}

void futex_wake(const std::atomic<std::uint32_t>* word, int count, futex_scope scope) noexcept {
  keep_errno guard;
  const int op = FUTEX_WAKE | (scope == futex_scope::shared ? 0 : FUTEX_PRIVATE_FLAG);
  syscall(SYS_futex, word, op, count, nullptr, nullptr, 0);
}

}  // namespace trine::os
