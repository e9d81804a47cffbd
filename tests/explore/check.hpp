// Explores a model within bounds and tells GoogleTest.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "explore/explore.hpp"

namespace explore {

struct result {
  std::uint64_t executions = 0;
  bool complete = false;  // every schedule within the bounds
  std::string failure;    // the first; exploration ends with it
  std::string schedule;   // what TRINE_EXPLORE_REPLAY takes after the name
  std::string trace;
};

#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
inline constexpr bool slow = true;  // one preemption less, and not all of a sound model
#else
inline constexpr bool slow = false;
#endif

inline bool full() {
  const char* const how = std::getenv("TRINE_EXPLORE");
  return how != nullptr && std::string_view(how) == "full";
}

template <class Model>
std::string replay(const bounds& limits, const std::string& text, std::string& trace) {
  schedule plan;
  plan.replay(text);
  engine().tracing = true;
  engine().trace.clear();
  std::string failure = engine().template execute<Model>(plan, limits);
  engine().tracing = false;
  trace = std::move(engine().trace);
  return failure;
}

template <class Model>
result explore(const bounds& limits) {
  result out;
  schedule plan;
  while (out.executions < limits.limit) {
    if (limits.seed != 0) plan.randomise(limits.seed + out.executions);
    out.failure = engine().template execute<Model>(plan, limits);
    ++out.executions;
    if (!out.failure.empty()) {
      out.schedule = plan.text();
      const std::string again = replay<Model>(limits, out.schedule, out.trace);
      if (again != out.failure) out.trace += "The replay differs: " + again + "\n";
      break;
    }
    if (limits.seed == 0 && !plan.advance()) {
      out.complete = true;
      break;
    }
  }
  return out;
}

template <class Model>
result explore_and_print(const char* name, const bounds& limits) {
  const auto start = std::chrono::steady_clock::now();
  result out = explore<Model>(limits);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%s %s%s: %llu executions%s, %.2f s, %.0f a second%s%s\n", name,
              to_string(limits).c_str(), limits.seed != 0 ? " random" : "",
              static_cast<unsigned long long>(out.executions),
              out.complete                              ? ", all"
              : limits.seed == 0 && out.failure.empty() ? ", NOT all"
                                                        : "",
              took.count(), static_cast<double>(out.executions) / took.count(),
              out.failure.empty() ? "" : ", found: ", out.failure.c_str());
  std::fflush(stdout);
  return out;
}

// The runs of a test, each from the first to the last unless one fails.
template <class Model>
result explore_all(const char* name, bounds limits) {
  const unsigned more = full() ? 1 : 0;
  if (slow) --limits.preemptions;
  limits.preemptions += more;
  limits.late += more;
  if (full()) limits.limit = 100'000'000;
  bounds random = limits;
  random.model = memory::both;
  random.preemptions += 2;
  random.late += 2;
  random.limit = full() ? 1'000'000 : slow ? 1'000 : 20'000;
  random.seed = 1;
  std::uint64_t before = 0;
  for (const memory model : {memory::tso, memory::weak, memory::both}) {
    limits.model = model;
    const bounds& chosen = model == memory::both ? random : limits;
    result r = explore_and_print<Model>(name, chosen);
    r.executions += before;
    before = r.executions;
    if (!r.failure.empty()) r.schedule = to_string(chosen) + "." + r.schedule;
    if (!r.failure.empty() || model == memory::both) return r;
  }
  return {};
}

// True when the environment asks for one schedule; then it has been run and printed.
template <class Model>
bool replayed(std::string_view name) {
  const char* const asked = std::getenv("TRINE_EXPLORE_REPLAY");
  if (asked == nullptr) return false;
  const std::string_view text = asked;
  const std::size_t colon = text.find(':');
  if (text.substr(0, colon) != name || colon == text.npos) return false;
  char model[8] = {}, choices[4096] = {};
  bounds limits;
  if (std::sscanf(asked + colon + 1, "%7[a-z].p%u.l%u.%4095s", model, &limits.preemptions,
                  &limits.late, choices) < 3) {
    ADD_FAILURE() << "TRINE_EXPLORE_REPLAY must be NAME:MODEL.pN.lN.CHOICES";
    return true;
  }
  const std::string_view m = model;
  limits.model = m == "tso" ? memory::tso : m == "weak" ? memory::weak : memory::both;
  std::string trace;
  const std::string failure = replay<Model>(limits, choices, trace);
  std::printf("%s", trace.c_str());
  EXPECT_EQ(failure, "");
  return true;
}

// No execution fails, and there were at least as many as recorded.
template <class Model>
void expect_sound(const char* name, std::uint64_t at_least, bounds limits = {}) {
  if (replayed<Model>(name)) return;
  if (slow) limits.limit = std::min<std::uint64_t>(limits.limit, 1'000);
  const result r = explore_all<Model>(name, limits);
  EXPECT_EQ(r.failure, "") << "TRINE_EXPLORE_REPLAY='" << name << ":" << r.schedule << "'\n"
                           << r.trace;
  if (!slow) {
    EXPECT_GE(r.executions, at_least) << name << " explored less than is recorded";
  }
}

// A seeded bug is found, by the failure that contains `how`.
template <class Model>
void expect_found(const char* name, const char* how, const bounds& limits = {}) {
  if (replayed<Model>(name)) return;
  const result r = explore_all<Model>(name, limits);
  EXPECT_NE(r.failure, "") << name << ": the seeded bug was not found";
  EXPECT_NE(r.failure.find(how), std::string::npos) << r.failure << "\n" << r.trace;
}

// Weakens each memory order in the files whose names contain `file`, one at a time and by one step,
// and tears each compare-and-swap apart; at least `recorded` of these bugs must be found. Those
// that are not found are printed: the order is stronger than this model needs.
template <class Model>
void expect_orders_needed(const char* name, std::string_view file, unsigned recorded,
                          bounds limits = {.preemptions = 2}) {
  if (slow) return;
  sites = {};
  sites.recording = true;
  for (const memory model : {memory::tso, memory::weak}) {
    limits.model = model;
    explore<Model>(limits);
  }
  sites.recording = false;
  const std::vector<site> all = weaker(sites.seen);
  unsigned found = 0, tried = 0;
  for (const site& s : all) {
    if (std::string_view(s.at.file_name()).find(file) == std::string_view::npos) continue;
    ++tried;
    sites.changed = &s;
    std::string failure;
    for (const memory model : {memory::tso, memory::weak}) {
      limits.model = model;
      if (failure.empty()) failure = explore<Model>(limits).failure;
    }
    sites.changed = nullptr;
    if (!failure.empty()) ++found;
    std::printf("%s %s: %s\n", name, to_string(s).c_str(),
                failure.empty() ? "not refuted" : failure.c_str());
  }
  std::printf("%s: %u of %u weakenings found\n", name, found, tried);
  EXPECT_GE(found, recorded) << name;
}

}  // namespace explore
