// Floating-point control: rounding, precision, exception masks.
#pragma once

#include <cstdint>

namespace trine::base {

// As the ABI starts a program. Costs a load only where it was changed.
inline void reset_fp_control() noexcept {
#if defined(__x86_64__)
  constexpr std::uint32_t start_mxcsr = 0x1f80;
  constexpr std::uint16_t start_x87 = 0x037f;
  std::uint32_t mxcsr;
  std::uint16_t x87;
  asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
  // The low six bits are status, not control.
  if (((mxcsr ^ start_mxcsr) & 0xffc0U) != 0) asm volatile("ldmxcsr %0" : : "m"(start_mxcsr));
  if (x87 != start_x87) asm volatile("fldcw %0" : : "m"(start_x87));
#endif
}

}  // namespace trine::base
