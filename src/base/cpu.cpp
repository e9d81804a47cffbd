#include "base/cpu.hpp"

#include <sched.h>

namespace trine::base {

bool several_cpus() noexcept {
  static const bool several = [] {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) > 1;
  }();
  return several;
}

}  // namespace trine::base
