#include <fmt/format.h>

#include <algorithm>

#include "numbers.hpp"
#include "switch_samples.hpp"

namespace trine_tool::lab {
namespace {

const switch_run* find(const std::vector<switch_run>& runs, const std::string& way) {
  const auto at =
      std::find_if(runs.begin(), runs.end(), [&](const switch_run& r) { return r.way == way; });
  return at == runs.end() || at->ns.empty() || at->switches == 0 ? nullptr : &*at;
}

double kernel_part(const switch_run& run) {
  return static_cast<double>(run.kernel_switches) / static_cast<double>(run.switches);
}

void judge_cost(reasons& all, const std::vector<switch_run>& runs) {
  const switch_run* const coroutine = find(runs, "coroutine");
  const switch_run* const one_core = find(runs, "thread_one_core");
  if (coroutine == nullptr || one_core == nullptr) {
    all.against("coroutines or threads on one core were not measured");
    return;
  }
  const double ours = spread_of(coroutine->ns).median;
  const double theirs = spread_of(one_core->ns).median;
  if (ours < theirs) {
    all.for_it(fmt::format("a coroutine switches in {}, a thread on the same core in {}",
                           time_text(ours), time_text(theirs)));
  } else {
    all.against(fmt::format("a coroutine switched in {}, no faster than the {} of a thread",
                            time_text(ours), time_text(theirs)));
  }
  // A timer tick or another program may take the core now and then.
  if (kernel_part(*coroutine) <= 0.01) {
    all.for_it(fmt::format("the kernel switched {} times in {} switches of coroutines",
                           coroutine->kernel_switches, coroutine->switches));
  } else {
    all.against(fmt::format("the kernel switched {} times in {} switches of coroutines",
                            coroutine->kernel_switches, coroutine->switches));
  }
  if (kernel_part(*one_core) < 0.5) {
    all.against(fmt::format("the kernel counted only {} of {} switches of threads",
                            one_core->kernel_switches, one_core->switches));
  }
  if (const switch_run* const across = find(runs, "thread_two_cores")) {
    all.for_it(fmt::format("a thread wakes one on another core in {}",
                           time_text(spread_of(across->ns).median)));
  } else {
    all.with("one usable CPU, so that nothing was measured across cores");
  }
}

/// Whether one unit's span reaches into another's.
bool overlap(const sharing_run& run) {
  for (const slice& a : run.units[0]) {
    for (const slice& b : run.units[1]) {
      if (a.begin_us < b.end_us && b.begin_us < a.end_us) return true;
    }
  }
  return false;
}

void judge_sharing(reasons& all, const sharing_run& run) {
  const std::uint64_t changes = alternations(run);
  if (run.way == "thread") {
    if (changes >= 2) {
      all.for_it(
          fmt::format("the kernel moved the core {} times between two threads that never "
                      "gave it up",
                      changes));
    } else {
      all.against("the kernel did not share the core between two busy threads");
    }
    return;
  }
  if (overlap(run)) {
    all.against("two coroutines of one home ran at the same time");
  } else if (changes > run.hand_overs) {
    all.against(
        fmt::format("coroutines alternated {} times with only {} yields", changes, run.hand_overs));
  } else if (changes == 0) {
    all.against(fmt::format("coroutines did not alternate in {} yields", run.hand_overs));
  } else {
    // A yield need not change hands: with nobody else ready it returns at once.
    all.for_it(fmt::format("coroutines alternated {} times, only where one of the {} yields was",
                           changes, run.hand_overs));
  }
}

}  // namespace

std::uint64_t alternations(const sharing_run& run) {
  struct piece {
    double begin;
    int unit;
  };
  std::vector<piece> all;
  for (int unit = 0; unit < 2; ++unit) {
    for (const slice& s : run.units[unit]) all.push_back({s.begin_us, unit});
  }
  std::sort(all.begin(), all.end(),
            [](const piece& a, const piece& b) { return a.begin < b.begin; });
  std::uint64_t changes = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].unit != all[i - 1].unit) ++changes;
  }
  return changes;
}

verdict judge_switch(const std::vector<switch_run>& runs, const std::vector<sharing_run>& shared) {
  reasons all;
  judge_cost(all, runs);
  for (const sharing_run& run : shared) judge_sharing(all, run);
  return all.judge();
}

table tabulate_switch(const std::vector<switch_run>& runs) {
  table result;
  result.id = "cost";
  result.title = "One switch, one way, in nanoseconds";
  result.columns = {"way", "median_ns", "low_ns", "high_ns", "switches", "kernel_switches"};
  for (const switch_run& run : runs) {
    const spread s = spread_of(run.ns);
    result.rows.push_back({run.way, s.median, s.low, s.high, run.switches, run.kernel_switches});
  }
  return result;
}

table tabulate_sharing(const sharing_run& run) {
  constexpr std::size_t width = 64;
  table result;
  result.id = run.way + "_slices";
  result.title = fmt::format("Two busy {}s on one core", run.way);
  result.columns = {"unit", "begin_us", "end_us"};
  double begin = 0;
  double end = 0;
  for (int unit = 0; unit < 2; ++unit) {
    for (const slice& s : run.units[unit]) {
      if (result.rows.empty() || s.begin_us < begin) begin = s.begin_us;
      end = std::max(end, s.end_us);
      result.rows.push_back({static_cast<std::int64_t>(unit), s.begin_us, s.end_us});
    }
  }
  const double step = (end - begin) / static_cast<double>(width);
  for (int unit = 0; unit < 2; ++unit) {
    std::string line(width, '.');
    for (std::size_t column = 0; column < width && step > 0; ++column) {
      const double from = begin + step * static_cast<double>(column);
      double ran = 0;
      for (const slice& s : run.units[unit])
        ran += std::max(0.0, std::min(s.end_us, from + step) - std::max(s.begin_us, from));
      if (ran * 2 >= step) line[column] = '#';
    }
    result.text.push_back(
        fmt::format("{} {}  {}  {} slices", run.way, unit, line, run.units[unit].size()));
  }
  result.text.push_back(fmt::format("{:.1f} ms from left to right; the core changed hands {} times",
                                    (end - begin) / 1000, alternations(run)));
  result.totals = {{"alternations", alternations(run)}, {"yields", run.hand_overs}};
  return result;
}

}  // namespace trine_tool::lab
