// Units add to one counter: racing, with a mutex, by an atomic, and by messages.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <limits>
#include <mutex>
#include <trine/trine.hpp>

#include "../failure.hpp"
#include "catalogue.hpp"
#include "conditions.hpp"
#include "share_samples.hpp"

namespace trine_tool::lab {
namespace {

using trine::unit_kind;

constexpr std::string_view help = "Run trine lab share --help.";
constexpr std::array ways{share_way::racing, share_way::mutex, share_way::atomic,
                          share_way::channel};
constexpr std::size_t capacity = 1024;

std::uint64_t parse_bounded(std::string_view option, const std::string& text, std::uint64_t most) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number == 0 || number > most) {
    throw bad_usage(fmt::format("trine: {} needs a whole number from 1 to {}, not \"{}\". {}",
                                option, most, text, help));
  }
  return number;
}

struct counters {
  // Loaded and stored separately and relaxed: an update can be lost, without the undefined
  // behaviour of a plain variable.
  std::atomic<std::uint64_t> racing{0};
  std::atomic<std::uint64_t> atomic{0};
  std::uint64_t locked = 0;
  trine::mutex lock;
  trine::channel<std::uint64_t> messages{capacity};
};

void add(counters& c, share_way way, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    switch (way) {
      case share_way::racing:
        c.racing.store(c.racing.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        break;
      case share_way::mutex: {
        const std::lock_guard guard(c.lock);
        ++c.locked;
        break;
      }
      case share_way::atomic:
        c.atomic.fetch_add(1, std::memory_order_relaxed);
        break;
      case share_way::channel:
        c.messages.send(1);
        break;
    }
  }
}

template <class Unit>
share_run run_once(const share_plan& plan, unit_kind kind, share_way way, Unit unit) {
  share_run run{.kind = kind, .way = way, .units = plan.units, .count = plan.count};
  counters c;
  const auto start = std::chrono::steady_clock::now();
  {
    trine::scope receivers;
    trine::unit_ref<std::uint64_t> sum;
    if (way == share_way::channel) {
      sum = receivers.spawn(unit, [&c] {
        std::uint64_t all = 0;
        for (const std::uint64_t& one : c.messages) all += one;
        return all;
      });
    }
    trine::scope senders;
    for (std::uint64_t i = 0; i < plan.units; ++i)
      senders.spawn(unit, [&c, way, &plan] { add(c, way, plan.count); });
    senders.join();
    c.messages.close();
    receivers.join();
    run.found = way == share_way::racing   ? c.racing.load()
                : way == share_way::mutex  ? c.locked
                : way == share_way::atomic ? c.atomic.load()
                                           : sum.get();
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

void send_ones(trine::shared_channel<std::uint64_t> to, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) to.send(1);
}

// Processes have no counter in common: they send, and Main adds.
share_run run_processes(const share_plan& plan) {
  share_run run{.kind = unit_kind::process,
                .way = share_way::channel,
                .units = plan.units,
                .count = plan.count};
  trine::shared_channel<std::uint64_t> messages(capacity);
  const auto start = std::chrono::steady_clock::now();
  trine::scope senders;
  for (std::uint64_t i = 0; i < plan.units; ++i)
    senders.spawn(trine::process, send_ones, messages, plan.count);
  auto sum = trine::spawn(trine::thread, [&messages] {
    std::uint64_t all = 0;
    while (const auto one = messages.receive()) all += *one;
    return all;
  });
  senders.join();
  messages.close();
  run.found = sum.get();
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

share_run run_way(const share_plan& plan, unit_kind kind, share_way way) {
  if (kind == unit_kind::process) return run_processes(plan);
  constexpr std::uint64_t most_tries = 100;
  constexpr auto patience = std::chrono::seconds(1);
  const auto start = std::chrono::steady_clock::now();
  const bool race = way == share_way::racing && kind == unit_kind::thread && plan.units > 1;
  for (std::uint64_t tries = 1;; ++tries) {
    // Coroutines share a home, as the article's do: what keeps them apart is that one runs at a
    // time.
    share_run run = kind == unit_kind::thread
                        ? run_once(plan, kind, way, trine::thread_unit{})
                        : run_once(plan, kind, way, trine::coroutine({.worker = 0}));
    run.one_home = kind == unit_kind::coroutine;
    run.tries = tries;
    if (!race || run.found != run.units * run.count || tries == most_tries ||
        std::chrono::steady_clock::now() - start > patience) {
      return run;
    }
  }
}

class share_experiment final : public experiment {
 public:
  [[nodiscard]] std::string_view id() const override { return "share"; }

  [[nodiscard]] std::string_view question() const override {
    return "Units add to one counter: what is lost, and what does losing nothing cost?";
  }

  [[nodiscard]] std::string_view prediction() const override {
    return "racing threads lose updates; with a mutex, an atomic or a channel none is lost, at a "
           "price; processes share nothing and send messages.";
  }

  [[nodiscard]] std::string_view examples() const override {
    return "  trine lab share\n"
           "  trine lab share --unit thread --units 2 --count 1000000\n"
           "  trine lab share --json";
  }

  [[nodiscard]] std::vector<option> options() override {
    return {{"--unit", "KIND", "process, thread, coroutine or all (all)", &typed_.unit, nullptr},
            {"--count", "N", "Additions of each unit (100000)", &typed_.count, nullptr},
            {"--units", "N", "How many units (4)", &typed_.units, nullptr}};
  }

  void check_options() override { plan_ = plan_share(typed_); }

  report run(progress& line) override {
    report result;
    result.id = id();
    result.question = question();
    result.prediction = prediction();
    std::vector<share_run> runs;
    for (const unit_kind kind : plan_.kinds) {
      std::uint64_t step = 0;
      for (const share_way way : ways) {
        if (kind == unit_kind::process && way != share_way::channel) continue;
        line.step(to_string(kind), step++, ways.size());
        runs.push_back(run_way(plan_, kind, way));
      }
    }
    result.tables.push_back(tabulate_share(runs));
    result.found = judge_share(runs);
    result.conditions = machine_conditions();
    result.conditions.emplace_back("count", plan_.count);
    result.conditions.emplace_back("units", plan_.units);
    result.rerun = rerun_share(typed_);
    return result;
  }

 private:
  share_options typed_;
  share_plan plan_;
};

}  // namespace

share_plan plan_share(const share_options& options) {
  share_plan plan;
  if (options.count) plan.count = parse_bounded("--count", *options.count, 1'000'000'000);
  if (options.units) plan.units = parse_bounded("--units", *options.units, 1'000);
  const std::string unit = options.unit.value_or("all");
  std::vector<std::string> names{"all"};
  for (const unit_kind kind : {unit_kind::process, unit_kind::thread, unit_kind::coroutine}) {
    names.emplace_back(to_string(kind));
    if (unit == "all" || unit == to_string(kind)) plan.kinds.push_back(kind);
  }
  if (plan.kinds.empty())
    throw bad_usage(unknown_word("unit", unit, names, "Use process, thread, coroutine or all."));
  return plan;
}

std::string rerun_share(const share_options& options) {
  std::string command = "trine lab share";
  if (options.unit) command += " --unit " + *options.unit;
  if (options.count) command += " --count " + *options.count;
  if (options.units) command += " --units " + *options.units;
  return command;
}

std::unique_ptr<experiment> make_share_experiment() { return std::make_unique<share_experiment>(); }

}  // namespace trine_tool::lab
