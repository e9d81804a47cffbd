// trine_bench_million: a million coroutines parked at once, each on a guarded stack of its own.
//
// What it prints: time to create and park them, what each costs in resident memory (stack, core,
// registry slot, all included) and in page tables, the lines of /proc/self/maps, the time until all
// have been woken and have ended, and what stays resident after that. Two rounds, the second on
// what the first left. Exit codes: 0 marks met, 1 it failed, 2 bad usage, 3 a mark is missed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <trine/trine.hpp>

#include "../conditions.hpp"
#include "../harness.hpp"

namespace {

using namespace std::chrono_literals;

constexpr double most_bytes_each = 4'710;
constexpr long most_maps = 1'000;
constexpr double most_left_mb = 20;

// A line of /proc/self/status, in bytes.
double status(const char* key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key, 0) == 0) return std::stod(line.substr(std::string(key).size() + 1)) * 1024;
  throw std::runtime_error(fmt::format("/proc/self/status has no {}", key));
}
double resident() { return status("VmRSS"); }
double page_tables() { return status("VmPTE"); }

long map_lines() {
  std::ifstream file("/proc/self/maps");
  long lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  return lines;
}

struct round_result {
  double create_ns = 0;  // each, until all are parked
  double wake_ns = 0;    // each, from the wake until all have ended
  double bytes = 0;      // each, resident
  double table_bytes = 0;
  long maps = 0;
  double left_mb = 0;       // resident after the end, beyond what was before the first round
  double left_soon_mb = 0;  // the same at once
};

round_result run(long count, std::size_t stack_size, double rss_before, double tables_before) {
  round_result r;
  std::atomic<long> arrived{0};
  trine::mutex lid;
  std::atomic<long> through{0};
  trine::scope all;
  lid.lock();
  // All wait for the end of one unit, which waits for the lid.
  auto gate = trine::spawn(trine::coroutine, [&] { const std::lock_guard guard(lid); });

  const bench::stopwatch create;
  trine::spawn(trine::coroutine, [&] {
    for (long i = 0; i < count; ++i) {
      all.spawn(trine::coroutine({.stack_size = stack_size}), [&] {
        arrived.fetch_add(1, std::memory_order_relaxed);
        gate.wait();
        through.fetch_add(1, std::memory_order_relaxed);
      });
    }
  }).get();
  while (arrived.load() != count) std::this_thread::sleep_for(1ms);
  r.create_ns = create.ns_each(count);
  std::this_thread::sleep_for(10ms);  // the last is about to park
  r.bytes = (resident() - rss_before) / static_cast<double>(count);
  r.table_bytes = (page_tables() - tables_before) / static_cast<double>(count);
  r.maps = map_lines();

  const bench::stopwatch wake;
  lid.unlock();
  all.join();
  r.wake_ns = wake.ns_each(count);
  if (through.load() != count) throw bench::wrong_result("not all went through the gate");
  r.left_soon_mb = (resident() - rss_before) / 1e6;
  std::this_thread::sleep_for(200ms);
  r.left_mb = (resident() - rss_before) / 1e6;
  return r;
}

bool met(const round_result& r) {
  return r.bytes <= most_bytes_each && r.maps < most_maps && r.left_mb <= most_left_mb;
}

std::string as_text(const std::vector<round_result>& all, long count, std::size_t stack_size) {
  std::string out =
      fmt::format("{}\n{} parked coroutines, stacks of {} KiB under guards of 64 KiB\n\n",
                  bench::to_string(bench::current_conditions()), count, stack_size / 1024);
  out += fmt::format("  {:<8}{:>12}{:>14}{:>14}{:>8}{:>14}{:>14}{:>12}\n", "round", "create",
                     "resident", "page tables", "maps", "wake and end", "left at once", "left");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const round_result& r = all[i];
    out += fmt::format(
        "  {:<8}{:>9.0f} ns{:>12.0f} B{:>12.1f} B{:>8}{:>11.0f} ns{:>11.1f} MB{:>9.1f} MB\n", i + 1,
        r.create_ns, r.bytes, r.table_bytes, r.maps, r.wake_ns, r.left_soon_mb, r.left_mb);
  }
  const auto mark = [&](bool is_met, const std::string& text) {
    out += fmt::format("  mark {}: {}\n", is_met ? "met" : "MISSED", text);
  };
  const round_result& r = all.front();
  mark(r.bytes <= most_bytes_each, fmt::format("resident <= {} B each", most_bytes_each));
  mark(r.maps < most_maps, fmt::format("lines of /proc/self/maps < {}", most_maps));
  mark(r.left_mb <= most_left_mb, fmt::format("left <= {} MB", most_left_mb));
  return out;
}

std::string as_json(const std::vector<round_result>& all, long count, std::size_t stack_size) {
  nlohmann::ordered_json out;
  out["where"] = bench::to_string(bench::current_conditions());
  out["count"] = count;
  out["stack_size"] = stack_size;
  for (const round_result& r : all)
    out["rounds"].push_back({{"create_ns", r.create_ns},
                             {"resident_bytes", r.bytes},
                             {"page_table_bytes", r.table_bytes},
                             {"maps_lines", r.maps},
                             {"wake_and_end_ns", r.wake_ns},
                             {"left_at_once_mb", r.left_soon_mb},
                             {"left_mb", r.left_mb}});
  out["marks_met"] = met(all.front());
  return out.dump(2) + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "A million parked coroutines: time, memory, mappings.\n"
      "Exit code: 0 marks met, 1 it failed, 2 bad usage, 3 a mark is missed.",
      "trine_bench_million"};
  bool json = false;
  long count = 1'000'000;
  std::size_t stack_kib = 16;
  int rounds = 2;
  app.add_flag("--json", json, "JSON on stdout instead of the table");
  app.add_option("--count", count, "how many coroutines")->check(CLI::Range(1L, 2'000'000L));
  app.add_option("--stack", stack_kib, "KiB of each stack")->check(CLI::Range(16, 65'536));
  app.add_option("--rounds", rounds, "how many times")->check(CLI::Range(1, 100));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    // What a program that has used coroutines at all has paid.
    trine::spawn(trine::coroutine, [] { trine::this_unit::yield(); }).get();
    const double rss = resident();
    const double tables = page_tables();
    std::vector<round_result> all;
    for (int i = 0; i < rounds; ++i) all.push_back(run(count, stack_kib * 1024, rss, tables));
    fmt::print(
        "{}", json ? as_json(all, count, stack_kib * 1024) : as_text(all, count, stack_kib * 1024));
    return met(all.front()) ? 0 : 3;
  } catch (const std::exception& e) {
    fmt::print(stderr, "trine_bench_million: {}\n", e.what());
    return 1;
  }
}
