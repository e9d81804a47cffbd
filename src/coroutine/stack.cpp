#include "coroutine/stack.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <new>

#include "base/check.hpp"
#include "coroutine/context.hpp"
#include "os/lock.hpp"

namespace trine::coroutines {
namespace {

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

constexpr std::uint32_t none = 0xffffffff;
constexpr unsigned max_chunks = 64;
constexpr std::size_t description_size = 128;
static_assert(sizeof(stack) <= description_size);

// Guards by mprotect from the first refusal on (an older kernel; or memory is locked).
std::atomic<bool> use_mprotect{false};

bool install_guard(char* low) noexcept {
  if (!use_mprotect.load(std::memory_order_relaxed)) {
    if (madvise(low, guard_size, MADV_GUARD_INSTALL) == 0) return true;
    if (errno == ENOMEM) return false;
    use_mprotect.store(true, std::memory_order_relaxed);
  }
  return mprotect(low, guard_size, PROT_NONE) == 0;
}

struct chunk {
  char* base = nullptr;
  std::uint32_t slots = 0;
  std::uint32_t used = 0;  // slots that were ever taken: their guards stand
  std::uint32_t free_head = none;
  std::uint32_t* next_free = nullptr;  // links of the free list: free stacks hold no page
};

// All stacks of one size.
class size_pool {
 public:
  stack* take(unsigned stack_class) noexcept;
  void give(stack* s) noexcept;
  void count(stack_counts& into) noexcept;

 private:
  bool grow(unsigned stack_class) noexcept;
  stack* describe(unsigned stack_class, unsigned chunk_index, std::uint32_t slot) noexcept;

  os::lock lock_;
  chunk chunks_[max_chunks];
  unsigned count_ = 0;
  std::uint32_t free_ = 0;
};

size_pool the_pools[stack_classes];

bool size_pool::grow(unsigned stack_class) noexcept {
  if (count_ == max_chunks) {
    errno = ENOMEM;
    return false;
  }
  const std::size_t slot = class_size(stack_class) + guard_size;
  // Doubling keeps the number of mappings small for a million stacks; the first is small, so
  // that a program with three coroutines reserves little.
  std::uint32_t slots = 16U << (count_ < 16 ? count_ : 16);
  while (slots > 1 && slots * slot > (std::size_t{1} << 38)) slots /= 2;
  for (; slots != 0; slots /= 2) {
    void* p = mmap(nullptr, slots * slot, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (p == MAP_FAILED) continue;  // an address-space limit may allow less
    auto* links = new (std::nothrow) std::uint32_t[slots];
    if (links == nullptr) {
      munmap(p, slots * slot);
      errno = ENOMEM;
      return false;
    }
    madvise(p, slots * slot, MADV_NOHUGEPAGE);  // one touched page must not cost 2 MiB
    chunks_[count_++] = {static_cast<char*>(p), slots, 0, none, links};
    return true;
  }
  return false;
}

stack* size_pool::describe(unsigned stack_class, unsigned chunk_index,
                           std::uint32_t slot) noexcept {
  char* const base = chunks_[chunk_index].base + slot * (class_size(stack_class) + guard_size);
  char* const end = base + guard_size + class_size(stack_class);
  auto* s = new (end - description_size) stack{};
  s->low = base + guard_size;
  // Stacks that all begin at the same offset would compete for the same cache sets; 16 places of
  // one line each spread the first lines.
  s->top = end - description_size - (slot % 16) * 64;
  s->stack_class = stack_class;
  s->chunk = chunk_index;
  s->index = slot;
#if defined(TRINE_TSAN)
  s->fiber = __tsan_create_fiber(0);
#endif
#if defined(TRINE_ASAN)
  // What parked coroutines hold is reachable; the guard is left out, reading it would fault.
  __lsan_register_root_region(s->low, class_size(stack_class));
#endif
  return s;
}

stack* size_pool::take(unsigned stack_class) noexcept {
  os::hold guard(lock_);
  for (;;) {
    for (unsigned i = count_; i-- > 0;) {
      chunk& c = chunks_[i];
      if (c.free_head != none) {
        const std::uint32_t slot = c.free_head;
        c.free_head = c.next_free[slot];
        --free_;
        return describe(stack_class, i, slot);
      }
      if (c.used < c.slots) {
        if (!install_guard(c.base + c.used * (class_size(stack_class) + guard_size)))
          return nullptr;
        return describe(stack_class, i, c.used++);
      }
    }
    if (!grow(stack_class)) return nullptr;
  }
}

void size_pool::give(stack* s) noexcept {
  const std::uint32_t slot = s->index;
  const unsigned chunk_index = s->chunk;
#if defined(TRINE_TSAN)
  __tsan_destroy_fiber(s->fiber);
#endif
  char* const low = s->low;
  const std::size_t size = class_size(s->stack_class);
#if defined(TRINE_ASAN)
  __lsan_unregister_root_region(low, size);
  __asan_unpoison_memory_region(low, size);
#endif
  madvise(low, size, MADV_DONTNEED);
  os::hold guard(lock_);
  chunk& c = chunks_[chunk_index];
  c.next_free[slot] = c.free_head;
  c.free_head = slot;
  ++free_;
}

void size_pool::count(stack_counts& into) noexcept {
  os::hold guard(lock_);
  for (unsigned i = 0; i < count_; ++i) into.made += chunks_[i].used;
  into.free += free_;
}

}  // namespace

stack* take_stack(unsigned stack_class) noexcept {
  TRINE_CHECK(stack_class < stack_classes);
  return the_pools[stack_class].take(stack_class);
}

void give_stack(stack* s) noexcept { the_pools[s->stack_class].give(s); }

stack_counts count_stacks() noexcept {
  stack_counts all{0, 0, !use_mprotect.load(std::memory_order_relaxed)};
  for (size_pool& pool : the_pools) pool.count(all);
  return all;
}

}  // namespace trine::coroutines
