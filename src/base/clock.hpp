// Time inside the runtime: nanoseconds of CLOCK_MONOTONIC as a plain integer.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace trine::base {

inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

// About 30 ns.
std::int64_t now_ns() noexcept;

// now + span, without overflow; a span of duration::max() means never.
inline std::int64_t deadline_after(std::chrono::nanoseconds span) noexcept {
  const std::int64_t now = now_ns();
  return span.count() > never - now ? never : now + span.count();
}

}  // namespace trine::base
