#include "base/random.hpp"

#include <cstdint>

#include "base/clock.hpp"

namespace trine::base {

__attribute__((noinline)) std::uint32_t random_below(std::uint32_t n) noexcept {
  thread_local constinit std::uint64_t state = 0;
  std::uint64_t x = state;
  if (x == 0) [[unlikely]]
    x = static_cast<std::uint64_t>(now_ns()) ^ reinterpret_cast<std::uintptr_t>(&state) ^ 1;
  // Xorshift (Marsaglia); the upper half, scaled instead of divided.
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  state = x;
  return static_cast<std::uint32_t>(((x >> 32) * n) >> 32);
}

}  // namespace trine::base
