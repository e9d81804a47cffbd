// What the sanitizers have to be told of, by code that switches stacks.
#pragma once

#if defined(TRINE_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(TRINE_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

// For the frames a switch leaves for good: ThreadSanitizer counts entries and exits of functions,
// and would keep those frames on the fibre's call stack for ever.
#if defined(TRINE_TSAN) && defined(__clang__)
#define TRINE_NO_TSAN __attribute__((disable_sanitizer_instrumentation))
#elif defined(TRINE_TSAN)
#define TRINE_NO_TSAN __attribute__((no_sanitize("thread")))
#else
#define TRINE_NO_TSAN
#endif
