// How a unit ends, for whoever waits for it.
#pragma once

#include <cstdint>
#include <exception>
#include <string_view>

#include <trine/detail/core.hpp>

namespace trine::wait {

// core::state
inline constexpr std::uint32_t bit_done = 1;
inline constexpr std::uint32_t bit_locked = 2;
inline constexpr std::uint32_t bit_waiters = 4;

// Enters the unit in the registry and sets id, kind, deadline, parent, name.
void register_unit(detail::core& c, unit_kind kind, std::string_view name,
                   std::chrono::nanoseconds deadline, const std::source_location& where) noexcept;

// Takes the unit out of the registry; for one whose start failed. complete() does it otherwise.
void unregister_unit(detail::core& c) noexcept;

// Enters w among those that complete() wakes. False when the unit has ended already.
bool add_joiner(detail::core& c, waiter& w) noexcept;
// Takes it out again, if complete() has not done so; after that nobody touches w any more. Returns
// whether the unit has ended.
bool remove_joiner(detail::core& c, waiter& w) noexcept;

// The process layer's way to join from a thread, null while it is not in use.
extern bool (*join_process)(detail::core&, std::int64_t deadline, bool interruptible);

// Runs the body on the calling thread or coroutine, whose execution already names the unit.
void run_body(detail::core& c) noexcept;

// Marks the unit done, leaves the registry, wakes who joins, and destroys the core if nobody refers
// to it any more. The caller must not touch it after. Called once, by whoever saw the unit end.
void complete(detail::core& c) noexcept;

// Its two halves, for a layer that has something to do between them. The first may run user code (a
// scope asks others to stop); the second wakes and does not: when it returns true, nobody refers to
// the core and the caller must detail::destroy() it; else the caller must not touch it any more.
void prepare_to_finish(detail::core& c) noexcept;
[[nodiscard]] bool finish(detail::core& c) noexcept;

// Set at the end of the program: coroutines that have not ended never will.
extern std::atomic<bool> coroutines_ended;
// Set when exit() ends the processes: that a detached one ends then is no news.
extern std::atomic<bool> program_ends;
// Set, with coroutines_ended, in the child of a fork() by the user: no unit of this process will
// ever end, and any lock of one may be held by a thread that stayed behind.
extern std::atomic<bool> forked_copy;

// For the unit that called fork(), when its body returns in the child: there is nothing to return
// to. Says so and ends the child.
[[noreturn]] void returned_in_copy() noexcept;

// For a unit that never ran its body: the error is stored and the unit completes.
void complete_with(detail::core& c, std::exception_ptr error) noexcept;

}  // namespace trine::wait
