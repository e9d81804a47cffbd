// A store–load fence of which one side, the frequent one, pays nothing.
//
//   often:   x.store(1, relaxed); light_fence(); y.load(relaxed)
//   seldom:  y.store(1, relaxed); heavy_fence(); x.load(relaxed)
//
// At least one of the two loads sees the other's store. heavy_fence makes every other thread of the
// process execute a full fence (membarrier, private expedited; 0.4 to 12 µs). Where the kernel
// refuses that, both are full fences.
#pragma once

#include <atomic>

namespace trine::os {

extern std::atomic<bool> fences_are_asymmetric;  // set once, by prepare_fences

// Before the first use, by any thread that starts others. Cheap to repeat.
void prepare_fences() noexcept;

inline void full_fence() noexcept {
#if defined(TRINE_TSAN)
  // g++ 12 has no atomic_thread_fence under ThreadSanitizer.
  static std::atomic<int> word{0};
  word.fetch_add(1, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

inline void light_fence() noexcept {
  if (fences_are_asymmetric.load(std::memory_order_relaxed)) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    full_fence();
  }
}

void heavy_fence() noexcept;

}  // namespace trine::os
