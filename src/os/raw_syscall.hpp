// System calls without the C library, for code that shares its memory with a thread that is not
// itself: the C library would write errno into that thread's storage.
#pragma once

namespace trine::os {

// The kernel's own result: -errno on failure.
__attribute__((always_inline)) inline long raw_syscall(long number, long a = 0, long b = 0,
                                                       long c = 0, long d = 0,
                                                       long e = 0) noexcept {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = 0;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = 0;
  asm volatile("svc 0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory", "cc");
  return x0;
#else
#error "trine: system calls are written for x86-64 and AArch64"
#endif
}

// A child that runs entry(argument) on the given stack and exits with what it returns. The C
// library's clone() will not do: a sanitizer puts a function of its own between, which uses our
// frame after we have returned. Inlined, so that nothing of it is instrumented.
__attribute__((always_inline)) inline long raw_clone(unsigned long flags, void* stack_top,
                                                     int (*entry)(void*), void* argument) noexcept {
  void** top = reinterpret_cast<void**>(reinterpret_cast<unsigned long>(stack_top) & ~15UL) - 2;
  top[0] = reinterpret_cast<void*>(entry);
  top[1] = argument;
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = 0;
  register long r8 asm("r8") = 0;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "pop %%rax\n\t"
      "pop %%rdi\n\t"
      "call *%%rax\n\t"
      "mov %%eax, %%edi\n\t"
      "mov $231, %%eax\n\t"  // exit_group
      "syscall\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(56L), "D"(flags), "S"(top), "d"(0L), "r"(r10), "r"(r8)
      : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = 220;
  register unsigned long x0 asm("x0") = flags;
  register void* x1 asm("x1") = top;
  register long x2 asm("x2") = 0;
  register long x3 asm("x3") = 0;
  register long x4 asm("x4") = 0;
  asm volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x30, xzr\n\t"
      "ldp x1, x0, [sp], #16\n\t"
      "blr x1\n\t"
      "mov x8, #94\n\t"  // exit_group
      "svc 0\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
      : "memory", "cc");
  return static_cast<long>(x0);
#endif
}

}  // namespace trine::os
