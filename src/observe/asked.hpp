// Which units have been asked to stop and still run, and since when: so that one that ignores it
// can be named. Bounded: where too many are asked at once some are not kept.
#pragma once

#include <cstdint>

namespace trine::observe {

// Any thread.
void note_asked_to_stop(std::uint64_t id) noexcept;
// CLOCK_MONOTONIC ns; 0: not asked, or not kept.
std::int64_t asked_to_stop_since(std::uint64_t id) noexcept;

}  // namespace trine::observe
