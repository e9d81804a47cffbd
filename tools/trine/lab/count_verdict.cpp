#include <fmt/format.h>

#include <algorithm>

#include "count_samples.hpp"

namespace trine_tool::lab {
namespace {

/// What one run says about the claim. Exactly one of the three is filled.
struct finding {
  std::string for_it;
  std::string with;
  std::string against;
};

std::string name_of(const count_way& way) {
  const char* const plural = way.kind == unit_kind::process  ? "processes"
                             : way.kind == unit_kind::thread ? "threads"
                                                             : "coroutines";
  return fmt::format("{} {}", plural, way.together ? "together" : "one by one");
}

finding judge_processes(const count_run& run) {
  const std::uint64_t each = sum_below(run.count);
  const auto same = [&](const unit_sample& unit) { return unit.pid == run.main.pid; };
  if (std::any_of(run.units.begin(), run.units.end(), same)) {
    return {"", "", fmt::format("one of the {} ran in Main's own process", name_of(run.way))};
  }
  for (std::size_t k = 0; k < run.units.size(); ++k) {
    if (run.units[k].n == each) continue;
    return {"", "",
            fmt::format("process {} of the {} showed {} instead of {}", k, name_of(run.way),
                        run.units[k].n, each)};
  }
  if (run.main.n != 0) {
    return {"", "", fmt::format("{} left {} in Main instead of 0", name_of(run.way), run.main.n)};
  }
  return {fmt::format("{} each showed {} and Main 0", name_of(run.way), each), "", ""};
}

/// Reasons that hold for any units that should share Main's memory; "" when there is none.
std::string not_sharing(const count_run& run) {
  const bool shared = std::all_of(run.units.begin(), run.units.end(), [&](const auto& unit) {
    return unit.pid == run.main.pid && unit.address == run.main.address;
  });
  if (!shared) return fmt::format("{} did not share Main's n", name_of(run.way));
  const bool one_home = std::all_of(run.units.begin(), run.units.end(), [&](const auto& unit) {
    return unit.tid == run.units.front().tid;
  });
  if (run.way.kind == unit_kind::coroutine && !one_home) {
    return fmt::format("{} ran on more than one thread", name_of(run.way));
  }
  return "";
}

finding judge_one_by_one(const count_run& run) {
  const std::uint64_t each = sum_below(run.count);
  std::uint64_t expected = 0;
  for (std::size_t k = 0; k < run.units.size(); ++k) {
    expected += each;
    if (run.units[k].n == expected) continue;
    return {"", "",
            fmt::format("{} {} of the {} showed {} instead of {}", to_string(run.way.kind), k,
                        name_of(run.way), run.units[k].n, expected)};
  }
  if (run.main.n != expected) {
    return {
        "", "",
        fmt::format("{} left {} in Main instead of {}", name_of(run.way), run.main.n, expected)};
  }
  return {fmt::format("{} grew n to {}", name_of(run.way), expected), "", ""};
}

finding judge_together(const count_run& run) {
  const std::uint64_t all = expected_in_main(run);
  if (run.main.n > all) {
    return {"", "",
            fmt::format("{} left {} in Main, more than the {} that were added", name_of(run.way),
                        run.main.n, all)};
  }
  const std::uint64_t lost = all - run.main.n;
  if (run.way.kind == unit_kind::coroutine) {
    if (lost == 0) return {name_of(run.way) + " on one home lost nothing without a lock", "", ""};
    return {"", "", fmt::format("{} on one home lost {} of {}", name_of(run.way), lost, all)};
  }
  if (lost == 0) {
    return {"",
            fmt::format("{} losing nothing in {} {}, which luck allows", name_of(run.way),
                        run.tries, run.tries == 1 ? "run" : "runs"),
            ""};
  }
  return {fmt::format("{} lost {} of {} ({:.1f} %)", name_of(run.way), lost, all,
                      100.0 * static_cast<double>(lost) / static_cast<double>(all)),
          "", ""};
}

finding judge(const count_run& run) {
  if (run.units.empty()) return {"", "", name_of(run.way) + " left no samples"};
  if (sum_below(run.count) == 0) {
    return {"",
            fmt::format("{} adding only 0, which cannot tell memory shared from memory apart",
                        name_of(run.way)),
            ""};
  }
  if (run.way.kind == unit_kind::process) return judge_processes(run);
  const std::string reason = not_sharing(run);
  if (!reason.empty()) return {"", "", reason};
  return run.way.together ? judge_together(run) : judge_one_by_one(run);
}

void append(std::string& list, const std::string& item) {
  if (item.empty()) return;
  if (!list.empty()) list += "; ";
  list += item;
}

}  // namespace

verdict judge_count(const std::vector<count_run>& runs) {
  if (runs.empty()) {
    return {outcome::does_not_hold, "does not hold here because nothing was measured."};
  }
  finding all;
  for (const count_run& run : runs) {
    const finding one = judge(run);
    append(all.for_it, one.for_it);
    append(all.with, one.with);
    append(all.against, one.against);
  }
  if (!all.against.empty()) {
    return {outcome::does_not_hold, fmt::format("does not hold here because {}.", all.against)};
  }
  if (!all.with.empty()) {
    append(all.with, all.for_it);
    return {outcome::holds_with, fmt::format("holds here with {}.", all.with)};
  }
  return {outcome::holds, fmt::format("holds: {}.", all.for_it)};
}

}  // namespace trine_tool::lab
