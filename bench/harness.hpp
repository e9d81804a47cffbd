// What a figure is, and how it is measured: its series take turns, sample by sample, so that
// whatever disturbs the machine disturbs them alike, and a ratio compares samples of one turn.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

// The work of every benchmark, so that its sum can be checked.
inline long work(int i) { return 3L * i + 1; }
// work(0) + … + work(n - 1).
inline long work_sum(long n) { return 3 * (n * (n - 1) / 2) + n; }

// A result that is wrong: the figure fails.
class wrong_result : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
void require_sum(long sum, long n, const char* who);

// A peer that this machine or build does not have; says which and how to get it.
class peer_missing : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Does n operations (or a few more) and returns nanoseconds for each.
using sampler = std::function<double(long)>;

struct series {
  std::string name;
  // Makes the sampler; starts what it needs. May throw peer_missing.
  std::function<sampler()> prepare;
  // For a peer: the series of Trine that it is compared with. Empty for a series of Trine.
  std::string against = {};
};

// A promise: subject ≤ limit × peer, or subject ≤ limit nanoseconds when there is no peer.
struct mark {
  std::string subject;
  std::string peer;
  double limit;
};

struct figure {
  std::string name;   // for --filter
  std::string about;  // one sentence
  std::vector<series> all;
  std::vector<mark> marks = {};
};

struct plan {
  int runs = 15;
  std::chrono::nanoseconds sample_time = std::chrono::milliseconds(20);
};

struct series_result {
  std::string name;
  std::string against;
  std::string missing;          // why it was not measured; else empty
  long operations = 0;          // in each sample
  std::vector<double> samples;  // nanoseconds for an operation, one for each turn
};

struct mark_result {
  mark promise;
  bool measured = false;
  bool met = false;
  double value = 0;  // a ratio, or nanoseconds
};

struct figure_result {
  std::string name;
  std::string about;
  std::vector<series_result> all;
  std::vector<mark_result> marks;
  std::string failure;  // why the figure failed; else empty

  const series_result* find(const std::string& series_name) const;
};

// Called before each sample, with what is being done.
using progress = std::function<void(const std::string&)>;

figure_result measure(const figure& what, const plan& how, const progress& tell);

class stopwatch {
 public:
  double ns() const {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start_)
        .count();
  }
  double ns_each(long n) const { return ns() / static_cast<double>(n); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace bench
