#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace trine::base {

void fail(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "trine: internal check failed: %s (%s:%d); please report this\n", what, file,
               line);
  std::abort();
}

}  // namespace trine::base
