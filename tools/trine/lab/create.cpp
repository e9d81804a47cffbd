// What does it cost to make a unit and to see it end?
#include <chrono>
#include <thread>
#include <trine/trine.hpp>

#include "catalogue.hpp"
#include "conditions.hpp"
#include "create_samples.hpp"
#include "numbers.hpp"

namespace trine_tool::lab {
namespace {

constexpr int repetitions = 5;

void nothing() {}

struct way {
  const char* name;
  std::uint64_t divisor;  ///< of --units: a dear unit is made less often
  void (*once)();
};

constexpr way ways[] = {
    {"coroutine", 1, [] { trine::spawn(trine::coroutine, nothing).get(); }},
    {"thread_reused", 10, [] { trine::spawn(trine::thread, nothing).get(); }},
    // Trine keeps threads that have ended; std::thread makes a new one each time.
    {"thread_fresh", 10, [] { std::thread(nothing).join(); }},
    {"process_warm", 10, [] { trine::spawn(trine::process, nothing).get(); }},
    {"process_fresh", 500, [] { trine::spawn(trine::process({.fresh = true}), nothing).get(); }},
};

/// Nanoseconds for one.
double measure(const way& which, std::uint64_t units) {
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < units; ++i) which.once();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start)
             .count() /
         static_cast<double>(units);
}

/// Inside a coroutine, as most are made: its home runs what it spawns, without another thread.
double measure_coroutines(const way& which, std::uint64_t units) {
  return trine::spawn(trine::coroutine, [&which, units] { return measure(which, units); }).get();
}

class create_experiment final : public experiment {
 public:
  [[nodiscard]] std::string_view id() const override { return "create"; }
  [[nodiscard]] std::string_view question() const override {
    return "What does it cost to make a unit and to join it?";
  }
  [[nodiscard]] std::string_view prediction() const override {
    return "a thread costs far less than a process, a coroutine less again.";
  }
  [[nodiscard]] std::string_view examples() const override {
    return "  trine lab create\n"
           "  trine lab create --units 100000 --json";
  }
  [[nodiscard]] std::vector<option> options() override {
    return {{"--units", "N",
             "Coroutines in each repetition; threads and warm processes are a tenth, fresh "
             "processes a five-hundredth (10000)",
             &typed_, nullptr}};
  }
  void check_options() override {
    units_ = read_whole("create", "--units", typed_, 10'000, 1'000'000);
  }

  report run(progress& line) override {
    report result;
    result.id = id();
    result.question = question();
    result.prediction = prediction();
    std::vector<create_run> runs;
    for (const way& each : ways) {
      each.once();  // what the first one sets up is not the price of one
      runs.push_back({each.name, {}, std::max<std::uint64_t>(units_ / each.divisor, 1)});
    }
    for (int i = 0; i < repetitions; ++i) {
      for (std::size_t k = 0; k < runs.size(); ++k) {
        line.step("create", static_cast<std::uint64_t>(i) * runs.size() + k,
                  repetitions * runs.size());
        runs[k].ns.push_back(k == 0 ? measure_coroutines(ways[k], runs[k].units)
                                    : measure(ways[k], runs[k].units));
      }
    }
    result.tables.push_back(tabulate_create(runs));
    result.found = judge_create(runs);
    result.conditions = machine_conditions();
    result.conditions.emplace_back("units", units_);
    result.rerun = "trine lab create" + (typed_ ? " --units " + *typed_ : "");
    return result;
  }

 private:
  std::optional<std::string> typed_;
  std::uint64_t units_ = 0;
};

}  // namespace

std::unique_ptr<experiment> make_create_experiment() {
  return std::make_unique<create_experiment>();
}

}  // namespace trine_tool::lab
