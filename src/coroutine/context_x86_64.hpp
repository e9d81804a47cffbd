// The context switch of x86-64 (System V ABI); the contract is in context.hpp.
#pragma once

#include <cstdint>

#include "coroutine/sanitizers.hpp"

extern "C" void trine_context_entry() noexcept;
extern "C" void trine_call_entry() noexcept;
extern "C" void trine_yield(void** save, void* to) noexcept;

namespace trine::coroutines {

constexpr bool has_call_on_stack = true;
// Sanitizers have to be told on arrival.
#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
constexpr bool has_fast_yield = false;
#else
constexpr bool has_fast_yield = true;
#endif

// A suspended context is a stack pointer; above it lie 8 bytes of floating-point control (mxcsr and
// the x87 word), rbp, and the address to go on at.
//
// The control words belong to the coroutine (the ABI makes them callee-saved) but change almost
// never: they are stored at each switch and loaded only where the two contexts differ, for a load
// of mxcsr costs more than all the rest. The six low bits of mxcsr are status, which any call may
// change.
#if defined(__AVX512F__)
#define TRINE_WIDE_REGISTERS                                                                    \
  "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",     \
      "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", \
      "k7",
#else
#define TRINE_WIDE_REGISTERS
#endif
TRINE_NO_TSAN [[gnu::always_inline]] inline void switch_context(void** save, void* to) noexcept {
  asm volatile(
      "leaq -128(%%rsp), %%rsp\n\t"  // past the red zone
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "pushq %%rbp\n\t"
      "subq $8, %%rsp\n\t"
      "stmxcsr (%%rsp)\n\t"
      "fnstcw 4(%%rsp)\n\t"
      "movl (%%rsp), %%eax\n\t"
      "movzwl 4(%%rsp), %%edx\n\t"
      "movq %%rsp, (%%rdi)\n\t"
      "movq %%rsi, %%rsp\n\t"
      "xorl (%%rsp), %%eax\n\t"
      "xorw 4(%%rsp), %%dx\n\t"
      "andl $0xffc0, %%eax\n\t"
      "orl %%edx, %%eax\n\t"
      "jne 2f\n"
      "0:\taddq $8, %%rsp\n\t"
      "popq %%rbp\n\t"
      "popq %%rax\n\t"
      "jmpq *%%rax\n"
      "2:\tldmxcsr (%%rsp)\n\t"
      "fldcw 4(%%rsp)\n\t"
      "jmp 0b\n"
      "1:\tleaq 128(%%rsp), %%rsp"
      : "+D"(save), "+S"(to)
      :
      : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15", TRINE_WIDE_REGISTERS "cc", "memory");
}

// The words of control are stored and looked at as in a switch, for the call may change them.
TRINE_NO_TSAN [[gnu::always_inline]] inline bool call_on_stack(void** save, void* top,
                                                               bool (*entry)(void*), void* argument,
                                                               void (*instead)()) noexcept {
  register void (*else_to)() asm("r13") = instead;
  asm volatile(
      "leaq -128(%%rsp), %%rsp\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "pushq %%rbp\n\t"
      "subq $8, %%rsp\n\t"
      "stmxcsr (%%rsp)\n\t"
      "fnstcw 4(%%rsp)\n\t"
      "movq %%rsp, (%%rdi)\n\t"
      "movq %%rsp, %%rbx\n\t"  // kept by the call, as r12 and r13 are
      "leaq 3f(%%rip), %%r12\n\t"
      "movq %%rsi, %%rsp\n\t"
      "movq %%rcx, %%rdi\n\t"
      "jmp trine_call_entry\n"
      "3:\tmovq %%rbx, %%rsp\n\t"
      "subq $8, %%rsp\n\t"
      "stmxcsr (%%rsp)\n\t"
      "fnstcw 4(%%rsp)\n\t"
      "movl (%%rsp), %%eax\n\t"
      "movzwl 4(%%rsp), %%edx\n\t"
      "addq $8, %%rsp\n\t"
      "xorl (%%rsp), %%eax\n\t"
      "xorw 4(%%rsp), %%dx\n\t"
      "andl $0xffc0, %%eax\n\t"
      "orl %%edx, %%eax\n\t"
      "jne 2f\n"
      "0:\taddq $8, %%rsp\n\t"
      "popq %%rbp\n\t"
      "addq $8, %%rsp\n\t"
      "xorl %%esi, %%esi\n\t"
      "jmp 4f\n"
      "2:\tldmxcsr (%%rsp)\n\t"
      "fldcw 4(%%rsp)\n\t"
      "jmp 0b\n"
      "1:\tmovl $1, %%esi\n"
      "4:\tleaq 128(%%rsp), %%rsp"
      : "+D"(save), "+S"(top), "+d"(entry), "+c"(argument), "+r"(else_to)
      :
      : "rax", "rbx", "r8", "r9", "r10", "r11", "r12", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3",
        "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15", TRINE_WIDE_REGISTERS "cc", "memory");
  return top != nullptr;
}

#undef TRINE_WIDE_REGISTERS

// Prepares a stack so that switching to the result calls entry(argument) on it.
inline void* make_context(void* top, void (*entry)(void*), void* argument) noexcept {
  auto* word = reinterpret_cast<std::uintptr_t*>(reinterpret_cast<std::uintptr_t>(top) &
                                                 ~std::uintptr_t{15});
  *--word = reinterpret_cast<std::uintptr_t>(argument);  // what trine_context_entry reads
  *--word = reinterpret_cast<std::uintptr_t>(entry);
  *--word = reinterpret_cast<std::uintptr_t>(&trine_context_entry);
  *--word = 0;  // rbp: the chain of frames ends
  // Control words as the ABI starts a program with.
  *--word = (std::uintptr_t{0x037f} << 32) | 0x1f80;
  return word;
}

}  // namespace trine::coroutines
