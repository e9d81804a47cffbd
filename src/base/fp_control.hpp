// Floating-point control: rounding, precision, exception masks.
#pragma once

#include <cstdint>

namespace trine::base {

// As the ABI starts a program. fesetround and its kin change both control words, so a look at one
// tells; reading the other is dear.
inline void reset_fp_control() noexcept {
#if defined(__x86_64__)
  constexpr std::uint32_t start_mxcsr = 0x1f80;
  constexpr std::uint16_t start_x87 = 0x037f;
  std::uint32_t mxcsr;
  asm volatile("stmxcsr %0" : "=m"(mxcsr));
  // The low six bits are status, not control.
  if (((mxcsr ^ start_mxcsr) & 0xffc0U) != 0) [[unlikely]] {
    asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(start_mxcsr), "m"(start_x87));
  }
#elif defined(__aarch64__)
  // fpcr alone; the status is in fpsr.
  std::uint64_t fpcr;
  asm volatile("mrs %0, fpcr" : "=r"(fpcr));
  if (fpcr != 0) [[unlikely]] {
    asm volatile("msr fpcr, xzr");
  }
#endif
}

}  // namespace trine::base
