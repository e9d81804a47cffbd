// The run queue: a bounded FIFO with one owner, who pushes and pops, and thieves, who take the
// older half. After the run queue of Go's scheduler (runtime/proc.go, runqput and runqgrab).
//
// States of a cell: free → (owner's push) full → (owner's pop or one thief's batch) free. head and
// tail are counts that wrap; a cell is theirs modulo the capacity.
//   tail is written by the owner alone; head by whoever wins its compare-and-swap.
//   A thief copies cells first and then claims them by moving head; if the owner or another thief
//   was faster the swap fails and the copies are forgotten. A cell is overwritten only after head
//   has passed it, and then the swap of a thief that read it late must fail: head only grows (an
//   ABA would need 2^32 operations between a load and its swap).
#pragma once

#include <cstdint>

#include "atomic/policy.hpp"
#include "base/cpu.hpp"

namespace trine::atomic {

template <class T, std::uint32_t Capacity = 256, class Policy = std_policy>
class run_queue {
  static_assert((Capacity & (Capacity - 1)) == 0, "a power of two");

 public:
  // Owner. False when full.
  bool push(T item) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    // acquire: partner is the release of a thief's swap; its reads of the cell end before we
    // overwrite it.
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    if (tail - head >= Capacity) return false;
    cells_[tail % Capacity].store(item, std::memory_order_relaxed);
    // release: partner is the thief's acquire of tail; it sees the cell and what it points to.
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Owner. False when empty.
  bool pop(T& item) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    while (head != tail) {
      item = cells_[head % Capacity].load(std::memory_order_relaxed);
      // relaxed is enough to take one's own cell; the swap itself keeps thieves off it.
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_relaxed,
                                      std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  // Owner. Takes the oldest if it is `item`.
  bool pop_if(T item) noexcept {
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_relaxed) ||
        cells_[head % Capacity].load(std::memory_order_relaxed) != item)
      return false;
    // As in pop. A swap that fails means that a thief has it.
    return head_.compare_exchange_strong(head, head + 1, std::memory_order_relaxed,
                                         std::memory_order_relaxed);
  }

  // Thief: takes half of what is there, rounded up, at most `limit`, into `out`. Returns how many.
  std::uint32_t steal(T* out, std::uint32_t limit) noexcept {
    for (;;) {
      // acquire: partner is another thief's or the owner's swap; keeps head ≤ tail below.
      std::uint32_t head = head_.load(std::memory_order_acquire);
      // acquire: partner is the owner's release in push.
      const std::uint32_t tail = tail_.load(std::memory_order_acquire);
      std::uint32_t count = tail - head;
      if (count > Capacity) continue;  // the two were read at different times
      count -= count / 2;
      if (count > limit) count = limit;
      if (count == 0) return 0;
      for (std::uint32_t i = 0; i < count; ++i)
        out[i] = cells_[(head + i) % Capacity].load(std::memory_order_relaxed);
      // release: partner is the owner's acquire of head in push (see there).
      if (head_.compare_exchange_strong(head, head + count, std::memory_order_acq_rel,
                                        std::memory_order_relaxed))
        return count;
    }
  }

  // Anyone; a glance.
  std::uint32_t size() const noexcept {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    const std::uint32_t count = tail_.load(std::memory_order_relaxed) - head;
    return count > Capacity ? 0 : count;
  }
  // Owner: 0 when it is empty.
  std::uint32_t any() const noexcept {
    return head_.load(std::memory_order_relaxed) ^ tail_.load(std::memory_order_relaxed);
  }
  // Changes whenever something is taken: tells a watcher whether the owner makes progress.
  std::uint32_t taken() const noexcept { return head_.load(std::memory_order_relaxed); }

 private:
  template <class U>
  using cell = typename Policy::template atomic<U>;

  alignas(base::cache_line) cell<std::uint32_t> head_{0};
  alignas(base::cache_line) cell<std::uint32_t> tail_{0};
  alignas(base::cache_line) cell<T> cells_[Capacity] = {};
};

}  // namespace trine::atomic
