// The experiment `switch` as data. Nothing here starts a unit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report.hpp"

namespace trine_tool::lab {

/// Two units that hand over to each other many times.
struct switch_run {
  std::string way;                    ///< "coroutine", "thread_one_core", "thread_two_cores"
  std::vector<double> ns;             ///< one switch, one way; one figure for each repetition
  std::uint64_t switches = 0;         ///< of all repetitions
  std::uint64_t kernel_switches = 0;  ///< that the kernel made meanwhile for the threads involved
};

/// A span in which one unit had the core, from its own clock.
struct slice {
  double begin_us = 0;
  double end_us = 0;
};

/// Two units that compute on one core at the same time.
struct sharing_run {
  std::string way;  ///< "coroutine" or "thread"
  std::vector<slice> units[2];
  std::uint64_t hand_overs = 0;  ///< how often a unit yielded; threads never do
};

verdict judge_switch(const std::vector<switch_run>& runs, const std::vector<sharing_run>& shared);

table tabulate_switch(const std::vector<switch_run>& runs);
/// The slices, and a drawing: one line for each unit, '#' where it ran.
table tabulate_sharing(const sharing_run& run);

/// How often the core went from one unit to the other.
std::uint64_t alternations(const sharing_run& run);

}  // namespace trine_tool::lab
