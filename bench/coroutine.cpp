// Coroutines: create and join, measured inside a coroutine; yields around a ring.
#include <trine/trine.hpp>
#include <vector>

#include "figures.hpp"

namespace bench {
namespace {

long returns(int i) { return work(i); }
long yields(int i) {
  trine::this_unit::yield();
  return work(i);
}
long sleeps(int i) {
  trine::this_unit::sleep_for(nap);
  return work(i);
}

// In a coroutine of its own: spawns and joins n coroutines, one after the other.
template <class Body>
double create_and_join(long n, Body body) {
  return trine::spawn(trine::coroutine,
                      [n, body] {
                        long sum = 0;
                        const stopwatch clock;
                        for (int i = 0; i < n; ++i)
                          sum += trine::spawn(trine::coroutine, body, i).get();
                        const double each = clock.ns_each(n);
                        require_sum(sum, n, "trine::coroutine");
                        return each;
                      })
      .get();
}

// Each child parks on a mutex that its parent holds, and is woken by the unlock. All on one home:
// elsewhere the child could come too late to find the mutex taken.
double create_park_and_join(long n) {
  return trine::spawn(trine::coroutine({.worker = 0}),
                      [n] {
                        trine::mutex gate;
                        long sum = 0;
                        long parked = 0;
                        const stopwatch clock;
                        for (int i = 0; i < n; ++i) {
                          gate.lock();
                          bool reached = false;
                          bool passed = false;
                          auto child = trine::spawn(trine::coroutine({.worker = 0}), [&, i] {
                            reached = true;
                            gate.lock();
                            passed = true;
                            gate.unlock();
                            return work(i);
                          });
                          while (!reached) trine::this_unit::yield();
                          parked += reached && !passed ? 1 : 0;
                          gate.unlock();
                          sum += child.get();
                        }
                        const double each = clock.ns_each(n);
                        require_sum(sum, n, "trine::coroutine");
                        if (parked != n) throw wrong_result("some children did not park");
                        return each;
                      })
      .get();
}

// `members` coroutines of one home, each yielding for ever; one of them times the laps.
double ring(long members, long yields_wanted) {
  const long laps = ring_laps(members, yields_wanted);
  long started = 0;
  long turns = 0;
  bool stop = false;
  trine::scope all;
  const auto here = trine::coroutine({.worker = 0});
  auto keeper = all.spawn(here, [&, members, laps] {
    while (started < members - 1) trine::this_unit::yield();
    trine::this_unit::yield();  // a lap to warm up
    const long before = turns;
    const stopwatch clock;
    for (long lap = 0; lap < laps; ++lap) trine::this_unit::yield();
    const double each = clock.ns_each(laps * members);
    const long missing = laps * (members - 1) - (turns - before);
    stop = true;
    if (missing > members || -missing > members)
      throw wrong_result("the ring did not go round: some had no turn");
    return each;
  });
  for (long i = 1; i < members; ++i) {
    all.spawn(here, [&] {
      ++started;
      while (!stop) {
        ++turns;
        trine::this_unit::yield();
      }
    });
  }
  all.join();
  return keeper.get();
}

template <class F>
series of_trine(F sample) {
  return {.name = "trine::coroutine", .prepare = [sample] { return sampler(sample); }};
}

constexpr const char* bare_fp = "bare swap, 6 registers + FP control";

figure ring_figure(const char* name, const char* about, long members,
                   std::vector<mark> marks = {}) {
  return {.name = name,
          .about = about,
          .all = {of_trine([members](long n) { return ring(members, n); }),
                  boost_fiber_ring(members, "trine::coroutine"),
                  bare_ring(members, true, "trine::coroutine"),
                  bare_ring(members, false, "trine::coroutine")},
          .marks = std::move(marks)};
}

}  // namespace

std::vector<figure> coroutine_figures() {
  const char* const me = "trine::coroutine";
  return {
      {.name = "coroutine.create",
       .about = "create and join a coroutine that does not block, inside a coroutine",
       .all = {of_trine([](long n) { return create_and_join(n, returns); }),
               boost_fiber(fiber_body::returns_dispatched, me),
               boost_fiber(fiber_body::returns, me)},
       .marks = {{.subject = me, .peer = {}, .limit = 40}}},
      {.name = "coroutine.yield-once",
       .about = "create and join a coroutine that yields once",
       .all = {of_trine([](long n) { return create_and_join(n, yields); }),
               boost_fiber(fiber_body::yields, me)},
       .marks = {{.subject = me, .peer = {}, .limit = 120}}},
      {.name = "coroutine.park-once",
       .about = "create and join a coroutine that parks on a mutex once and is woken",
       .all = {of_trine([](long n) { return create_park_and_join(n); }),
               boost_fiber(fiber_body::parks, me)},
       .marks = {{.subject = me, .peer = {}, .limit = 120}}},
      {.name = "coroutine.sleep-once",
       .about = "create and join a coroutine that sleeps 10 us once",
       .all = {of_trine([](long n) { return create_and_join(n, sleeps); }),
               boost_fiber(fiber_body::sleeps, me)}},
      ring_figure("yield.two", "yield between two coroutines, one way", 2,
                  {{.subject = me, .peer = bare_fp, .limit = 2}}),
      ring_figure("yield.10000", "yield around a ring of 10,000 coroutines, each", 10'000),
  };
}

}  // namespace bench
