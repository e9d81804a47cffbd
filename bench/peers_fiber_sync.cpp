// Boost.Fiber's mutex and condition variable, among fibres of one thread or of two.
#include <mutex>
#include <thread>

#include "figures.hpp"

#ifdef TRINE_HAVE_BOOST_FIBER
#include <boost/fiber/all.hpp>
#endif

namespace bench {
#ifdef TRINE_HAVE_BOOST_FIBER
namespace {

namespace fibers = boost::fibers;

// Runs body(i) in a fibre for each i below count, on that many new threads, and joins them.
template <class F>
void on_threads(int threads, int count, F body) {
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([=] {
      std::vector<fibers::fiber> mine;
      for (int i = t; i < count; i += threads)
        mine.emplace_back(fibers::launch::post, [body, i] { body(i); });
      for (fibers::fiber& one : mine) one.join();
    });
  }
  for (std::thread& one : all) one.join();
}

double alone(long n) {
  fibers::mutex m;
  long count = 0;
  const stopwatch clock;
  for (long i = 0; i < n; ++i) {
    m.lock();
    ++count;
    m.unlock();
  }
  const double each = clock.ns_each(n);
  if (count != n) throw wrong_result("a mutex was not locked as often as asked");
  return each;
}

double contended(long n, int threads, bool yields) {
  fibers::mutex m;
  long count = 0;
  const long rounds = n / sync_users + 1;
  const stopwatch clock;
  on_threads(threads, sync_users, [&m, &count, rounds, yields](int) {
    for (long k = 0; k < rounds; ++k) {
      m.lock();
      ++count;
      if (yields) boost::this_fiber::yield();
      m.unlock();
    }
  });
  const double each = clock.ns_each(rounds * sync_users);
  if (count != rounds * sync_users) throw wrong_result("two were inside a mutex at once");
  return each;
}

double ping_pong(long n, int threads) {
  fibers::mutex m;
  fibers::condition_variable changed;
  int turn = 0;
  long passed = 0;
  const long rounds = n / 2 + 1;
  const stopwatch clock;
  on_threads(threads, 2, [&, rounds](int me) {
    for (long k = 0; k < rounds; ++k) {
      std::unique_lock<fibers::mutex> lock(m);
      while (turn != me) changed.wait(lock);
      ++passed;
      turn = 1 - me;
      changed.notify_one();
    }
  });
  const double each = clock.ns_each(2 * rounds);
  if (passed != 2 * rounds) throw wrong_result("a turn was lost");
  return each;
}

template <class F>
series of(int threads, F sample, const char* against) {
  return {.name = threads == 1 ? "Boost.Fiber, one thread" : "Boost.Fiber, two threads",
          .prepare = [sample] { return sampler(sample); },
          .against = against};
}

}  // namespace

series boost_fiber_mutex(const char* against) {
  return of(
      1,
      [](long n) {
        double each = 0;
        on_threads(1, 1, [&each, n](int) { each = alone(n); });
        return each;
      },
      against);
}
series boost_fiber_contended(int threads, bool yields, const char* against) {
  return of(
      threads, [=](long n) { return contended(n, threads, yields); }, against);
}
series boost_fiber_condition(int threads, const char* against) {
  return of(
      threads, [=](long n) { return ping_pong(n, threads); }, against);
}

#else

namespace {
series missing(int threads, const char* against) {
  return {.name = threads == 1 ? "Boost.Fiber, one thread" : "Boost.Fiber, two threads",
          .prepare = []() -> sampler {
            throw peer_missing("the build found no Boost.Fiber; install libboost-fiber-dev");
          },
          .against = against};
}
}  // namespace

series boost_fiber_mutex(const char* against) { return missing(1, against); }
series boost_fiber_contended(int threads, bool, const char* against) {
  return missing(threads, against);
}
series boost_fiber_condition(int threads, const char* against) { return missing(threads, against); }

#endif
}  // namespace bench
