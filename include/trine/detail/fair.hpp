// What keeps a coroutine that never parks from starving the others of its home. No promises to
// users.
//
// The runtime's monitor notices a worker that has not looked at its timers and inboxes for some
// milliseconds, and counts it here. Every operation of Trine calls fair_point() first, where it
// holds no lock of the runtime and is ready to be switched away; on the overdue worker that lets
// the others run. Elsewhere it is a load that nobody writes to, and a branch not taken.
#pragma once

#include <atomic>
#include <cstdint>

namespace trine::detail {

extern std::atomic<std::uint32_t> overdue_workers;

void fair_point_slow() noexcept;

// errno is kept. A roaming coroutine may come back on another thread.
inline void fair_point() noexcept {
  // relaxed: a hint; who reads it late yields late.
  if (overdue_workers.load(std::memory_order_relaxed) != 0) [[unlikely]]
    fair_point_slow();
}

}  // namespace trine::detail
