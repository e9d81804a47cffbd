// Stop requests and deadlines of units.
//
// core::stop holds the bits; core::parked the waiter of the stoppable wait the unit is in. The unit
// publishes its waiter, then looks at the bits; the stopper sets the bits, then takes the
// waiter out: one of the two sees the other (both sides are read-modify-writes on `parked`, which
// order them). A stopper that took a waiter puts `busy` in its place until it has claimed it; a
// unit that finds `busy` when it wants to leave waits for the stopper's few instructions.
#pragma once

#include <cstdint>
#include <stop_token>

#include <trine/detail/core.hpp>

namespace trine::wait {

inline constexpr std::uint32_t stop_requested = 1;
inline constexpr std::uint32_t stop_deadline = 2;  // it was the unit's own deadline
// Waits inside a shield do not end by a stop; the count lives in the upper half.
inline constexpr std::uint32_t stop_shield_unit = 1U << 16;

void request_stop(detail::core& c, std::uint32_t why) noexcept;

// Throws `cancelled` or, when the unit's deadline has passed, `timed_out`.
[[noreturn]] void throw_stopped(const detail::core* unit);
// Throws as above when the unit that runs here has been asked to stop and is not shielded.
void check_stop();

// The unit's token; made on first use. Throws std::bad_alloc.
std::stop_token stop_token_of(detail::core& c);

// Hooks of the process layer, null elsewhere. The first passes a stop on to a process unit's
// worker. The second is called in a worker whenever its job begins to care about stop requests.
extern void (*stop_process)(detail::core&);
extern void (*on_first_stop_interest)();

// The waits' side, called by waiter::wait only.
void publish(detail::core& c, waiter& w) noexcept;
void unpublish(detail::core& c, waiter& w) noexcept;

}  // namespace trine::wait
