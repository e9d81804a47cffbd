// Checks of the runtime's own invariants. A failed check names the place and ends the process:
// a scheduler whose state is wrong must not go on.
#pragma once

namespace trine::base {

[[noreturn]] void fail(const char* what, const char* file, int line) noexcept;

// For what must hold in every build.
#define TRINE_CHECK(condition)                                                             \
  (__builtin_expect(!(condition), 0) ? ::trine::base::fail(#condition, __FILE__, __LINE__) \
                                     : (void)0)

// For what is too dear to check in a release.
#ifdef TRINE_CHECKS
#define TRINE_DEBUG_CHECK(condition) TRINE_CHECK(condition)
#else
#define TRINE_DEBUG_CHECK(condition) ((void)0)
#endif

}  // namespace trine::base
