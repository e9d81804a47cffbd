// From durations and time points to the runtime's own deadlines. No promises to users.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace trine::detail {

inline constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();

// Now plus a span, as CLOCK_MONOTONIC nanoseconds; a span beyond all bounds is no deadline.
inline std::int64_t deadline_after(std::chrono::duration<long double, std::nano> span) {
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  if (span.count() <= 0) return now;
  if (span.count() >= static_cast<long double>(no_deadline - now)) return no_deadline;
  return now + static_cast<std::int64_t>(span.count());
}

// A time point of any clock as CLOCK_MONOTONIC nanoseconds.
template <class Clock, class Duration>
std::int64_t to_deadline(const std::chrono::time_point<Clock, Duration>& when) {
  // In long double: time_point::max() minus now must not overflow.
  using precise = std::chrono::duration<long double, std::nano>;
  // The clock of deadlines itself needs no present, in which this thread may be interrupted.
  if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
    const long double ns = precise(when.time_since_epoch()).count();
    if (ns >= static_cast<long double>(no_deadline)) return no_deadline;
    return ns <= 0 ? 0 : static_cast<std::int64_t>(ns);
  }
  return deadline_after(precise(when.time_since_epoch()) -
                        precise(Clock::now().time_since_epoch()));
}
template <class Rep, class Period>
std::int64_t to_deadline(const std::chrono::duration<Rep, Period>& span) {
  return deadline_after(std::chrono::duration<long double, std::nano>(span));
}

}  // namespace trine::detail
