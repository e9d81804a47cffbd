// The start hook: our own __libc_start_main, which the C library's startup code calls instead of
// the C library's. It hands a wrapped main to the next one, so that a second start of the same
// executable can become a zygote without a line in the user's main.
//
// The marker in the environment says that this start is a zygote's. It is taken out at once, before
// the executable's static constructors run.
//
// Not possible in a fully static executable: the C library's __libc_start_main is the only one
// there (ours is weak). Process units are then refused in words; threads and coroutines work.
#pragma once

namespace trine::process_layer {

// The hook has run, or is sure to run when the libraries' constructors are through.
bool start_hook_is_effective() noexcept;

// Linked without the dynamic loader.
bool executable_is_static() noexcept;

// Environment variable of a zygote's start: depth of nesting, colon, pid of the program that wants
// it.
inline constexpr char zygote_marker[] = "TRINE_ZYGOTE";

}  // namespace trine::process_layer
