#include <fmt/format.h>

#include <algorithm>

#include "memory_samples.hpp"
#include "numbers.hpp"

namespace trine_tool::lab {
namespace {

double each(const memory_run& run) {
  return run.parked == 0 ? 0 : run.rss_bytes / static_cast<double>(run.parked);
}

/// The largest number at which both kinds were all there: few units say little, because what the
/// runtime needs once is divided among them.
std::uint64_t largest_common(const std::vector<memory_run>& runs, const std::string& a,
                             const std::string& b) {
  std::uint64_t largest = 0;
  for (const memory_run& one : runs) {
    for (const memory_run& two : runs) {
      if (one.kind == a && two.kind == b && one.asked == two.asked && one.parked == one.asked &&
          two.parked == two.asked)
        largest = std::max(largest, one.asked);
    }
  }
  return largest;
}

const memory_run& at(const std::vector<memory_run>& runs, const std::string& kind,
                     std::uint64_t count) {
  return *std::find_if(runs.begin(), runs.end(), [&](const memory_run& run) {
    return run.kind == kind && run.asked == count;
  });
}

}  // namespace

double expected_bytes(const std::string& kind, std::uint64_t count) {
  const double one = kind == "thread" ? 24 << 10 : kind == "coroutine" ? 10 << 10 : 512;
  return one * static_cast<double>(count);
}

verdict judge_memory(const std::vector<memory_run>& runs) {
  // What the article calls hardly any.
  constexpr double hardly_any = 64 << 10;
  reasons all;
  const std::uint64_t count = largest_common(runs, "coroutine", "thread");
  if (count == 0) {
    all.against("coroutines and threads were not both measured");
    return all.judge();
  }
  const double thread = each(at(runs, "thread", count));
  const double coroutine = each(at(runs, "coroutine", count));
  if (thread <= hardly_any) {
    all.for_it(fmt::format("of {} parked, a thread takes {}", count, bytes_text(thread)));
  } else {
    all.against(fmt::format("of {} parked, a thread takes {}", count, bytes_text(thread)));
  }
  if (coroutine < thread) {
    all.for_it(fmt::format("a coroutine {}", bytes_text(coroutine)));
  } else {
    all.against(fmt::format("a coroutine takes {}, no less than a thread", bytes_text(coroutine)));
  }
  if (const std::uint64_t both = largest_common(runs, "task", "coroutine"); both != 0) {
    const double task = each(at(runs, "task", both));
    const double beside = each(at(runs, "coroutine", both));
    if (task < beside) {
      all.for_it(fmt::format("a co_await {}", bytes_text(task)));
    } else {
      all.against(fmt::format("a co_await takes {}, no less than a coroutine", bytes_text(task)));
    }
  }
  for (const memory_run& run : runs) {
    if (run.refused.empty()) continue;
    all.with(fmt::format("only {} of {} {}s ({})", run.parked, run.asked, run.kind, run.refused));
  }
  return all.judge();
}

table tabulate_memory(const std::vector<memory_run>& runs) {
  table result;
  result.id = "parked";
  result.title = "Memory of units that wait, in bytes for each";
  result.columns = {"kind",   "asked", "parked", "rss_each", "pss_each", "page_tables_each",
                    "refused"};
  for (const memory_run& run : runs) {
    const double n = run.parked == 0 ? 1 : static_cast<double>(run.parked);
    result.rows.push_back({run.kind, run.asked, run.parked, run.rss_bytes / n, run.pss_bytes / n,
                           run.page_table_bytes / n, run.refused});
  }
  return result;
}

}  // namespace trine_tool::lab
