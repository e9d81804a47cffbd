// Uses of the primitives that cannot work, in words that name the unit.
#pragma once

#include <trine/detail/owner.hpp>

#include "wait/waiter.hpp"

namespace trine::sync {

// "trine: unit 7 (coroutine 'reader') WHAT" on stderr, and abort. For debug builds of the library
// (detail::sync_checks), where the standard leaves the behaviour undefined.
[[noreturn]] void misused(const char* what) noexcept;

// When another than the owner unlocks, as far as the marks are certain.
void check_owner(const detail::owner_word& owner, const char* what) noexcept;
// At the end of a primitive that has a waiter. Not at the end of the program, when those who wait
// end with it.
void ended_while_waited_for(const char* what, const wait::waiter* waiter) noexcept;
// Throws std::system_error (resource_deadlock_would_occur) when the caller is the owner and is
// about to wait for itself; in every build. `what` it does, and what to do instead.
void refuse_relock(const detail::owner_word& owner, const char* what);
inline constexpr const char* relocked =
    "locks a mutex that it holds, and would wait for itself; use trine::recursive_mutex, or unlock "
    "it first";

}  // namespace trine::sync
