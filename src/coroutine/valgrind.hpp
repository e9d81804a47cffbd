// Valgrind takes a jump to another stack for a growth of the one it knows, and reports what lies
// between as uninitialised, unless it is told of each stack. The requests are a few instructions
// that do nothing outside Valgrind; they are compiled in where its header was (Debian's valgrind).
#pragma once

#if !defined(TRINE_ASAN) && !defined(TRINE_TSAN) && __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

namespace trine::coroutines {

// Returns the number by which the stack is taken out again.
inline unsigned tell_valgrind([[maybe_unused]] const void* low,
                              [[maybe_unused]] const void* end) noexcept {
#if defined(VALGRIND_STACK_REGISTER)
  return static_cast<unsigned>(VALGRIND_STACK_REGISTER(low, end));
#else
  return 0;
#endif
}

inline void forget_in_valgrind([[maybe_unused]] unsigned number) noexcept {
#if defined(VALGRIND_STACK_DEREGISTER)
  VALGRIND_STACK_DEREGISTER(number);
#endif
}

}  // namespace trine::coroutines
