// The experiment `create` as data. Nothing here starts a unit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report.hpp"

namespace trine_tool::lab {

/// Units that were started and joined one after the other.
struct create_run {
  std::string way;          ///< "coroutine", "thread_reused", "thread_fresh", "process_warm", …
  std::vector<double> ns;   ///< for one unit; one figure for each repetition
  std::uint64_t units = 0;  ///< in each repetition
};

verdict judge_create(const std::vector<create_run>& runs);
table tabulate_create(const std::vector<create_run>& runs);

}  // namespace trine_tool::lab
