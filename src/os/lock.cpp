#include "os/lock.hpp"

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "os/futex.hpp"

namespace trine::os {

void lock::acquire_slow() noexcept {
  // Sections are short: a few hundred cycles of patience save two system calls.
  for (int i = 0; i < 64; ++i) {
    base::relax();
    if (word_.load(std::memory_order_relaxed) == 0 && try_acquire()) return;
  }
  while (word_.exchange(2, std::memory_order_acquire) != 0) futex_wait(word_, 2, base::never);
}

void lock::wake() noexcept { futex_wake(&word_, 1); }

}  // namespace trine::os
