// Stacks: where they come from and where they go.
//
// Sizes are classes, 16 KiB · 2^k. Each class has chunks: one mapping of up to 4,096 slots, a slot
// being a guard of 64 KiB and the stack above it. Guards are MADV_GUARD_INSTALL where the kernel
// has it (Linux 6.13), which adds no mapping. Else, and where memory is locked (mlockall), they are
// made by mprotect, which adds two mappings for each stack: at least 30,000 stacks fit under the
// default vm.max_map_count of 65,530; the next is refused (ENOMEM), never unguarded.
//
// A stack's own description stands at its top, above everything that runs on it, so that a parked
// coroutine touches one page if its frames fit in what is left of it. Free stacks are cached by
// their worker, then, as they are, in a pool shared by all workers; both are bounded, and what is
// beyond goes back in batches: first the pages, then, when all of a chunk is free, its address
// space and page tables. Where memory is locked, pages stay: locking asked for that.
//
// Populating the first pages of a batch of stacks in advance was measured and does not pay: the
// kernel's work on a page costs the same either way, and most of it is clearing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coroutine/suspended.hpp"

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

inline constexpr unsigned default_class = class_for(default_stack_size);

struct stack {
  char* low;    // above the guard
  void* top;    // where a context begins, below this description
  stack* next;  // link of the cache it is in
  std::uint32_t stack_class;
  std::uint32_t chunk;
  std::uint32_t index;
  bool worn;          // has been run on since it was last trimmed
  void* fiber;        // ThreadSanitizer's
  void* asan_fake;    // AddressSanitizer's fake stack while another runs
  unsigned valgrind;  // Valgrind's number of it

  // Of who is on this stack and has yielded: above `top`, in a line of its own beside the first
  // frames. Not in the description: those lie at the same place of their pages, so they compete for
  // the same sets of the caches, and the processor takes one for the other. `on` and `exceptions`
  // never change.
  suspended& yielded() const noexcept { return *static_cast<suspended*>(top); }
};

// Takes a stack from the shared pool or makes one. Null, with errno, when there is no memory.
stack* take_stack(unsigned stack_class) noexcept;
// Gives it to the pool. Nobody may stand on it.
void give_stack(stack* s) noexcept;

// Gives back the pages of free stacks below the first kept_bytes. At most os::most_ranges.
inline constexpr std::size_t kept_bytes = 16 * 1024;
void trim_stacks(stack* const* stacks, std::size_t count) noexcept;

struct stack_counts {
  std::size_t made;       // most that were taken, or cached with their pages, at once
  std::size_t free;       // in the pool
  std::size_t reserved;   // bytes of address space
  bool guard_by_madvise;  // else by mprotect
};
stack_counts count_stacks() noexcept;

// For tests: guards by mprotect from now on, as on an older kernel.
void forgo_madvise_guards() noexcept;

}  // namespace trine::coroutines
