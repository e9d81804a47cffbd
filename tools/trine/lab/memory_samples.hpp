// The experiment `memory` as data. Nothing here starts a unit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report.hpp"

namespace trine_tool::lab {

/// So many units of one kind, parked at the same time in a process of their own.
struct memory_run {
  std::string kind;  ///< "task", "coroutine" or "thread"
  std::uint64_t asked = 0;
  std::uint64_t parked = 0;  ///< as many as could be made
  double rss_bytes = 0;      ///< growth of the process, all of them together
  double pss_bytes = 0;
  double page_table_bytes = 0;
  std::string refused;  ///< why there are fewer than asked for; "" when there are not
};

verdict judge_memory(const std::vector<memory_run>& runs);
table tabulate_memory(const std::vector<memory_run>& runs);

/// Resident bytes that this many units of a kind may need, to see beforehand whether there are as
/// many. Generous.
double expected_bytes(const std::string& kind, std::uint64_t count);

}  // namespace trine_tool::lab
