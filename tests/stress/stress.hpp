// Stress: every primitive, random mixes of coroutines, thread units, plain threads, timeouts and
// stop requests, with conservation checks. A part registers itself; each file of this folder may
// add some.
//
//   TRINE_STRESS_SECONDS=60 TRINE_STRESS_SEED=7 build/dev/bin/test_stress
#pragma once

#include <atomic>
#include <chrono>
#include <random>
#include <vector>

#include "contract/support.hpp"

namespace stress {

using namespace std::chrono_literals;
using engine = std::minstd_rand;

// One round of a part: makes its objects, uses them by a swarm, checks what must hold.
struct part {
  const char* name;
  void (*round)(engine& random);
};
std::vector<part>& parts();
struct add {
  add(const char* name, void (*round)(engine&)) { parts().push_back({name, round}); }
};

inline unsigned below(engine& random, unsigned n) { return static_cast<unsigned>(random()) % n; }

// Runs `body(engine&)` by that many parties of random kinds, some of which are asked to stop at a
// random moment. A body that was stopped has left by trine::cancelled.
class swarm {
 public:
  explicit swarm(engine& random) : random_(random) {}
  ~swarm() { join(); }

  template <class F>
  void go(F body, bool may_stop = true) {
    auto run = [body, seed = random_()]() mutable {
      engine own(static_cast<engine::result_type>(seed));
      try {
        body(own);
      } catch (const trine::cancelled&) {
      }
    };
    switch (below(random_, 4)) {
      case 0:
        plain_.emplace_back(run);
        return;
      case 1:
        units_.push_back(trine::spawn(trine::thread, run));
        break;
      case 2:
        units_.push_back(trine::spawn(trine::coroutine({.roaming = true}), run));
        break;
      default:
        units_.push_back(trine::spawn(trine::coroutine, run));
    }
    if (may_stop && below(random_, 4) == 0) doomed_.push_back(units_.size() - 1);
  }
  void join() {
    for (const std::size_t i : doomed_) {
      std::this_thread::sleep_for(std::chrono::microseconds(below(random_, 200)));
      units_[i].request_stop();
    }
    for (auto& u : units_) u.get();
    for (auto& t : plain_) t.join();
    doomed_.clear();
    units_.clear();
    plain_.clear();
  }

 private:
  engine& random_;
  std::vector<trine::handle<void>> units_;
  std::vector<std::thread> plain_;
  std::vector<std::size_t> doomed_;
};

}  // namespace stress
