// The programs of this folder are written for a namespace S with the primitives of the standard
// library, and compiled twice: for std, and for trine. A program is a function of a crew, by which
// it starts its parties: what a party is (a plain thread, a thread unit, a coroutine, or one after
// the other of them) is the crew's matter. All waiting of a program is by the primitives
// themselves.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "contract/support.hpp"

namespace conformance {

using namespace std::chrono_literals;

enum class kind { plain, thread, coroutine, one_home, mixed };

class crew {
 public:
  explicit crew(kind what) : what_(what) {}
  ~crew() { join(); }

  template <class F>
  void go(F body) {
    switch (what_ == kind::mixed ? static_cast<kind>(count_++ % 3) : what_) {
      case kind::plain:
      case kind::mixed:
        plain_.emplace_back(std::move(body));
        break;
      case kind::thread:
        units_.push_back(trine::spawn(trine::thread, std::move(body)));
        break;
      case kind::coroutine:
        units_.push_back(trine::spawn(trine::coroutine, std::move(body)));
        break;
      case kind::one_home:
        units_.push_back(trine::spawn(trine::coroutine({.worker = 0}), std::move(body)));
        break;
    }
  }
  void join() {
    for (auto& u : units_) u.get();
    for (auto& t : plain_) t.join();
    units_.clear();
    plain_.clear();
  }
  // Lets others go on, where a program can only look again.
  static void pause() {
    trine::this_unit::yield();
    sched_yield();
  }

 private:
  kind what_;
  int count_ = 0;
  std::vector<trine::handle<void>> units_;
  std::vector<std::thread> plain_;
};

struct program {
  const char* name;
  void (*run)(crew&);
};
using program_list = std::vector<program>;

struct entry {
  entry(program_list& list, const char* name, void (*run)(crew&)) { list.push_back({name, run}); }
};

// Runs a program as that crew's captain: the body of the program is a party as well.
inline void run_as(kind what, const program& p) {
  crew captain(what);
  captain.go([&] {
    crew parties(what);
    p.run(parties);
  });
  captain.join();
}

inline constexpr int rounds = support::sanitized ? 200 : 2'000;

}  // namespace conformance

#define PROGRAM(name)                                                     \
  void name([[maybe_unused]] ::conformance::crew& crew);                  \
  const ::conformance::entry entry_of_##name(programs(), #name, &(name)); \
  void name([[maybe_unused]] ::conformance::crew& crew)
