// A range of numbers whose owner takes one after the other, and of which thieves cut off the back
// half. No promises to users.
//
// The same protocol as the fork deque's (detail/fork_deque.hpp), between next and end:
//
//   owner                                       thief, holding the lock of the owner's deque
//     next = i + 1        (store)                 end = middle      (store)
//     compiler barrier                            process_fence
//     i >= end ? conflict (load)                  next > middle ? conflict, end goes back   (load)
//
// Taking a number costs a store, a load and a compare. An owner that sees a conflict looks again
// under the lock. In a fenced deque the end it compares with is 0, so it always does.
#pragma once

#include <atomic>
#include <cstdint>

namespace trine::detail {

template <class Policy>
class fork_range {
 public:
  void begin(std::uint64_t from, std::uint64_t to, bool fenced) noexcept {
    next_.store(from, std::memory_order_relaxed);
    limit_ = to;
    fenced_ = fenced;
    end_.store(fenced ? 0 : to, std::memory_order_relaxed);
  }

  // Owner: takes i, the next one. False: end_of must be asked.
  bool claim(std::uint64_t i) noexcept {
    // relaxed: nothing goes from owner to thief by it; the order of the two accesses is the
    // barrier's, whose partner is process_fence in cut.
    next_.store(i + 1, std::memory_order_relaxed);
    Policy::compiler_barrier();
    return i < end_.load(std::memory_order_relaxed);
  }
  // Owner: takes [i, upto). False: end_of must be asked.
  bool claim(std::uint64_t, std::uint64_t upto) noexcept {
    next_.store(upto, std::memory_order_relaxed);
    Policy::compiler_barrier();
    return upto <= end_.load(std::memory_order_relaxed);
  }
  // Owner, under the lock, after a claim from i on has failed: where the range ends. What is before
  // `upto` and the end is taken; when the end is not beyond i, nothing is and never will be.
  std::uint64_t end_of(std::uint64_t i, std::uint64_t upto) noexcept {
    if (limit_ < upto) next_.store(limit_ > i ? limit_ : i, std::memory_order_relaxed);
    return limit_;
  }
  // Owner, under the lock: the rest is not wanted.
  void drop(std::uint64_t i) noexcept {
    if (limit_ > i) limit_ = i;
    end_.store(0, std::memory_order_relaxed);
    next_.store(limit_, std::memory_order_relaxed);
  }

  // Glances for the owner: the end, and what it has claimed up to.
  std::uint64_t end_now() const noexcept { return end_.load(std::memory_order_relaxed); }
  std::uint64_t next_now() const noexcept { return next_.load(std::memory_order_relaxed); }

  // Thief, under the lock. False: nothing is left (spent), or the owner was faster (not). No fence
  // is needed where the range's owner runs on the thief's own thread.
  template <class Slow>
  bool cut(std::uint64_t& from, std::uint64_t& to, bool& spent, bool same_thread) noexcept {
    for (int attempt = 0; attempt < 3; ++attempt) {
      const std::uint64_t next = next_.load(std::memory_order_relaxed);
      spent = next >= limit_;
      if (spent) return false;
      const std::uint64_t middle = next + (limit_ - next) / 2;
      show(middle);
      if (!same_thread) Slow::process_fence();  // partner: the barrier in claim
      if (next_.load(std::memory_order_relaxed) <= middle) {
        from = middle;
        to = limit_;
        limit_ = middle;
        return true;
      }
      show(limit_);
    }
    return false;
  }

 private:
  void show(std::uint64_t end) noexcept {
    end_.store(fenced_ ? 0 : end, std::memory_order_relaxed);
  }

  typename Policy::template atomic<std::uint64_t> next_{0};
  typename Policy::template atomic<std::uint64_t> end_{0};
  std::uint64_t limit_ = 0;  // the true end; guarded by the lock
  bool fenced_ = false;
};

}  // namespace trine::detail
