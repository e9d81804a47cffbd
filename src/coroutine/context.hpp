// A context is a stack and where it stood; switching is swapping stack pointers.
//
// What belongs to a coroutine beside the registers of the ABI: the floating-point control words
// (switched with the registers) and the exceptions it is handling (the two words of
// __cxa_get_globals, switched by the worker), so that a switch inside a catch block is safe.
// Sanitizers are told of each switch.
//
// Each processor has a header and an assembly file (context_<processor>.hpp, .S) with
//
//   void switch_context(void** save, void* to)   stores where it stands in *save, goes on at `to`
//   void* make_context(top, entry, argument)     switching to the result calls entry(argument)
//   trine_context_entry                          where a new context begins
//   bool call_on_stack(void** save, top, entry, argument, instead)
//       calls bool entry(argument) on the stack below `top`. Until it returns, *save is a context
//       of the caller's. When it returns false, so does this. When someone has switched to *save,
//       which returns true from here, entry must return true: then instead() is called, which must
//       not return.
//   void trine_yield(void** save, void* to)      like switch_context, but a call; only where
//                                                has_fast_yield says so
//
// The switch is inlined and declares every register clobbered, so that the compiler saves only what
// is live; it goes by a jump, and without a call, so that the processor's stack of return addresses
// still fits the callers of the context it arrives in.
#pragma once

#if defined(__x86_64__)
#include "coroutine/context_x86_64.hpp"
#elif defined(__aarch64__)
#include "coroutine/context_aarch64.hpp"
#else
#error "trine: no context switch for this processor yet; x86-64 and AArch64 are supported"
#endif
