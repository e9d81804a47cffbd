#include "wait/idle.hpp"

#include "os/futex.hpp"

namespace trine::wait {

void sleep_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
              std::int64_t deadline) noexcept {
  os::futex_wait(word, expected, deadline);
}

void wake_sleeper(const std::atomic<std::uint32_t>& word) noexcept { os::futex_wake(&word, 1); }

}  // namespace trine::wait
