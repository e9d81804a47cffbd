// How much memory does a unit need while it waits? Each figure comes from a process of its own.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <trine/trine.hpp>

#include "catalogue.hpp"
#include "conditions.hpp"
#include "memory_samples.hpp"
#include "numbers.hpp"

namespace trine_tool::lab {
namespace {

using namespace std::chrono_literals;

/// "Name:   123 kB" in a file of /proc, as bytes.
double field(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) == 0)
      return 1024.0 * std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return 0;
}

struct usage {
  double rss = field("/proc/self/smaps_rollup", "Rss");
  double pss = field("/proc/self/smaps_rollup", "Pss");
  double tables = field("/proc/self/status", "VmPTE");
};

/// What travels back from the process that measures.
struct outcome_of_parking {
  std::uint64_t parked = 0;
  double rss = 0;
  double pss = 0;
  double tables = 0;
  std::string refused;
};

outcome_of_parking grown(const usage& before, std::uint64_t parked, std::string refused) {
  const usage after;
  return {parked, after.rss - before.rss, after.pss - before.pss, after.tables - before.tables,
          std::move(refused)};
}

/// Nobody joins the units: the process ends with them.
template <class Unit>
outcome_of_parking park(Unit unit, std::uint64_t count) {
  trine::spawn(unit, [] {}).get();  // the runtime of this kind is there before the first look
  static std::atomic<std::uint64_t> waiting{0};
  auto* const units = new std::vector<trine::handle<void>>;
  units->reserve(count);
  const usage before;
  std::string refused;
  for (std::uint64_t i = 0; i < count; ++i) {
    try {
      units->push_back(trine::spawn(unit, [] {
        waiting.fetch_add(1);
        trine::this_unit::sleep_for(24h);
      }));
    } catch (const std::exception& e) {
      refused = e.what();
      break;
    }
  }
  while (waiting.load() < units->size()) trine::this_unit::sleep_for(1ms);
  trine::this_unit::sleep_for(20ms);  // the last have counted, and are about to park
  return grown(before, units->size(), std::move(refused));
}

trine::task<void> sleeps() { co_await trine::co::sleep_for(24h); }

trine::task<void> looks(outcome_of_parking& out, const usage& before, std::uint64_t count,
                        std::atomic<bool>& done) {
  out = grown(before, count, "");
  done = true;
  co_return;
}

/// As above: a unit drives the tasks, and the process ends with it.
outcome_of_parking park_tasks(std::uint64_t count) {
  static std::atomic<bool> done{false};
  static outcome_of_parking result;
  const auto body = [count] {
    const usage before;
    std::vector<trine::task<void>> tasks;
    tasks.reserve(count + 1);
    for (std::uint64_t i = 0; i < count; ++i) tasks.push_back(sleeps());
    tasks.push_back(looks(result, before, count, done));  // begins when all the others wait
    trine::when_all(std::move(tasks)).get();
  };
  trine::spawn(trine::thread, body).detach();
  while (!done) trine::this_unit::sleep_for(1ms);
  return result;
}

// trine::process takes functions without captures.
trine::process_unit alone() { return trine::process({.fresh = true}); }

std::string encode(const outcome_of_parking& o) {
  // The fields, then the sentence.
  return std::to_string(o.parked) + " " + std::to_string(o.rss) + " " + std::to_string(o.pss) +
         " " + std::to_string(o.tables) + " " + o.refused;
}

memory_run decode(const std::string& kind, std::uint64_t asked, const std::string& text) {
  memory_run run;
  run.kind = kind;
  run.asked = asked;
  char* rest = nullptr;
  run.parked = std::strtoull(text.c_str(), &rest, 10);
  run.rss_bytes = std::strtod(rest, &rest);
  run.pss_bytes = std::strtod(rest, &rest);
  run.page_table_bytes = std::strtod(rest, &rest);
  if (*rest == ' ') ++rest;
  run.refused = rest;
  return run;
}

std::string measure_here(const std::string& kind, std::uint64_t count) {
  if (kind == "task") return encode(park_tasks(count));
  if (kind == "thread") return encode(park(trine::thread_unit{}, count));
  // 16 KiB, as one makes them that are many; memory is used only where it is touched.
  return encode(park(trine::coroutine({.stack_size = 16 << 10}), count));
}

memory_run measure(const std::string& kind, std::uint64_t count) {
  memory_run run;
  run.kind = kind;
  run.asked = count;
  // A third of what is there is left to others.
  const double available = field("/proc/meminfo", "MemAvailable");
  if (expected_bytes(kind, count) > available * 2 / 3) {
    run.refused = "not enough memory is free";
    return run;
  }
  try {
    return decode(kind, count, trine::spawn(alone(), measure_here, kind, count).get());
  } catch (const trine::crashed& e) {
    run.refused = e.what();
    return run;
  }
}

class memory_experiment final : public experiment {
 public:
  [[nodiscard]] std::string_view id() const override { return "memory"; }
  [[nodiscard]] std::string_view question() const override {
    return "How much memory does a unit need while it waits?";
  }
  [[nodiscard]] std::string_view prediction() const override {
    return "a thread owns hardly any resources; a coroutine is lighter still.";
  }
  [[nodiscard]] std::string_view examples() const override {
    return "  trine lab memory                  100, 10 000 and 1 000 000 as far as a kind goes\n"
           "  trine lab memory --most 10000     no more than that";
  }
  [[nodiscard]] std::vector<option> options() override {
    return {{"--most", "N", "The largest number of units at once (1000000)", &typed_, nullptr}};
  }
  void check_options() override {
    most_ = read_whole("memory", "--most", typed_, 1'000'000, 1'000'000);
  }

  report run(progress& line) override {
    report result;
    result.id = id();
    result.question = question();
    result.prediction = prediction();
    std::vector<std::uint64_t> counts;
    for (const std::uint64_t count : {std::uint64_t{100}, std::uint64_t{10'000}, most_}) {
      if (count <= most_ && (counts.empty() || count > counts.back())) counts.push_back(count);
    }
    std::vector<memory_run> runs;
    for (const char* const kind : {"task", "coroutine", "thread"}) {
      for (const std::uint64_t count : counts) {
        // The kernel's limits stop threads long before; a million would only load the machine.
        if (std::string_view(kind) == "thread" && count > 10'000) continue;
        line.step(kind, count, counts.back());
        runs.push_back(measure(kind, count));
        if (!runs.back().refused.empty()) break;
      }
    }
    result.tables.push_back(tabulate_memory(runs));
    result.found = judge_memory(runs);
    result.conditions = machine_conditions();
    result.conditions.emplace_back("most", most_);
    result.rerun = "trine lab memory" + (typed_ ? " --most " + *typed_ : "");
    return result;
  }

 private:
  std::optional<std::string> typed_;
  std::uint64_t most_ = 0;
};

}  // namespace

std::unique_ptr<experiment> make_memory_experiment() {
  return std::make_unique<memory_experiment>();
}

}  // namespace trine_tool::lab
