// The sources of the waiter, the stop protocol and the primitives as they are, on explored atomics.
//
// They are ordinary code, no templates over a policy, so they are compiled here once more, in a
// namespace `explored` instead of `trine` and with a std::atomic of ours: what is explored is what
// ships. What they use from lower layers is real, but for futexes, relax() and the registry.
// Include it in one file of a test program, after everything else.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <trine/detail/fair.hpp>
#include <trine/detail/owner.hpp>
#include <trine/errors.hpp>
#include <trine/unit.hpp>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "base/random.hpp"
#include "base/relaxed.hpp"
#include "explore/explore.hpp"
#include "observe/asked.hpp"
#include "observe/registry.hpp"
#include "os/futex.hpp"

namespace explore {
// A seeded bug of the channel: who finds nothing lets go of the lock before it enters the line.
inline bool seeded_gap = false;
// And of select: it locks its channels in the order in which they were given.
inline bool seeded_order = false;
}  // namespace explore

namespace explored_std {
using namespace std;
template <class T>
using atomic = explore::atomic<T>;
template <class = void>
struct seeded_less {
  template <class T>
  bool operator()(T a, T b) const {
    return !explore::seeded_order && std::less<>{}(a, b);
  }
};
}  // namespace explored_std

namespace explored {
using namespace ::trine;
namespace base {
using namespace ::trine::base;
using ::trine::base::fail;
inline void relax() { explore::relax(); }
inline void relax_no_more() {}
// Every choice is tried.
inline std::uint32_t random_below(std::uint32_t n) { return explore::engine().choose(n); }
}  // namespace base
namespace observe {
using namespace ::trine::observe;
struct slot : ::trine::observe::slot {};
inline slot nobodys;
inline slot* enter(unit_kind, std::uint64_t, std::string_view, const std::source_location*) {
  return &nobodys;
}
inline void leave(slot*) {}
inline void note_asked_to_stop(std::uint64_t) {}
// No explored thread outlives its place in the registry.
inline slot* unlisted() noexcept { return nullptr; }
}  // namespace observe
namespace detail {
using ::trine::detail::fair_point;
inline constexpr bool sync_checks = false;
// Marks of owners are for reports.
struct owner_word {
  void set() {}
  void clear() {}
  std::uint32_t get() const { return 0; }
};
}  // namespace detail
namespace os {
// With a deadline it may end at any time.
inline bool futex_wait(const explore::atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::int64_t deadline) {
  return explore::futex_wait(word, expected, deadline != ::trine::base::never);
}
inline bool futex_wait_two(const explore::atomic<std::uint32_t>& word, std::uint32_t expected,
                           const explore::atomic<std::uint32_t>&, std::uint32_t, std::int64_t) {
  return explore::futex_wait(word, expected, true);
}
inline void futex_wake(const explore::atomic<std::uint32_t>* word, unsigned count) {
  explore::futex_wake(word, count);
}
}  // namespace os
}  // namespace explored

// A count for speed, not explored: the waits look at the unit's own bits.
#define trine explored
#define stop_point stop_point_unexplored
#include <trine/detail/stop_point.hpp>
#undef stop_point
namespace explored::detail {
inline std::atomic<std::uint32_t> units_asked_to_stop{0};
inline void stop_point() {}
}  // namespace explored::detail

#define std explored_std
#include <trine/detail/channel_core.hpp>
#include "sync/mutex.cpp"
#define enter_receivers(w)                         \
  if (::explore::seeded_gap) (unlock)(), (lock)(); \
  (enter_receivers)(w)
#include "sync/channel.cpp"
#undef enter_receivers
#define less seeded_less
#include "sync/select.cpp"
#undef less
#include <trine/select.hpp>
#include "sync/condition.cpp"
#include "sync/latch.cpp"
#include "sync/once.cpp"
#include "sync/semaphore.cpp"
#include "sync/shared_mutex.cpp"
#include "wait/stop.cpp"
// A thread looks at its word a hundred times before it parks; here once, for it would never park.
#define relax()    \
  relax_no_more(); \
  break
#include "wait/waiter.cpp"
#undef relax
#undef trine
#undef std

namespace explored::sync {
inline void misused(const char*) noexcept { std::abort(); }
inline void check_owner(const detail::owner_word&, const char*) noexcept {}
inline void ended_while_waited_for(const char*, const wait::waiter*) noexcept {}
inline void refuse_relock(const detail::owner_word&, const char*) {}
}  // namespace explored::sync

namespace explore {

// Who each virtual thread is, for wait::self().
inline explored::wait::execution identities[max_threads];
inline explored::observe::slot slots[max_threads];

// First in each thread of a model that waits.
inline void become(explored::detail::core* unit, explored::wait::scheduler* sched = nullptr) {
  const unsigned t = engine().current();
  identities[t] = {unit, sched, &slots[t], nullptr};
  explored::wait::self() = identities[t];
  engine().switched = [](unsigned next) { explored::wait::self() = identities[next]; };
}

// A waiter whose memory outlives it, so that a use after its end is found and not a crash.
class kept_waiters {
 public:
  explored::wait::waiter& make() { return *::new (memory_[count_++]) explored::wait::waiter; }
  static void end(explored::wait::waiter& w) { w.~waiter(); }

 private:
  alignas(explored::wait::waiter) std::byte memory_[4][sizeof(explored::wait::waiter)];
  unsigned count_ = 0;
};

}  // namespace explore
