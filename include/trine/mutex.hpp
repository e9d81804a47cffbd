// trine::mutex: std::mutex for processes' threads and coroutines alike.
//
//   trine::mutex m;
//   { std::lock_guard guard(m); … }     // parks only the unit that waits
//
// Waiters are served first come, first served, with one exception that keeps a busy mutex fast: a
// unit that is running may take a free mutex before the one that has just been woken for it. A
// unit that lost so once is handed the mutex by the next unlock, so no waiter is passed over more
// than once after its turn has come.
#pragma once

#include <atomic>
#include <cstdint>

#include <trine/detail/fair.hpp>
#include <trine/detail/waiter_list.hpp>

namespace trine {

class mutex {
 public:
  constexpr mutex() noexcept = default;
  ~mutex() = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  // Parks the calling unit until the mutex is its own. Never interrupted by a stop request. Locking
  // a mutex the unit holds is undefined, as for std::mutex: it waits for ever.
  void lock() {
    detail::fair_point();
    std::uint32_t free = 0;
    // acquire: partner is the release in unlock; what the last owner wrote is seen.
    if (!word_.compare_exchange_strong(free, locked, std::memory_order_acquire,
                                       std::memory_order_relaxed))
      lock_slow();
  }

  // Never blocks. May fail while another unit is just about to wait for it, as std::mutex may.
  bool try_lock() noexcept {
    detail::fair_point();
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    // Not while someone works on the list either: lock_slow may be about to take a free mutex.
    while ((seen & (locked | queue)) == 0) {
      if (word_.compare_exchange_weak(seen, seen | locked, std::memory_order_acquire,
                                      std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  // Only by the unit that holds it.
  void unlock() noexcept {
    std::uint32_t alone = locked;
    if (!word_.compare_exchange_strong(alone, 0, std::memory_order_release,
                                       std::memory_order_relaxed))
      unlock_slow();
  }

 private:
  // Bits of the word. The queue bit guards the list, for a few instructions at a time.
  static constexpr std::uint32_t locked = 1;
  static constexpr std::uint32_t queue = 2;
  static constexpr std::uint32_t waiting = 4;

  void lock_slow();
  void unlock_slow() noexcept;
  std::uint32_t lock_queue() noexcept;

  std::atomic<std::uint32_t> word_{0};
  detail::waiter_list waiters_;
};

}  // namespace trine
