// Stop requests and deadlines of units.
//
// core::stop holds the bits; core::parked the waiter of the stoppable wait the unit is in.
//
// A coroutine is stopped by its home: request_stop sets the bits and posts the core to the home's
// inbox; the home claims the waiter. Only the home's thread touches `parked` then, and a park
// pays nothing for it. The coroutine looks at the bits when it publishes its waiter, so a request
// whose post found it running is seen, and a later post finds it parked. A request that finds no
// home yet is seen by the unit when it first waits: it stores its home, then looks at the bits; the
// stopper sets the bits, then looks at the home (an asymmetric fence between each two).
//
// Threads, processes and roaming coroutines have no such home. The unit publishes its waiter, then
// looks at the bits; the stopper sets the bits, then takes the waiter out: one of the two sees the
// other (both sides are read-modify-writes on `parked`, which order them). A stopper that took
// a waiter puts `busy` in its place until it has claimed it; a unit that finds `busy` when it wants
// to leave waits for the stopper's few instructions.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>

#include <trine/detail/core.hpp>

#include "wait/waiter.hpp"

namespace trine::wait {

inline constexpr std::uint32_t stop_requested = 1;
inline constexpr std::uint32_t stop_deadline = 2;  // it was the unit's own deadline
inline constexpr std::uint32_t stop_posted = 4;    // the core lies in its home's inbox
// Waits inside a shield do not end by a stop; the count lives in the upper half.
inline constexpr std::uint32_t stop_shield_unit = 1U << 16;

void request_stop(detail::core& c, std::uint32_t why) noexcept;

// Throws `cancelled` or, when the unit's deadline has passed, `timed_out`.
[[noreturn]] void throw_stopped(const detail::core* unit);
// Throws as above when the unit that runs here has been asked to stop and is not shielded.
void check_stop();
// The same for the unit that runs here, when it is known not to be unwinding.
void check_stop(detail::core& unit);

// The unit's source of tokens; made on first use. Throws std::bad_alloc. Who sets it and then finds
// the stop bits unset will see it used when they are set; else the request may have missed it.
std::stop_source& stop_source_of(detail::core& c);
// The unit's token, for the unit itself.
std::stop_token stop_token_of(detail::core& c);

// Hooks of the process layer, null elsewhere. The first passes a stop on to a process unit's
// worker. The second is called in a worker whenever its job begins to care about stop requests.
extern void (*stop_process)(detail::core&);
extern void (*on_first_stop_interest)();

// The coroutine layer's: has the core's home call deliver_stop. Set when the layer starts.
extern std::atomic<void (*)(detail::core&) noexcept> stop_by_home;
// On the home's thread.
void deliver_stop(detail::core& c) noexcept;
// Whether a wait must end now.
bool stop_wanted(const detail::core& c) noexcept;

// The waits' side: waiter::wait and late_join only.
// Publishes w and returns the wait's deadline: the unit's own when that is earlier; of_unit says
// so. If the unit has been asked to stop already, w has ended before the wait.
std::int64_t enter_wait(detail::core& c, waiter& w, std::int64_t deadline, bool& of_unit) noexcept;
// When it is over; c is null when nothing was published. Takes w back and says how it ended.
outcome leave_wait(detail::core* c, waiter& w, bool of_unit) noexcept;

void publish(detail::core& c, waiter& w) noexcept;
void unpublish(detail::core& c, waiter& w) noexcept;

}  // namespace trine::wait
