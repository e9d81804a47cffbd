// Under what conditions was it measured? Only what stays the same from one run to the next.
#pragma once

#include "report.hpp"

namespace trine_tool::lab {

/// Kernel, CPU, number of usable CPUs, compiler, build.
facts machine_conditions();

}  // namespace trine_tool::lab
