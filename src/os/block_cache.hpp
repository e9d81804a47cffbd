// Memory for small objects that are made and destroyed all the time: each thread keeps a bounded
// number of free blocks of a few sizes before it asks the slab (os/slab.hpp), by the batch. A block
// may be freed by another thread than the one that took it.
#pragma once

#include <cstddef>

namespace trine::os {

// Aligned to 64 bytes. Throws std::bad_alloc.
void* take_block(std::size_t size);
void give_block(void* block, std::size_t size) noexcept;

}  // namespace trine::os
