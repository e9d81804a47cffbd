// The experiment `share` as data: what was asked, what was seen, what follows from it.
// Nothing here starts a unit, so all of it is tested with made-up samples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <trine/unit.hpp>
#include <vector>

#include "report.hpp"

namespace trine_tool::lab {

/// How units add 1 to one counter.
enum class share_way {
  racing,   ///< load, add, store: shared, and nothing else
  mutex,    ///< the same, with the counter locked
  atomic,   ///< one atomic addition
  channel,  ///< each 1 is a message; whoever receives adds it
};

std::string_view to_string(share_way way);

/// The options as typed.
struct share_options {
  std::optional<std::string> unit;
  std::optional<std::string> count;
  std::optional<std::string> units;
};

/// The options, understood.
struct share_plan {
  std::vector<trine::unit_kind> kinds;
  std::uint64_t count = 100'000;  ///< additions of each unit
  std::uint64_t units = 4;
};

/// Throws bad_usage with a sentence that says what is wrong and what would be right.
share_plan plan_share(const share_options& options);

/// The command that runs this plan again.
std::string rerun_share(const share_options& options);

/// What was seen when `units` units made `count` additions each.
struct share_run {
  trine::unit_kind kind{};
  share_way way{};
  std::uint64_t units = 0;
  std::uint64_t count = 0;
  std::uint64_t found = 0;  ///< the counter at the end
  double seconds = 0;
  std::uint64_t tries = 1;  ///< this run is the last of so many; racing ones are repeated until one
                            ///< loses something, within a bound
  bool one_home = false;    ///< coroutines of one worker, which runs one of them at a time
};

/// Additions a second.
double rate(const share_run& run);

verdict judge_share(const std::vector<share_run>& runs);

/// One table: a row for each run.
table tabulate_share(const std::vector<share_run>& runs);

}  // namespace trine_tool::lab
