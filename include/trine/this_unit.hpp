// this_unit: what the running function can ask and do about itself.
//
//   while (!trine::this_unit::stop_token().stop_requested()) {
//     work();
//     trine::this_unit::sleep_for(10ms);     // throws cancelled when asked to stop
//   }
//
// Works in any unit, and on threads that Trine did not make: those count as threads that nobody
// asks to stop.
//
// Coroutines of one home take turns. One that has run for some milliseconds lets the others run at
// its next call to Trine, whichever that is, so that none waits longer than some 10 ms for its
// timer or wake behind one that keeps calling (longer when the kernel keeps the runtime's monitor
// waiting, as it may when all CPUs are busy). One that makes no call for 100 ms is reported by
// units().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include <trine/detail/unit_ends.hpp>
#include <trine/handle.hpp>
#include <trine/unit.hpp>

namespace trine::this_unit {

unit_kind kind() noexcept;
// The id under which the registry lists it and its handle knows it.
std::uint64_t id() noexcept;
// The name given in its options; on a plain thread the kernel's name for it.
std::string name();

// Lets other units of the same home (coroutine) or core (thread, process) run. Does not wait.
void yield() noexcept;

// A token that says when the unit has been asked to stop. Valid beyond the unit's end.
std::stop_token stop_token();

}  // namespace trine::this_unit

namespace trine::detail {
// Returns at the deadline; throws cancelled or timed_out when the unit is stopped.
void sleep_until(std::int64_t deadline);
}  // namespace trine::detail

namespace trine::this_unit {

// Parks only the calling unit. Throws cancelled when it is asked to stop, timed_out when its own
// deadline passes first.
template <class Rep, class Period>
void sleep_for(const std::chrono::duration<Rep, Period>& span) {
  detail::sleep_until(detail::to_deadline(span));
}
template <class Clock, class Duration>
void sleep_until(const std::chrono::time_point<Clock, Duration>& when) {
  do {
    detail::sleep_until(detail::to_deadline(when));
  } while (Clock::now() < when);
}

// While one exists, the unit's waits do not end by a stop request or by its own deadline: for what
// must be finished all the same. They nest. What was asked for meanwhile counts from the next wait
// after the last; the stop_token says it at once.
//
//   trine::this_unit::shield until_written;
//   log.send(last_words);
//
// Made and destroyed on the same unit. On threads Trine did not make it does nothing.
class shield {
 public:
  shield() noexcept;
  ~shield();
  shield(const shield&) = delete;
  shield& operator=(const shield&) = delete;

 private:
  detail::core* unit_;
};

// f(), shielded; returns what it returns.
template <class F>
decltype(auto) shielded(F&& f) {
  const shield guard;
  return std::forward<F>(f)();
}

// Calls f() on this unit when its function has ended, before its handle sees it done: the latest
// first, among the unit's unit_locals in the reverse order of their beginning. On a plain thread at
// the thread's end. f may block; the waits of a unit that has been asked to stop throw there too,
// unless shielded. If f throws, the others run all the same, and the exception becomes the unit's
// unless it has one; on a plain thread it ends the program. Throws std::bad_alloc.
template <class F>
void on_exit(F f) {
  struct call final : detail::unit_end {
    explicit call(F g) : unit_end(&run), function(std::move(g)) {}
    static void run(unit_end* e) {
      const std::unique_ptr<call> mine(static_cast<call*>(e));
      mine->function();
    }
    F function;
  };
  detail::add_end(*new call(std::move(f)), 0);
}

}  // namespace trine::this_unit
