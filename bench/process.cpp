// Processes: a round trip through a warm worker, and a new process for one job; from main's thread.
#include <sched.h>

#include <memory>
#include <trine/trine.hpp>
#include <vector>

#include "figures.hpp"
#include "line_peer.hpp"

namespace bench {
namespace {

const char* const any_core = "trine::process, warm, any core";
const char* const one_core = "trine::process, warm, one core";
const char* const fresh = "trine::process, fresh";

template <class Unit>
double round_trips(long n, const Unit& unit) {
  long sum = 0;
  const stopwatch clock;
  for (int i = 0; i < n; ++i) sum += trine::spawn(unit, work, i).get();
  const double each = clock.ns_each(n);
  require_sum(sum, n, "trine::process");
  return each;
}

double warm_trips(long n, long& sum) {
  const stopwatch clock;
  for (int i = 0; i < n; ++i) sum += trine::spawn(trine::process, work, i).get();
  return clock.ns_each(n);
}

}  // namespace

series trine_on_one_core() {
  return {.name = one_core, .prepare = [] {
            auto host = std::make_shared<line_peer>(
                std::vector<std::string>{"/proc/self/exe", "host-one-core"}, "this is a defect");
            return sampler([host](long n) { return host->sample(n); });
          }};
}

int serve_one_core() {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  if (::sched_setaffinity(0, sizeof(first), &first) != 0) return 1;
  return line_peer::serve(warm_trips);
}

std::vector<figure> process_figures() {
  const char* const futex_any = "futex ping-pong, any core, asleep";
  const char* const futex_one = "futex ping-pong, one core, asleep";
  const char* const futex_two = "futex ping-pong, two cores, asleep";
  const char* const spinning = "futex-free ping-pong, two cores, spinning";
  const char* const fork_wait = "fork + _exit + waitpid, small process";
  return {
      {.name = "process.warm",
       .about = "round trip through a warm worker process: spawn(process, f, int).get()",
       .all = {{.name = any_core,
                .prepare =
                    [] { return sampler([](long n) { return round_trips(n, trine::process); }); }},
               trine_on_one_core(),
               small_process(fork_wait, {"fork"}, any_core),
               python_pool(1, any_core),
               python_pool(2, any_core),
               small_process(futex_any, {"ping-pong", "any", "sleep"}, any_core),
               small_process(futex_one, {"ping-pong", "one", "sleep"}, one_core),
               small_process(futex_two, {"ping-pong", "two", "sleep"}, any_core),
               small_process(spinning, {"ping-pong", "two", "spin"}, any_core)},
       .marks = {{.subject = any_core, .peer = "ProcessPoolExecutor(1)", .limit = 0.1},
                 {.subject = any_core, .peer = "ProcessPoolExecutor(2)", .limit = 0.1},
                 {.subject = any_core, .peer = futex_any, .limit = 3},
                 {.subject = any_core, .peer = futex_two, .limit = 3},
                 {.subject = one_core, .peer = futex_one, .limit = 3}}},
      {.name = "process.fresh",
       .about = "start and join a new process for one job: process({.fresh = true})",
       .all = {{.name = fresh,
                .prepare =
                    [] {
                      return sampler(
                          [](long n) { return round_trips(n, trine::process({.fresh = true})); });
                    }},
               small_process(fork_wait, {"fork"}, fresh)}},
  };
}

}  // namespace bench
