// trine_bench_timers: a million coroutines that wait for a time.
//
// What it prints: what a timer costs to insert and to cancel while a million others are pending
// (the wheel itself, alone); how late sleeps end, as a distribution, in an idle program and while
// both workers are busy; and the CPU a program with a million pending sleeps uses while none is
// due. Exit codes: 0 marks met, 1 it failed, 2 bad usage, 3 a mark is missed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <trine/trine.hpp>
#include <vector>

#include "../conditions.hpp"
#include "../harness.hpp"
#include "../statistics.hpp"
#include "coroutine/timer_wheel.hpp"

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr double most_ns = 100;
constexpr double most_cpu = 0.02;

double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct wheel_result {
  double insert_ns = 0;
  double cancel_ns = 0;
};

// Deadlines spread over an hour, as of a server's connections.
wheel_result wheel(long pending) {
  using trine::coroutines::timer;
  std::mt19937_64 random(7);
  trine::coroutines::timer_wheel w;
  const std::int64_t now = trine::base::now_ns();
  std::vector<timer> others(static_cast<std::size_t>(pending));
  for (timer& t : others) {
    t.deadline = now + static_cast<std::int64_t>(random() % 3'600'000'000'000);
    w.insert(t, now);
  }
  constexpr long rounds = 200;
  constexpr std::size_t batch = 1'000;
  std::vector<timer> mine(batch);
  std::vector<double> inserts, cancels;
  for (long r = 0; r < rounds; ++r) {
    for (timer& t : mine)
      t.deadline = now + static_cast<std::int64_t>(random() % 3'600'000'000'000);
    const bench::stopwatch insert;
    for (timer& t : mine) w.insert(t, now);
    inserts.push_back(insert.ns_each(batch));
    const bench::stopwatch cancel;
    for (timer& t : mine) w.cancel(t);
    cancels.push_back(cancel.ns_each(batch));
  }
  for (timer& t : others) w.cancel(t);
  return {bench::median(inserts), bench::median(cancels)};
}

struct lateness {
  std::string when;
  double p50 = 0, p99 = 0, most = 0;  // microseconds
};

// Sleepers with periods of 1 to 3 ms until there are `count` samples.
lateness late(const std::string& when, int busy, long count) {
  std::mutex lock;
  std::vector<double> all;
  std::atomic<bool> over{false};
  trine::scope s;
  for (int i = 0; i < busy; ++i) {
    // Computes, and calls Trine as often as a busy program does.
    s.spawn(trine::coroutine({.worker = i}), [&] {
      trine::mutex mine;
      volatile long sum = 0;
      while (!over.load(std::memory_order_relaxed)) {
        for (int k = 0; k < 20'000; ++k) sum = sum + k;
        const std::lock_guard guard(mine);
      }
    });
  }
  trine::scope sleepers;
  for (int i = 0; i < 20; ++i) {
    sleepers.spawn(trine::coroutine, [&, i] {
      std::vector<double> samples;
      std::mt19937 random(static_cast<unsigned>(i));
      for (long k = 0; k < count / 20; ++k) {
        const auto until = clock_type::now() + std::chrono::microseconds(1'000 + random() % 2'000);
        trine::this_unit::sleep_until(until);
        samples.push_back(
            std::chrono::duration<double, std::micro>(clock_type::now() - until).count());
      }
      const std::lock_guard guard(lock);
      all.insert(all.end(), samples.begin(), samples.end());
    });
  }
  sleepers.join();
  over.store(true);
  s.join();
  std::sort(all.begin(), all.end());
  if (all.front() < 0) throw bench::wrong_result("a sleep ended early");
  return {when, all[all.size() / 2], all[all.size() * 99 / 100], all.back()};
}

struct pending_result {
  double create_ns = 0;
  double cpu = 0;  // of one CPU, while a million sleep
  double stop_ns = 0;
};

pending_result pending(long count) {
  pending_result r;
  std::atomic<long> arrived{0}, stopped{0};
  trine::scope all;
  const bench::stopwatch create;
  trine::spawn(trine::coroutine, [&] {
    for (long i = 0; i < count; ++i) {
      all.spawn(trine::coroutine({.stack_size = 16 * 1024}), [&, i] {
        arrived.fetch_add(1, std::memory_order_relaxed);
        try {
          trine::this_unit::sleep_for(1h + std::chrono::milliseconds(i % 3'600'000));
        } catch (const trine::cancelled&) {
          stopped.fetch_add(1, std::memory_order_relaxed);
        }
      });
    }
  }).get();
  while (arrived.load() != count) std::this_thread::sleep_for(1ms);
  r.create_ns = create.ns_each(count);
  std::this_thread::sleep_for(300ms);
  const double before = cpu_seconds();
  std::this_thread::sleep_for(1s);
  r.cpu = cpu_seconds() - before;
  const bench::stopwatch stop;
  all.request_stop();
  all.join();
  r.stop_ns = stop.ns_each(count);
  if (stopped.load() != count) throw bench::wrong_result("not all were asked to stop");
  return r;
}

struct result {
  wheel_result alone, among_many;
  std::vector<lateness> late;
  pending_result pending;
  bool met() const {
    return among_many.insert_ns <= most_ns && among_many.cancel_ns <= most_ns &&
           pending.cpu <= most_cpu;
  }
};

std::string as_text(const result& r, long count) {
  std::string out = bench::to_string(bench::current_conditions()) + "\n\n";
  out += fmt::format("  {:<34}{:>10}{:>10}\n", "the wheel", "insert", "cancel");
  out += fmt::format("  {:<34}{:>7.1f} ns{:>7.1f} ns\n", "none pending", r.alone.insert_ns,
                     r.alone.cancel_ns);
  out += fmt::format("  {:<34}{:>7.1f} ns{:>7.1f} ns\n", fmt::format("{} pending", count),
                     r.among_many.insert_ns, r.among_many.cancel_ns);
  out += fmt::format("\n  {:<34}{:>10}{:>10}{:>10}\n", "lateness of sleeps of 1 to 3 ms", "p50",
                     "p99", "max");
  for (const lateness& l : r.late)
    out += fmt::format("  {:<34}{:>7.0f} us{:>7.0f} us{:>7.0f} us\n", l.when, l.p50, l.p99, l.most);
  out += fmt::format(
      "\n  {} coroutines in sleep_for: created in {:.0f} ns each, {:.2f} % of a CPU while they "
      "sleep, stopped and ended in {:.0f} ns each\n",
      count, r.pending.create_ns, r.pending.cpu * 100, r.pending.stop_ns);
  const auto mark = [&](bool met, const std::string& text) {
    out += fmt::format("  mark {}: {}\n", met ? "met" : "MISSED", text);
  };
  mark(r.among_many.insert_ns <= most_ns, fmt::format("insert <= {} ns", most_ns));
  mark(r.among_many.cancel_ns <= most_ns, fmt::format("cancel <= {} ns", most_ns));
  mark(r.pending.cpu <= most_cpu, fmt::format("idle <= {} % of a CPU", most_cpu * 100));
  return out;
}

std::string as_json(const result& r, long count) {
  nlohmann::ordered_json out;
  out["where"] = bench::to_string(bench::current_conditions());
  out["pending"] = count;
  out["insert_ns"] = r.among_many.insert_ns;
  out["cancel_ns"] = r.among_many.cancel_ns;
  out["insert_ns_alone"] = r.alone.insert_ns;
  out["cancel_ns_alone"] = r.alone.cancel_ns;
  for (const lateness& l : r.late)
    out["lateness_us"].push_back(
        {{"when", l.when}, {"p50", l.p50}, {"p99", l.p99}, {"max", l.most}});
  out["sleepers"] = {
      {"create_ns", r.pending.create_ns}, {"cpu", r.pending.cpu}, {"stop_ns", r.pending.stop_ns}};
  out["marks_met"] = r.met();
  return out.dump(2) + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "A million coroutines that wait for a time: cost of a timer, lateness, CPU.\n"
      "Exit code: 0 marks met, 1 it failed, 2 bad usage, 3 a mark is missed.",
      "trine_bench_timers"};
  bool json = false;
  long count = 1'000'000;
  long samples = 20'000;
  app.add_flag("--json", json, "JSON on stdout instead of the table");
  app.add_option("--count", count, "how many are pending")->check(CLI::Range(1L, 2'000'000L));
  app.add_option("--samples", samples, "sleeps of each distribution")
      ->check(CLI::Range(100L, 10'000'000L));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    trine::configure({.workers = 2});
    result r;
    r.alone = wheel(0);
    r.among_many = wheel(count);
    r.late.push_back(late("idle", 0, samples));
    r.late.push_back(late("one worker computes", 1, samples));
    r.late.push_back(late("two workers compute", 2, samples));
    r.pending = pending(count);
    fmt::print("{}", json ? as_json(r, count) : as_text(r, count));
    return r.met() ? 0 : 3;
  } catch (const std::exception& e) {
    fmt::print(stderr, "trine_bench_timers: {}\n", e.what());
    return 1;
  }
}
