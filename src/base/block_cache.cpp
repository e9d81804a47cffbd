#include "base/block_cache.hpp"

#include <cstdint>
#include <new>

namespace trine::base {
namespace {

constexpr std::size_t step = 64;
constexpr std::size_t classes = 8;  // 64 … 512 bytes
constexpr std::uint32_t capacity = 128;

struct free_block {
  free_block* next;
};

void* from_malloc(std::size_t size) { return ::operator new (size, std::align_val_t{step}); }
void to_malloc(void* block) noexcept { ::operator delete (block, std::align_val_t{step}); }

#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
// Sanitizers see every use after free only if each block goes back to them.
constexpr bool caching = false;
#else
constexpr bool caching = true;
#endif

// No destructor, so that a block can still be given back while a thread's other thread-locals are
// destroyed; the guard below empties it once.
struct cache {
  free_block* head[classes];
  std::uint32_t count[classes];
  bool closed;
};

thread_local constinit cache t_cache{};

struct cache_guard {
  ~cache_guard() {
    t_cache.closed = true;
    for (std::size_t i = 0; i < classes; ++i) {
      while (free_block* b = t_cache.head[i]) {
        t_cache.head[i] = b->next;
        to_malloc(b);
      }
      t_cache.count[i] = 0;
    }
  }
};

void arm_guard() {
  thread_local cache_guard guard;
  (void)guard;
}

}  // namespace

__attribute__((noinline)) void* take_block(std::size_t size) {
  const std::size_t index = (size - 1) / step;
  if (!caching || index >= classes) return from_malloc(size);
  cache& mine = t_cache;
  if (free_block* b = mine.head[index]) {
    mine.head[index] = b->next;
    --mine.count[index];
    return b;
  }
  return from_malloc((index + 1) * step);
}

__attribute__((noinline)) void give_block(void* block, std::size_t size) noexcept {
  const std::size_t index = (size - 1) / step;
  cache& mine = t_cache;
  if (!caching || index >= classes || mine.closed || mine.count[index] >= capacity)
    return to_malloc(block);
  if (mine.head[index] == nullptr) arm_guard();
  auto* b = static_cast<free_block*>(block);
  b->next = mine.head[index];
  mine.head[index] = b;
  ++mine.count[index];
}

}  // namespace trine::base
