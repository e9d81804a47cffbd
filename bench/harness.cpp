#include "harness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "statistics.hpp"

namespace bench {
namespace {

// Finds how many operations fill the sample time; warms up on the way.
long calibrate(const sampler& sample, const plan& how) {
  sample(1);  // pays for the set-up
  const double wanted = static_cast<double>(how.sample_time.count());
  double n = 1;
  for (;;) {
    const double took = std::max(1.0, sample(static_cast<long>(n)) * n);
    if (took >= wanted / 4) return std::max(1L, static_cast<long>(n * wanted / took));
    // At most tenfold: the first operations are slower and say little.
    n = std::min(n * 10, std::ceil(n * wanted / took));
  }
}

mark_result judge(const figure_result& figure, const mark& promise) {
  mark_result result{.promise = promise};
  const series_result* const subject = figure.find(promise.subject);
  if (subject == nullptr || subject->samples.empty()) return result;
  if (promise.peer.empty()) {
    result.value = median(subject->samples);
  } else {
    const series_result* const peer = figure.find(promise.peer);
    if (peer == nullptr || peer->samples.empty()) return result;
    result.value = median(ratios(subject->samples, peer->samples));
  }
  result.measured = true;
  result.met = result.value <= promise.limit;
  return result;
}

}  // namespace

void require_sum(long sum, long n, const char* who) {
  if (sum != work_sum(n)) {
    throw wrong_result(
        fmt::format("{}: {} operations gave the sum {} instead of {}", who, n, sum, work_sum(n)));
  }
}

const series_result* figure_result::find(const std::string& series_name) const {
  for (const series_result& one : all) {
    if (one.name == series_name) return &one;
  }
  return nullptr;
}

figure_result measure(const figure& what, const plan& how, const progress& tell) {
  figure_result result{
      .name = what.name, .about = what.about, .all = {}, .marks = {}, .failure = {}};
  std::vector<sampler> samplers;
  std::string doing;
  try {
    for (const series& one : what.all) {
      doing = one.name;
      tell(fmt::format("{}: preparing {}", what.name, one.name));
      series_result& kept = result.all.emplace_back();
      kept.name = one.name;
      kept.against = one.against;
      sampler sample;
      try {
        sample = one.prepare();
      } catch (const peer_missing& e) {
        kept.missing = e.what();
      }
      if (sample) kept.operations = calibrate(sample, how);
      samplers.push_back(std::move(sample));
    }
    for (int run = 0; run < how.runs; ++run) {
      for (std::size_t i = 0; i < samplers.size(); ++i) {
        // Another one begins each turn, so that none always follows the same neighbour.
        const std::size_t at = (i + static_cast<std::size_t>(run)) % samplers.size();
        series_result& kept = result.all[at];
        if (!samplers[at]) continue;
        doing = kept.name;
        tell(fmt::format("{}: run {} of {}, {}", what.name, run + 1, how.runs, kept.name));
        kept.samples.push_back(samplers[at](kept.operations));
      }
    }
  } catch (const std::exception& e) {
    result.failure = fmt::format("{}: {}", doing, e.what());
  }
  for (const mark& promise : what.marks) {
    result.marks.push_back(result.failure.empty() ? judge(result, promise)
                                                  : mark_result{.promise = promise});
  }
  return result;
}

}  // namespace bench
