#include <fmt/format.h>

#include <algorithm>

#include "create_samples.hpp"
#include "numbers.hpp"

namespace trine_tool::lab {
namespace {

/// 0 when that way was not measured.
double median_of(const std::vector<create_run>& runs, const std::string& way) {
  for (const create_run& run : runs) {
    if (run.way == way) return spread_of(run.ns).median;
  }
  return 0;
}

}  // namespace

verdict judge_create(const std::vector<create_run>& runs) {
  // What the article calls far less.
  constexpr double far = 3;
  const double coroutine = median_of(runs, "coroutine");
  const double reused = median_of(runs, "thread_reused");
  const double fresh = median_of(runs, "thread_fresh");
  const double process = median_of(runs, "process_fresh");
  const double warm = median_of(runs, "process_warm");
  reasons all;
  if (coroutine <= 0 || fresh <= 0 || process <= 0) {
    all.against("coroutines, fresh threads or fresh processes were not measured");
    return all.judge();
  }
  const std::string costs = fmt::format("a fresh process costs {}, a fresh thread {}",
                                        time_text(process), time_text(fresh));
  if (process >= far * fresh) {
    all.for_it(costs);
  } else if (process > fresh) {
    all.with("the difference small: " + costs);
  } else {
    all.against(costs);
  }
  const double thread = reused > 0 ? std::min(reused, fresh) : fresh;
  if (coroutine < thread) {
    all.for_it(fmt::format("a coroutine costs {}", time_text(coroutine)));
  } else {
    all.against(fmt::format("a coroutine cost {}, no less than a thread with {}",
                            time_text(coroutine), time_text(thread)));
  }
  if (warm > 0 && warm < fresh) {
    all.with(fmt::format("a process that is kept warm, which at {} costs less than a fresh thread",
                         time_text(warm)));
  }
  return all.judge();
}

table tabulate_create(const std::vector<create_run>& runs) {
  table result;
  result.id = "cost";
  result.title = "Start and join one unit that does nothing, in nanoseconds";
  result.columns = {"way", "median_ns", "low_ns", "high_ns", "units"};
  for (const create_run& run : runs) {
    const spread s = spread_of(run.ns);
    result.rows.push_back({run.way, s.median, s.low, s.high, run.units});
  }
  return result;
}

}  // namespace trine_tool::lab
