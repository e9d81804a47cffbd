#include <fmt/format.h>

#include <algorithm>

#include "share_samples.hpp"

namespace trine_tool::lab {
namespace {

using trine::unit_kind;

std::string name_of(const share_run& run) {
  switch (run.kind) {
    case unit_kind::process:
      return "processes";
    case unit_kind::thread:
      return "threads";
    case unit_kind::coroutine:
      break;
  }
  return run.one_home ? "coroutines of one worker" : "coroutines";
}

std::string with_way(const share_run& run) {
  if (run.way == share_way::racing) return "racing " + name_of(run);
  return fmt::format("{} with {} {}", name_of(run), run.way == share_way::atomic ? "an" : "a",
                     run.way == share_way::channel ? "channel" : to_string(run.way));
}

std::uint64_t expected(const share_run& run) { return run.units * run.count; }

void append(std::string& list, const std::string& item) {
  if (!list.empty()) list += "; ";
  list += item;
}

const share_run* find(const std::vector<share_run>& runs, share_way way) {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const share_run& run) {
    return run.kind == unit_kind::thread && run.way == way;
  });
  return found != runs.end() ? &*found : nullptr;
}

}  // namespace

std::string_view to_string(share_way way) {
  switch (way) {
    case share_way::racing:
      return "racing";
    case share_way::mutex:
      return "mutex";
    case share_way::atomic:
      return "atomic";
    case share_way::channel:
      break;
  }
  return "channel";
}

double rate(const share_run& run) {
  return run.seconds > 0 ? static_cast<double>(expected(run)) / run.seconds : 0;
}

verdict judge_share(const std::vector<share_run>& runs) {
  if (runs.empty())
    return {outcome::does_not_hold, "does not hold here because nothing was measured."};
  std::string holds, with, against;
  for (const share_run& run : runs) {
    const std::uint64_t all = expected(run);
    if (run.found > all) {
      append(against, fmt::format("{} counted {} of {}", with_way(run), run.found, all));
      continue;
    }
    const std::uint64_t lost = all - run.found;
    if (run.way != share_way::racing) {
      if (lost != 0) append(against, fmt::format("{} lost {} of {}", with_way(run), lost, all));
      continue;
    }
    if (run.kind == unit_kind::coroutine && run.one_home) {
      // They alternate only where they wait: there is nothing to race with.
      if (lost == 0) {
        append(holds, with_way(run) + " lost nothing, for only one runs at a time");
      } else {
        append(against, fmt::format("{} lost {} of {}", with_way(run), lost, all));
      }
    } else if (lost != 0) {
      append(holds, fmt::format("{} lost {} of {} ({:.1f} %)", with_way(run), lost, all,
                                100.0 * static_cast<double>(lost) / static_cast<double>(all)));
    } else {
      append(with, fmt::format("{} losing nothing in {} {}, which luck allows", with_way(run),
                               run.tries, run.tries == 1 ? "run" : "runs"));
    }
  }
  if (!against.empty())
    return {outcome::does_not_hold, fmt::format("does not hold here because {}.", against)};
  const share_run* const racing = find(runs, share_way::racing);
  for (const share_way way : {share_way::mutex, share_way::atomic, share_way::channel}) {
    const share_run* const safe = find(runs, way);
    if (racing == nullptr || safe == nullptr || rate(*safe) <= 0) continue;
    append(holds, fmt::format("{} lost nothing at 1/{:.1f} of the racing rate", with_way(*safe),
                              rate(*racing) / rate(*safe)));
  }
  if (racing == nullptr) append(holds, "no synchronised way lost anything");
  if (!with.empty()) {
    if (!holds.empty()) append(with, holds);
    return {outcome::holds_with, fmt::format("holds here with {}.", with)};
  }
  return {outcome::holds, fmt::format("holds: {}.", holds)};
}

table tabulate_share(const std::vector<share_run>& runs) {
  table result;
  result.id = "share";
  result.title = "one counter, added to by several units";
  result.columns = {"unit", "way", "expected", "found", "lost", "additions_per_second", "runs"};
  for (const share_run& run : runs) {
    const std::uint64_t all = expected(run);
    result.rows.push_back({std::string(to_string(run.kind)), std::string(to_string(run.way)), all,
                           run.found,
                           static_cast<std::int64_t>(all) - static_cast<std::int64_t>(run.found),
                           rate(run), run.tries});
  }
  return result;
}

}  // namespace trine_tool::lab
