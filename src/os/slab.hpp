// Memory for small blocks that goes back to the kernel when the blocks have come back.
//
// Address space is reserved in regions and cut into spans of 16 KiB; a span holds blocks of one
// size, and its own list of the free ones in its first 64 bytes. A span whose blocks are all free
// may serve any size next. At most kept_bytes of such spans keep their pages; what is beyond goes
// back in batches, so that it costs some 50 ns a block and only where a great many were in use.
//
// One lock; callers take and give by the batch (os/block_cache.hpp). Safe across fork().
#pragma once

#include <cstddef>

namespace trine::os {

inline constexpr std::size_t slab_step = 64;
inline constexpr std::size_t slab_classes = 8;  // 64 … 512 bytes, aligned to 64
inline constexpr std::size_t slab_kept_bytes = std::size_t{4} << 20;

// Up to `count` blocks of 64 × (index + 1) bytes; returns how many, 0 when there is no memory.
std::size_t take_blocks(std::size_t index, void** out, std::size_t count) noexcept;
void give_blocks(void* const* blocks, std::size_t count) noexcept;

struct slab_counts {
  std::size_t spans;     // ever cut
  std::size_t in_use;    // with at least one block out
  std::size_t resident;  // free, but with their pages
};
slab_counts count_slabs() noexcept;

}  // namespace trine::os
