// What the runtime asks of the processor itself.
#pragma once

namespace trine::base {

inline constexpr unsigned cache_line = 64;

// A hint inside a spin loop.
inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// Whether the program may run on more than one CPU; asked of the system once. On one, spinning only
// keeps away who is waited for.
bool several_cpus() noexcept;

}  // namespace trine::base
