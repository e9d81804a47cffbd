// A lock for the runtime's own short critical sections. It blocks the OS thread, whoever runs on
// it: nothing may park, call user code or allocate without bound while holding one.
#pragma once

#include <atomic>
#include <cstdint>

namespace trine::os {

class lock {
 public:
  constexpr lock() noexcept = default;
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;

  void acquire() noexcept {
    std::uint32_t expected = 0;
    // acquire: partner is the release in release(); what the last holder wrote is seen.
    if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire,
                                       std::memory_order_relaxed))
      acquire_slow();
  }
  bool try_acquire() noexcept {
    std::uint32_t expected = 0;
    return word_.compare_exchange_strong(expected, 1, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
  void release() noexcept {
    // release: partner is the acquire above.
    if (word_.exchange(0, std::memory_order_release) == 2) wake();
  }

 private:
  void acquire_slow() noexcept;
  void wake() noexcept;

  // 0 free, 1 held, 2 held and someone may sleep (Drepper, "Futexes are tricky", mutex 2).
  std::atomic<std::uint32_t> word_{0};
};

class hold {
 public:
  explicit hold(lock& which) noexcept : lock_(&which) { lock_->acquire(); }
  ~hold() {
    if (lock_ != nullptr) lock_->release();
  }
  hold(const hold&) = delete;
  hold& operator=(const hold&) = delete;

  // Releases before the end of the scope.
  void drop() noexcept {
    lock_->release();
    lock_ = nullptr;
  }

 private:
  lock* lock_;
};

}  // namespace trine::os
