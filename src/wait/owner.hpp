// Marks of units, as mutexes keep them of their owners (trine/detail/owner.hpp), and the way back.
#pragma once

#include <cstdint>

#include "observe/registry.hpp"

namespace trine::wait {

// Slots lie in one mapping of less than 2^32 of them, so the low bits of a slot's number among all
// addresses are its own.
inline std::uint32_t mark_of(const observe::slot* s) noexcept {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(s) / sizeof(observe::slot));
}
// The slot of the unit that left the mark, null when it is not known or not listed. The unit may
// have ended since, and the slot be another's.
const observe::slot* owner_slot(std::uint32_t mark) noexcept;

// Whether the mark that the running unit leaves is its own alone: not so while it has only that of
// the thread it runs on, or shares the slot of those the registry had no room for.
bool mark_is_certain() noexcept;

// Who runs here, as an address that no other unit or thread has meanwhile. For a unit that spawn
// started: its core.
const void* identity() noexcept;

}  // namespace trine::wait
