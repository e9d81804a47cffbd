// A context is a stack and where it stood; switching is swapping stack pointers.
//
// What belongs to a coroutine beside the registers of the ABI: the floating-point control words
// (in the assembly) and the exceptions it is handling (the two words of __cxa_get_globals, here),
// so that a switch inside a catch block is safe. Sanitizers are told of each switch.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(TRINE_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(TRINE_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

extern "C" {
void trine_context_switch(void** save, void* to) noexcept;
void trine_context_entry() noexcept;
}

namespace trine::coroutines {

// __cxa_eh_globals of the Itanium C++ ABI.
struct exception_state {
  void* caught = nullptr;
  unsigned uncaught = 0;
};
exception_state* this_thread_exceptions() noexcept;

// Prepares a stack so that switching to the result calls entry(argument) on it.
inline void* make_context(void* top, void (*entry)(void*), void* argument) noexcept {
  auto* word = reinterpret_cast<std::uintptr_t*>(reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15});
#if defined(__x86_64__)
  *--word = 0;  // keeps the frame of the entry aligned
  *--word = 0;
  *--word = reinterpret_cast<std::uintptr_t>(&trine_context_entry);
  *--word = 0;                                          // rbp
  *--word = reinterpret_cast<std::uintptr_t>(argument);  // rbx
  *--word = reinterpret_cast<std::uintptr_t>(entry);     // r12
  *--word = 0;                                          // r13
  *--word = 0;                                          // r14
  *--word = 0;                                          // r15
  // Control words as the ABI starts a program with.
  *--word = (std::uintptr_t{0x037f} << 32) | 0x1f80;
#else
#error "trine: no context switch for this processor yet; x86-64 is supported"
#endif
  return word;
}

}  // namespace trine::coroutines
