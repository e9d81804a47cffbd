// The experiment `count` as data: what was asked, what was seen, what follows from it.
// Nothing here starts a unit, so all of it is tested with made-up samples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <trine/unit.hpp>
#include <vector>

#include "report.hpp"

namespace trine_tool::lab {

using trine::unit_kind;

/// The options as typed.
struct count_options {
  std::optional<std::string> unit;
  std::optional<std::string> count;
  std::optional<std::string> units;
  bool together = false;
};

/// One way of running the article's program.
struct count_way {
  unit_kind kind{};
  bool together = false;
};

/// The options, understood.
struct count_plan {
  std::vector<count_way> ways;
  std::uint64_t count = 100'000;  ///< each unit adds 0 … count - 1
  std::uint64_t units = 5;
};

/// Throws bad_usage with a sentence that says what is wrong and what would be right.
count_plan plan_count(const count_options& options);

/// The command that runs this plan again.
std::string rerun_count(const count_options& options);

/// What one unit, or Main, saw at its end.
struct unit_sample {
  std::uint64_t n = 0;
  std::uint64_t address = 0;
  std::int64_t pid = 0;
  std::int64_t tid = 0;
};

/// Everything seen while the program ran one way. `units[k]` is the unit with number k.
struct count_run {
  count_way way;
  std::uint64_t count = 0;
  std::vector<unit_sample> units;
  unit_sample main;
  double seconds = 0;
  std::uint64_t tries = 1;  ///< this run is the last of so many; see may_race()
};

/// What one unit adds: 0 + 1 + … + (count - 1). The result must fit; plan_count() sees to it.
std::uint64_t sum_below(std::uint64_t count);

/// Whether updates can be lost in such a run. It is then repeated until one is, within a bound:
/// that updates *can* be lost is shown by one run that loses some, and fast threads often miss
/// each other.
bool may_race(const count_plan& plan, const count_way& way);

/// n in Main when nothing is lost and memory is shared (or, for processes, is not).
std::uint64_t expected_in_main(const count_run& run);

verdict judge_count(const std::vector<count_run>& runs);

table tabulate_count(const count_run& run);

}  // namespace trine_tool::lab
