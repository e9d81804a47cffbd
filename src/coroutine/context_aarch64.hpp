// The context switch of AArch64 (AAPCS64); the contract is in context.hpp.
#pragma once

#include <cstdint>

#include "coroutine/sanitizers.hpp"

extern "C" void trine_context_entry() noexcept;

namespace trine::coroutines {

// A suspended context is a stack pointer; above it lie fpcr, x29, the address to go on at and a
// word that keeps the stack aligned.
//
// All of x0–x28, x30 and the vector registers are declared clobbered: the ABI keeps x19–x28, x30
// and the low halves of v8–v15 across calls, and what of them is live the compiler saves around the
// switch. x29 cannot be declared where it is the frame pointer, so it is kept here. fpcr belongs to
// the coroutine; it is read at each switch and written only where the two contexts differ. `hint
// #36` is a landing pad (bti j) where branch protection is on, else nothing.
#if defined(__ARM_FEATURE_SVE)
#define TRINE_PREDICATES                                                                         \
  "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14", \
      "p15",
#else
#define TRINE_PREDICATES
#endif
TRINE_NO_TSAN [[gnu::always_inline]] inline void switch_context(void** save, void* to) noexcept {
  register void** x0 asm("x0") = save;
  register void* x1 asm("x1") = to;
  asm volatile(
      "adr x2, 1f\n\t"
      "mrs x3, fpcr\n\t"
      "stp x3, x29, [sp, #-32]!\n\t"
      "str x2, [sp, #16]\n\t"
      "mov x4, sp\n\t"
      "str x4, [x0]\n\t"
      "mov sp, x1\n\t"
      "ldp x5, x29, [x1]\n\t"
      "ldr x2, [x1, #16]\n\t"
      "cmp x5, x3\n\t"
      "b.ne 2f\n"
      "0:\tadd sp, sp, #32\n\t"
      "br x2\n"
      "2:\tmsr fpcr, x5\n\t"
      "b 0b\n"
      "1:\thint #36"
      : "+r"(x0), "+r"(x1)
      :
      : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
        "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28",
        "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12",
        "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
        "v26", "v27", "v28", "v29", "v30", "v31", TRINE_PREDICATES "cc", "memory");
}

#undef TRINE_PREDICATES

constexpr bool has_fast_yield = false;
constexpr bool has_call_on_stack = false;
inline void trine_yield(void**, void*) noexcept {}
inline bool call_on_stack(void**, void*, bool (*)(void*), void*, void (*)()) noexcept {
  return false;
}

// Prepares a stack so that switching to the result calls entry(argument) on it.
inline void* make_context(void* top, void (*entry)(void*), void* argument) noexcept {
  auto* word = reinterpret_cast<std::uintptr_t*>(reinterpret_cast<std::uintptr_t>(top) &
                                                 ~std::uintptr_t{15});
  *--word = reinterpret_cast<std::uintptr_t>(argument);  // what trine_context_entry reads
  *--word = reinterpret_cast<std::uintptr_t>(entry);
  *--word = 0;
  *--word = reinterpret_cast<std::uintptr_t>(&trine_context_entry);
  *--word = 0;  // x29: the chain of frames ends
  *--word = 0;  // fpcr as the ABI starts a program with
  return word;
}

}  // namespace trine::coroutines
