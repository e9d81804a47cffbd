// Numbers that nobody can foresee well enough to be unfair; not for secrets.
#pragma once

#include <cstdint>

namespace trine::base {

// 0 … n - 1, n > 0. Each thread has a sequence of its own. A few nanoseconds.
std::uint32_t random_below(std::uint32_t n) noexcept;

}  // namespace trine::base
