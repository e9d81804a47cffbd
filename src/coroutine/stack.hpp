// Stacks: where they come from and where they go.
//
// Sizes are classes, 16 KiB · 2^k. Each class has chunks: one mapping cut into slots, a slot being
// a guard of 64 KiB and the stack above it. Guards are MADV_GUARD_INSTALL where the kernel has it
// (Linux 6.13), which adds no mapping; else mprotect, which adds two for each stack: then about
// 32,000 stacks fit under the default vm.max_map_count, and the next is refused, never unguarded.
//
// A stack's own description stands at its top, above everything that runs on it. Free stacks are
// cached by their worker (warm), then in a pool shared by all workers (their pages given back).
#pragma once

#include <cstddef>
#include <cstdint>

namespace trine::coroutines {

inline constexpr unsigned stack_classes = 13;  // 16 KiB … 64 MiB
inline constexpr std::size_t guard_size = 64 * 1024;
inline constexpr std::size_t default_stack_size = 1024 * 1024;

constexpr std::size_t class_size(unsigned stack_class) noexcept {
  return std::size_t{16 * 1024} << stack_class;
}
// The smallest class of at least `size` bytes; stack_classes when there is none.
constexpr unsigned class_for(std::size_t size) noexcept {
  unsigned c = 0;
  while (c < stack_classes && class_size(c) < size) ++c;
  return c;
}

struct stack {
  char* low;    // above the guard
  void* top;    // where a context begins, below this description
  stack* next;  // link of the cache it is in
  std::uint32_t stack_class;
  std::uint32_t chunk;
  std::uint32_t index;
  void* fiber;      // ThreadSanitizer's
  void* asan_fake;  // AddressSanitizer's fake stack while another runs
};

// Takes a stack from the shared pool or makes one. Null, with errno, when there is no memory.
stack* take_stack(unsigned stack_class) noexcept;
// Gives its pages back to the kernel and the stack to the pool. Nobody may stand on it.
void give_stack(stack* s) noexcept;

struct stack_counts {
  std::size_t made;       // ever handed out for the first time
  std::size_t free;       // in the pool
  bool guard_by_madvise;  // else by mprotect
};
stack_counts count_stacks() noexcept;

}  // namespace trine::coroutines
