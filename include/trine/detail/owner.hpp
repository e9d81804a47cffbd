// Who holds a mutex, for reports and checks. No promises to users.
#pragma once

#include <atomic>
#include <cstdint>

namespace trine::detail {

// A mark of the unit that runs here: its slot in the registry (observe::owner_of knows the way
// back). A thread that Trine did not make enters the registry with its first mark. 0: unknown.
// About a nanosecond; never blocks.
std::uint32_t this_unit_mark() noexcept;

// Written by the owner alone: after it has locked, and before it unlocks. Whoever else reads it may
// be a little late; in a program in which nobody moves any more it is right.
class owner_word {
 public:
  void set() noexcept { mark_.store(this_unit_mark(), std::memory_order_relaxed); }
  void clear() noexcept { mark_.store(0, std::memory_order_relaxed); }
  std::uint32_t get() const noexcept { return mark_.load(std::memory_order_relaxed); }

 private:
  // relaxed: it is no part of the lock. That its own owner sees it needs only the order of one
  // thread's stores to it, as it was cleared before the mutex was free for others.
  std::atomic<std::uint32_t> mark_{0};
};

// Whether the library checks for misuse (its debug builds). Read at run time, so that what a user
// compiles is the same for both.
extern const bool sync_checks;

}  // namespace trine::detail
