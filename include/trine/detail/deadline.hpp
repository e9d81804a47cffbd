// Spans and time points of any clock as the deadlines of the runtime: CLOCK_MONOTONIC nanoseconds.
// No promises to users.
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

// The bound of a timed wait. A time point of another clock than the runtime's is converted when the
// wait begins and looked at again when it ends, since clocks may run apart: no wait ends before its
// clock says so.
class limit {
 public:
  limit() noexcept = default;  // none
  template <class Rep, class Period>
  explicit limit(const std::chrono::duration<Rep, Period>& span) : at_(to_deadline(span)) {}
  // Refers to `when`, which outlives the wait.
  template <class Clock, class Duration>
  explicit limit(const std::chrono::time_point<Clock, Duration>& when) : at_(to_deadline(when)) {
    if constexpr (!std::is_same_v<Clock, std::chrono::steady_clock>) {
      when_ = &when;
      again_ = [](const void* asked) {
        const auto& t = *static_cast<const std::chrono::time_point<Clock, Duration>*>(asked);
        return Clock::now() < t ? to_deadline(t) : -1;
      };
    }
  }
  limit(const limit&) = delete;
  limit& operator=(const limit&) = delete;

  std::int64_t at() const noexcept { return at_; }
  // After the deadline: false when the time has come, else there is a new deadline.
  bool renew() const {
    if (again_ == nullptr) return false;
    at_ = again_(when_);
    return at_ >= 0;
  }

 private:
  mutable std::int64_t at_ = no_deadline;
  std::int64_t (*again_)(const void*) = nullptr;
  const void* when_ = nullptr;
};

}  // namespace trine::detail
