// What does it cost to go from one unit to another, and who decides when?
#include <linux/futex.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <trine/trine.hpp>

#include "catalogue.hpp"
#include "conditions.hpp"
#include "numbers.hpp"
#include "switch_samples.hpp"

namespace trine_tool::lab {
namespace {

using clock = std::chrono::steady_clock;

constexpr int repetitions = 5;

double us_since(clock::time_point start) {
  return std::chrono::duration<double, std::micro>(clock::now() - start).count();
}

/// Context switches that the kernel has made for the calling thread.
std::uint64_t kernel_switches() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_nvcsw + usage.ru_nivcsw);
}

std::vector<unsigned> usable_cpus() {
  ::cpu_set_t set;
  std::vector<unsigned> cpus;
  if (sched_getaffinity(getpid(), sizeof(set), &set) != 0) return cpus;
  for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) cpus.push_back(i);
  }
  return cpus;
}

/// Two units hand a word to and fro: whoever's turn it is not sleeps in the kernel.
class ball {
 public:
  void pass(std::uint32_t from) {
    turn_.store(1 - from, std::memory_order_release);
    syscall(SYS_futex, &turn_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void await(std::uint32_t mine) {
    while (turn_.load(std::memory_order_acquire) != mine)
      syscall(SYS_futex, &turn_, FUTEX_WAIT_PRIVATE, 1 - mine, nullptr, nullptr, 0);
  }

 private:
  std::atomic<std::uint32_t> turn_{0};
};

/// One repetition adds its figures to the run.
void coroutines_once(switch_run& run, std::uint64_t switches) {
  std::atomic<int> ready{0};
  const auto body = [&ready, switches](bool measures) {
    // Both are there before the first switch that counts.
    ready.fetch_add(1);
    while (ready.load() < 2) trine::this_unit::yield();
    const std::uint64_t before = kernel_switches();
    const auto start = clock::now();
    for (std::uint64_t i = 0; i < switches / 2; ++i) trine::this_unit::yield();
    const double us = us_since(start);
    return measures ? std::pair(us, kernel_switches() - before) : std::pair(0.0, std::uint64_t{0});
  };
  auto first = trine::spawn(trine::coroutine({.worker = 0}), body, true);
  auto second = trine::spawn(trine::coroutine({.worker = 0}), body, false);
  const auto [us, kernel] = first.get();
  second.get();
  run.ns.push_back(us * 1000 / static_cast<double>(switches));
  run.switches += switches;
  run.kernel_switches += kernel;
}

void threads_once(switch_run& run, std::uint64_t switches, unsigned cpu, unsigned other_cpu) {
  ball word;
  const auto body = [&word, switches](std::uint32_t me) {
    word.await(me);
    const std::uint64_t before = kernel_switches();
    const auto start = clock::now();
    for (std::uint64_t i = 0; i < switches / 2; ++i) {
      word.pass(me);
      if (me == 1 && i + 1 == switches / 2) break;  // nobody passes it back
      word.await(me);
    }
    return std::pair(us_since(start), kernel_switches() - before);
  };
  auto second = trine::spawn(trine::thread({.cpus = {other_cpu}}), body, 1U);
  auto first = trine::spawn(trine::thread({.cpus = {cpu}}), body, 0U);
  const auto [us, kernel] = first.get();
  run.ns.push_back(us * 1000 / static_cast<double>(switches));
  run.switches += switches;
  run.kernel_switches += kernel + second.get().second;
}

/// Computes until `until`, and notes the spans in which it had the core.
std::vector<slice> compute(clock::time_point start, double until_us) {
  constexpr double gap_us = 200;  // less may be an interrupt
  std::vector<slice> slices;
  slices.reserve(4096);
  double now = us_since(start);
  slices.push_back({now, now});
  while (now < until_us && slices.size() < slices.capacity()) {
    now = us_since(start);
    if (now - slices.back().end_us > gap_us) slices.push_back({now, now});
    slices.back().end_us = now;
  }
  return slices;
}

sharing_run threads_share(unsigned cpu) {
  constexpr double span_us = 100'000;
  sharing_run run;
  run.way = "thread";
  std::atomic<int> ready{0};
  const auto start = clock::now();
  const auto body = [&ready, start] {
    ready.fetch_add(1);
    while (ready.load() < 2) sched_yield();
    return compute(start, span_us);
  };
  auto first = trine::spawn(trine::thread({.cpus = {cpu}}), body);
  auto second = trine::spawn(trine::thread({.cpus = {cpu}}), body);
  run.units[0] = first.get();
  run.units[1] = second.get();
  return run;
}

sharing_run coroutines_share() {
  constexpr int turns = 10;
  constexpr double turn_us = 1'000;
  sharing_run run;
  run.way = "coroutine";
  std::atomic<int> ready{0};
  const auto start = clock::now();
  const auto body = [&ready, start] {
    ready.fetch_add(1);
    while (ready.load() < 2) trine::this_unit::yield();
    std::vector<slice> slices;
    for (int i = 0; i < turns; ++i) {
      const double begin = us_since(start);
      double now = begin;
      while (now < begin + turn_us) now = us_since(start);
      slices.push_back({begin, now});
      trine::this_unit::yield();
    }
    return slices;
  };
  auto first = trine::spawn(trine::coroutine({.worker = 0}), body);
  auto second = trine::spawn(trine::coroutine({.worker = 0}), body);
  run.units[0] = first.get();
  run.units[1] = second.get();
  // The last yield of the one that ends last hands over to nobody.
  run.hand_overs = 2 * turns - 1;
  return run;
}

class switch_experiment final : public experiment {
 public:
  [[nodiscard]] std::string_view id() const override { return "switch"; }
  [[nodiscard]] std::string_view question() const override {
    return "What does a switch from one unit to another cost, and who decides when it happens?";
  }
  [[nodiscard]] std::string_view prediction() const override {
    return "coroutines switch without the kernel, many times faster than threads; the kernel "
           "shares "
           "a core between busy threads, while coroutines alternate only where they yield.";
  }
  [[nodiscard]] std::string_view examples() const override {
    return "  trine lab switch\n"
           "  trine lab switch --switches 1000000 --json";
  }
  [[nodiscard]] std::vector<option> options() override {
    return {{"--switches", "N",
             "Switches in each repetition; threads make a tenth, across cores a hundredth (200000)",
             &typed_, nullptr}};
  }
  void check_options() override {
    switches_ = read_whole("switch", "--switches", typed_, 200'000, 10'000'000);
  }

  report run(progress& line) override {
    report result;
    result.id = id();
    result.question = question();
    result.prediction = prediction();
    const std::vector<unsigned> cpus = usable_cpus();
    const std::uint64_t by_threads = std::max<std::uint64_t>(switches_ / 10 / 2 * 2, 100);
    const std::uint64_t by_coroutines = std::max<std::uint64_t>(switches_ / 2 * 2, 1000);
    std::vector<switch_run> runs{{"coroutine", {}, 0, 0}, {"thread_one_core", {}, 0, 0}};
    if (cpus.size() > 1) runs.push_back({"thread_two_cores", {}, 0, 0});
    // Interleaved, so that a disturbance meets all of them.
    for (int i = 0; i < repetitions; ++i) {
      line.step("switch", static_cast<std::uint64_t>(i), repetitions);
      coroutines_once(runs[0], by_coroutines);
      threads_once(runs[1], by_threads, cpus.at(0), cpus.at(0));
      // Waking a sleeping core takes tens of microseconds.
      if (cpus.size() > 1)
        threads_once(runs[2], std::max<std::uint64_t>(by_threads / 20 * 2, 100), cpus[0], cpus[1]);
    }
    const std::vector<sharing_run> shared{threads_share(cpus.at(0)), coroutines_share()};
    result.tables.push_back(tabulate_switch(runs));
    for (const sharing_run& each : shared) result.tables.push_back(tabulate_sharing(each));
    result.found = judge_switch(runs, shared);
    result.conditions = machine_conditions();
    result.conditions.emplace_back("switches", switches_);
    result.rerun = "trine lab switch" + (typed_ ? " --switches " + *typed_ : "");
    return result;
  }

 private:
  std::optional<std::string> typed_;
  std::uint64_t switches_ = 0;
};

}  // namespace

std::unique_ptr<experiment> make_switch_experiment() {
  return std::make_unique<switch_experiment>();
}

}  // namespace trine_tool::lab
