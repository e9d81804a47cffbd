#include <fmt/format.h>

#include <algorithm>

#include "count_samples.hpp"

namespace trine_tool::lab {
namespace {

std::string hex(std::uint64_t address) { return fmt::format("{:#x}", address); }

/// The article's line, `Process 1:n=…,id(n)=…`.
std::string article_line(const std::string& who, const unit_sample& seen) {
  return fmt::format("{}:n={},id(n)={}", who, seen.n, hex(seen.address));
}

std::string capitalised(unit_kind kind) {
  std::string name(to_string(kind));
  name.front() = static_cast<char>(name.front() - 'a' + 'A');
  return name;
}

}  // namespace

table tabulate_count(const count_run& run) {
  const std::string name(to_string(run.way.kind));
  table result;
  result.id = name + (run.way.together ? "_together" : "_one_by_one");
  result.title = fmt::format("{} {}, {}", run.units.size(),
                             run.way.kind == unit_kind::process ? "processes" : name + "s",
                             run.way.together ? "all started before any is joined" : "one by one");
  result.columns = {"number", "n", "address", "pid", "tid"};

  std::vector<std::pair<std::string, const unit_sample*>> lines;
  for (std::size_t k = 0; k < run.units.size(); ++k) {
    const unit_sample& unit = run.units[k];
    result.rows.push_back(
        {static_cast<std::uint64_t>(k), unit.n, hex(unit.address), unit.pid, unit.tid});
    lines.emplace_back(article_line(fmt::format("{} {}", capitalised(run.way.kind), k), unit),
                       &unit);
  }
  lines.emplace_back(article_line("Main", run.main), &run.main);
  std::size_t widest = 0;
  for (const auto& line : lines) widest = std::max(widest, line.first.size());
  for (const auto& [line, seen] : lines) {
    result.text.push_back(fmt::format("{:<{}}  pid={} tid={}", line, widest, seen->pid, seen->tid));
  }
  result.text.push_back(fmt::format("Total time:{:.6f}", run.seconds));

  const std::uint64_t expected = expected_in_main(run);
  if (run.tries > 1 || (run.way.kind == unit_kind::thread && run.way.together)) {
    result.text.push_back(run.main.n < expected
                              ? fmt::format("Runs until an update was lost:{}", run.tries)
                              : fmt::format("Runs in which no update was lost:{}", run.tries));
  }
  result.totals = {{"unit", name},
                   {"together", run.way.together},
                   {"count", run.count},
                   {"main_n", run.main.n},
                   {"main_address", hex(run.main.address)},
                   {"main_pid", run.main.pid},
                   {"main_tid", run.main.tid},
                   {"expected_main_n", expected},
                   // Signed: a broken machine might show more than was added.
                   {"lost", static_cast<std::int64_t>(expected - run.main.n)},
                   {"runs", run.tries},
                   {"total_seconds", run.seconds}};
  return result;
}

}  // namespace trine_tool::lab
