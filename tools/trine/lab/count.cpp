// The article's program: some units each add 0 … count - 1 to a global n.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <trine/trine.hpp>
#include <type_traits>

#include "catalogue.hpp"
#include "conditions.hpp"
#include "count_samples.hpp"

namespace trine_tool::lab {
namespace {

// Loaded and stored separately and relaxed: an update can be lost, as in the article, but without
// the undefined behaviour of a plain variable.
std::atomic<std::uint64_t> n{0};

unit_sample look() {
  return {n.load(std::memory_order_relaxed), reinterpret_cast<std::uint64_t>(&n),
          static_cast<std::int64_t>(::getpid()), static_cast<std::int64_t>(::syscall(SYS_gettid))};
}

unit_sample add_up(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    n.store(n.load(std::memory_order_relaxed) + i, std::memory_order_relaxed);
  }
  return look();
}

static_assert(std::is_trivially_copyable_v<unit_sample>, "it travels between processes");

trine::any_unit unit_of(unit_kind kind) {
  switch (kind) {
    case unit_kind::process:
      return trine::process({.fresh = true});
    case unit_kind::thread:
      return trine::thread;
    case unit_kind::coroutine:
      break;
  }
  // One home for all: what keeps them apart is that only one of them runs at a time.
  return trine::coroutine({.worker = 0});
}

count_run run_one_by_one(const count_plan& plan, const count_way& way, progress& line) {
  count_run run;
  run.way = way;
  run.count = plan.count;
  run.units.reserve(plan.units);
  for (std::uint64_t k = 0; k < plan.units; ++k) {
    line.step(to_string(way.kind), k, plan.units);
    run.units.push_back(trine::spawn(unit_of(way.kind), add_up, plan.count).get());
  }
  return run;
}

count_run run_together(const count_plan& plan, const count_way& way, progress& line) {
  count_run run;
  run.way = way;
  run.count = plan.count;
  run.units.reserve(plan.units);
  std::vector<trine::handle<unit_sample>> started;
  started.reserve(plan.units);
  for (std::uint64_t k = 0; k < plan.units; ++k) {
    started.push_back(trine::spawn(unit_of(way.kind), add_up, plan.count));
  }
  for (std::uint64_t k = 0; k < plan.units; ++k) {
    line.step(to_string(way.kind), k, plan.units);
    run.units.push_back(started[k].get());
  }
  return run;
}

count_run run_once(const count_plan& plan, const count_way& way, progress& line) {
  n.store(0, std::memory_order_relaxed);
  const auto start = std::chrono::steady_clock::now();
  count_run run = way.together ? run_together(plan, way, line) : run_one_by_one(plan, way, line);
  run.main = look();
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

count_run run_way(const count_plan& plan, const count_way& way, progress& line) {
  constexpr std::uint64_t most_tries = 200;
  constexpr auto patience = std::chrono::seconds(2);
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t tries = 1;; ++tries) {
    count_run run = run_once(plan, way, line);
    run.tries = tries;
    if (!may_race(plan, way) || run.main.n != expected_in_main(run) || tries == most_tries ||
        std::chrono::steady_clock::now() - start > patience) {
      return run;
    }
  }
}

class count_experiment final : public experiment {
 public:
  [[nodiscard]] std::string_view id() const override { return "count"; }

  [[nodiscard]] std::string_view question() const override {
    return "Units each add 0 ... 99999 to one global n: what do they see, and what does Main see?";
  }

  [[nodiscard]] std::string_view prediction() const override {
    return "processes each show 4999950000 and Main 0; threads one by one reach 24999750000; "
           "threads together may lose updates; coroutines of one home lose none.";
  }

  [[nodiscard]] std::string_view examples() const override {
    return "  trine lab count                              every unit, both ways\n"
           "  trine lab count --unit thread                threads, one by one\n"
           "  trine lab count --unit thread --together     threads, all started, then joined\n"
           "  trine lab count --count 1000 --units 3 --json";
  }

  [[nodiscard]] std::vector<option> options() override {
    return {{"--unit", "KIND",
             "process, thread, coroutine or all; without --unit and --together: all, both ways",
             &typed_.unit, nullptr},
            {"--count", "N", "Additions of each unit (100000)", &typed_.count, nullptr},
            {"--units", "N", "How many units (5)", &typed_.units, nullptr},
            {"--together", "", "Start all before joining any; without it: one by one", nullptr,
             &typed_.together}};
  }

  void check_options() override { plan_ = plan_count(typed_); }

  report run(progress& line) override {
    report result;
    result.id = id();
    result.question = question();
    result.prediction = prediction();
    std::vector<count_run> runs;
    for (const count_way& way : plan_.ways) {
      runs.push_back(run_way(plan_, way, line));
      result.tables.push_back(tabulate_count(runs.back()));
    }
    result.found = judge_count(runs);
    result.conditions = machine_conditions();
    result.conditions.emplace_back("count", plan_.count);
    result.conditions.emplace_back("units", plan_.units);
    result.rerun = rerun_count(typed_);
    return result;
  }

 private:
  count_options typed_;
  count_plan plan_;
};

}  // namespace

std::unique_ptr<experiment> make_count_experiment() { return std::make_unique<count_experiment>(); }

}  // namespace trine_tool::lab
