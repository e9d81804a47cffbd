// Threads: create and join, from a plain thread.
#include <thread>
#include <trine/trine.hpp>
#include <vector>

#include "figures.hpp"

namespace bench {
namespace {

double of_trine(long n) {
  long sum = 0;
  const stopwatch clock;
  for (int i = 0; i < n; ++i) sum += trine::spawn(trine::thread, work, i).get();
  const double each = clock.ns_each(n);
  require_sum(sum, n, "trine::thread");
  return each;
}

double of_std(long n) {
  long sum = 0;
  const stopwatch clock;
  for (int i = 0; i < n; ++i) {
    long result = 0;
    std::thread([&result, i] { result = work(i); }).join();
    sum += result;
  }
  const double each = clock.ns_each(n);
  require_sum(sum, n, "std::thread");
  return each;
}

}  // namespace

std::vector<figure> thread_figures() {
  const char* const me = "trine::thread, reused";
  return {
      {.name = "thread.create",
       .about = "create and join a thread",
       .all = {{.name = me, .prepare = [] { return sampler(of_trine); }},
               {.name = "std::thread", .prepare = [] { return sampler(of_std); }, .against = me}},
       .marks = {{.subject = me, .peer = "std::thread", .limit = 0.5}}}};
}

}  // namespace bench
