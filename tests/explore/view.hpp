// What a virtual thread knows: of each atomic the oldest store it may still read, and of each other
// thread how much of its past happened before the present (a vector clock).
#pragma once

#include <algorithm>
#include <cstdint>

namespace explore {

inline constexpr unsigned max_threads = 8;  // the model's, its after(), and the one outside
inline constexpr unsigned outside = max_threads - 1;
inline constexpr unsigned max_places = 48;   // atomics in one execution
inline constexpr unsigned max_stores = 250;  // to one atomic in one execution

struct view {
  std::uint8_t seen[max_places] = {};
  std::uint16_t clock[max_threads] = {};

  void join_seen(const view& other) noexcept {
    for (unsigned i = 0; i < max_places; ++i) seen[i] = std::max(seen[i], other.seen[i]);
  }
  void join(const view& other) noexcept {
    join_seen(other);
    for (unsigned i = 0; i < max_threads; ++i) clock[i] = std::max(clock[i], other.clock[i]);
  }
};
static_assert(sizeof(view) == 64);

}  // namespace explore
