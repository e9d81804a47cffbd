#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "../failure.hpp"
#include "count_samples.hpp"

namespace trine_tool::lab {
namespace {

constexpr std::string_view help = "Run trine lab count --help.";
constexpr std::array kinds{unit_kind::process, unit_kind::thread, unit_kind::coroutine};

// n is unsigned, but readers of the JSON may have signed numbers only.
constexpr std::uint64_t largest_n = std::numeric_limits<std::int64_t>::max();

std::uint64_t parse_whole(std::string_view option, const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range && stop == end) {
    throw bad_usage(fmt::format("trine: {} {} is too large. {}", option, text, help));
  }
  if (error != std::errc() || stop != end || number == 0) {
    throw bad_usage(fmt::format("trine: {} needs a whole number of at least 1, not \"{}\". {}",
                                option, text, help));
  }
  return number;
}

/// Whether units × (0 + 1 + … + (count - 1)) is at most largest_n.
bool fits(std::uint64_t units, std::uint64_t count) {
  const std::uint64_t even = count % 2 == 0 ? count / 2 : (count - 1) / 2;
  const std::uint64_t odd = count % 2 == 0 ? count - 1 : count;
  std::uint64_t all = 0;
  return !__builtin_mul_overflow(even, odd, &all) && !__builtin_mul_overflow(all, units, &all) &&
         all <= largest_n;
}

std::uint64_t largest_count(std::uint64_t units) {
  std::uint64_t low = 1;
  std::uint64_t high = std::uint64_t{1} << 33;
  while (low < high) {
    const std::uint64_t middle = low + (high - low + 1) / 2;
    if (fits(units, middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

std::vector<unit_kind> parse_kinds(const std::string& text) {
  if (text == "all") return {kinds.begin(), kinds.end()};
  std::vector<std::string> names{"all"};
  for (const unit_kind kind : kinds) {
    if (text == to_string(kind)) return {kind};
    names.emplace_back(to_string(kind));
  }
  throw bad_usage(unknown_word("unit", text, names, "Use process, thread, coroutine or all."));
}

std::uint64_t most_units(const count_way& way) {
  switch (way.kind) {
    case unit_kind::process:
      return 1000;
    case unit_kind::thread:
      return way.together ? 10'000 : 1'000'000;
    case unit_kind::coroutine:
      return way.together ? 100'000 : 1'000'000;
  }
  return 0;
}

}  // namespace

count_plan plan_count(const count_options& options) {
  count_plan plan;
  if (options.count) plan.count = parse_whole("--count", *options.count);
  if (options.units) plan.units = parse_whole("--units", *options.units);
  // The full set is what a reader without a question of his own wants; a size does not narrow it.
  const bool both = !options.unit && !options.together;
  for (const unit_kind kind : parse_kinds(options.unit.value_or("all"))) {
    if (both || !options.together) plan.ways.push_back({kind, false});
    if (both || options.together) plan.ways.push_back({kind, true});
  }
  for (const count_way& way : plan.ways) {
    if (plan.units <= most_units(way)) continue;
    throw bad_usage(
        fmt::format("trine: --units {} is more than the {} that the lab starts as a {}{}. "
                    "Use at most --units {}, or another --unit.",
                    plan.units, most_units(way), to_string(way.kind),
                    way.together ? " together" : "", most_units(way)));
  }
  if (!fits(plan.units, plan.count)) {
    throw bad_usage(fmt::format(
        "trine: {} units that each add 0 ... {} would carry n past {}, the most that a signed "
        "64-bit number holds. Use at most --count {}.",
        plan.units, plan.count - 1, largest_n, largest_count(plan.units)));
  }
  return plan;
}

std::string rerun_count(const count_options& options) {
  std::string command = "trine lab count";
  if (options.unit) command += " --unit " + *options.unit;
  if (options.count) command += " --count " + *options.count;
  if (options.units) command += " --units " + *options.units;
  if (options.together) command += " --together";
  return command;
}

std::uint64_t sum_below(std::uint64_t count) {
  if (count == 0) return 0;
  return count % 2 == 0 ? count / 2 * (count - 1) : (count - 1) / 2 * count;
}

bool may_race(const count_plan& plan, const count_way& way) {
  return way.kind == unit_kind::thread && way.together && plan.units > 1 && plan.count > 1;
}

std::uint64_t expected_in_main(const count_run& run) {
  return run.way.kind == unit_kind::process ? 0 : sum_below(run.count) * run.units.size();
}

}  // namespace trine_tool::lab
