#include "os/block_cache.hpp"

#include <cstdint>
#include <new>

#include "os/slab.hpp"

namespace trine::os {
namespace {

constexpr std::uint32_t capacity = 128;
constexpr std::uint32_t batch = 32;

struct free_block {
  free_block* next;
};

#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
// Sanitizers see every use after free only if each block goes back to malloc.
constexpr bool caching = false;
#else
constexpr bool caching = true;
#endif

// No destructor, so that a block can still be given back while a thread's other thread-locals are
// destroyed; the guard below empties it once.
struct cache {
  free_block* head[slab_classes];
  std::uint32_t count[slab_classes];
  bool closed;

  void push(std::size_t index, void* block) noexcept {
    auto* const b = static_cast<free_block*>(block);
    b->next = head[index];
    head[index] = b;
    ++count[index];
  }
  void* pop(std::size_t index) noexcept {
    free_block* const b = head[index];
    head[index] = b->next;
    --count[index];
    return b;
  }
  void spill(std::size_t index, std::uint32_t keep) noexcept {
    void* blocks[capacity];
    std::size_t n = 0;
    while (count[index] > keep) blocks[n++] = pop(index);
    if (n != 0) give_blocks(blocks, n);
  }
};

thread_local constinit cache t_cache{};

struct cache_guard {
  ~cache_guard() {
    t_cache.closed = true;
    for (std::size_t i = 0; i < slab_classes; ++i) t_cache.spill(i, 0);
  }
};

void arm_guard() {
  thread_local cache_guard guard;
  (void)guard;
}

[[gnu::noinline]] void* refill(cache& mine, std::size_t index) {
  void* blocks[batch];
  const std::size_t n = take_blocks(index, blocks, mine.closed ? 1 : batch);
  if (n == 0) throw std::bad_alloc();
  if (n > 1 && mine.head[index] == nullptr) arm_guard();
  // In order, so that the next ones lie side by side.
  for (std::size_t i = n; i-- > 1;) mine.push(index, blocks[i]);
  return blocks[0];
}

constexpr std::size_t index_of(std::size_t size) noexcept { return (size - 1) / slab_step; }

}  // namespace

__attribute__((noinline)) void* take_block(std::size_t size) {
  const std::size_t index = index_of(size);
  if (!caching || index >= slab_classes) return ::operator new (size, std::align_val_t{slab_step});
  cache& mine = t_cache;
  if (mine.head[index] != nullptr) return mine.pop(index);
  return refill(mine, index);
}

__attribute__((noinline)) void give_block(void* block, std::size_t size) noexcept {
  const std::size_t index = index_of(size);
  if (!caching || index >= slab_classes)
    return ::operator delete (block, std::align_val_t{slab_step});
  cache& mine = t_cache;
  if (mine.head[index] == nullptr) {
    if (mine.closed) return give_blocks(&block, 1);
    arm_guard();
  } else if (mine.count[index] >= capacity) {
    mine.spill(index, capacity / 2);
  }
  mine.push(index, block);
}

}  // namespace trine::os
