// Boost.Fiber, measured inside a fibre of the main thread, with pooled stacks of its default size.
#include "figures.hpp"

#ifdef TRINE_HAVE_BOOST_FIBER
#include <boost/fiber/all.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>
#endif

namespace bench {
#ifdef TRINE_HAVE_BOOST_FIBER
namespace {

namespace fibers = boost::fibers;

// Runs the body in a fibre and gives what it returns; its exceptions arrive too.
template <class F>
double in_fiber(F body) {
  fibers::packaged_task<double()> task(body);
  fibers::future<double> result = task.get_future();
  fibers::fiber(std::move(task)).join();
  return result.get();
}

template <class F>
double create_and_join(fibers::pooled_fixedsize_stack& stacks, fibers::launch how, long n, F body) {
  return in_fiber([&, how, n, body] {
    long sum = 0;
    const stopwatch clock;
    for (int i = 0; i < n; ++i) {
      long result = 0;
      fibers::fiber(how, std::allocator_arg, stacks, [&result, body, i] {
        body();
        result = work(i);
      }).join();
      sum += result;
    }
    const double each = clock.ns_each(n);
    require_sum(sum, n, "Boost.Fiber");
    return each;
  });
}

double create_park_and_join(fibers::pooled_fixedsize_stack& stacks, long n) {
  return in_fiber([&stacks, n] {
    fibers::mutex gate;
    long sum = 0;
    long parked = 0;
    const stopwatch clock;
    for (int i = 0; i < n; ++i) {
      gate.lock();
      bool reached = false;
      bool passed = false;
      long result = 0;
      fibers::fiber child(fibers::launch::post, std::allocator_arg, stacks, [&, i] {
        reached = true;
        gate.lock();
        passed = true;
        gate.unlock();
        result = work(i);
      });
      while (!reached) boost::this_fiber::yield();
      parked += reached && !passed ? 1 : 0;
      gate.unlock();
      child.join();
      sum += result;
    }
    const double each = clock.ns_each(n);
    require_sum(sum, n, "Boost.Fiber");
    if (parked != n) throw wrong_result("some fibres did not park");
    return each;
  });
}

double sample_of(fibers::pooled_fixedsize_stack& stacks, fiber_body body, long n) {
  using fibers::launch;
  switch (body) {
    case fiber_body::returns:
      return create_and_join(stacks, launch::post, n, [] {});
    case fiber_body::returns_dispatched:
      return create_and_join(stacks, launch::dispatch, n, [] {});
    case fiber_body::yields:
      return create_and_join(stacks, launch::post, n, [] { boost::this_fiber::yield(); });
    case fiber_body::sleeps:
      return create_and_join(stacks, launch::post, n, [] { boost::this_fiber::sleep_for(nap); });
    case fiber_body::parks:
      break;
  }
  return create_park_and_join(stacks, n);
}

double ring(fibers::pooled_fixedsize_stack& stacks, long members, long yields_wanted) {
  const long laps = ring_laps(members, yields_wanted);
  long started = 0;
  long turns = 0;
  bool stop = false;
  std::vector<fibers::fiber> others;
  others.reserve(static_cast<std::size_t>(members));
  for (long i = 1; i < members; ++i) {
    others.emplace_back(fibers::launch::post, std::allocator_arg, stacks, [&] {
      ++started;
      while (!stop) {
        ++turns;
        boost::this_fiber::yield();
      }
    });
  }
  double each = 0;
  long missing = 0;
  fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, [&] {
    while (started < members - 1) boost::this_fiber::yield();
    boost::this_fiber::yield();
    const long before = turns;
    const stopwatch clock;
    for (long lap = 0; lap < laps; ++lap) boost::this_fiber::yield();
    each = clock.ns_each(laps * members);
    missing = laps * (members - 1) - (turns - before);
    stop = true;
  }).join();
  for (fibers::fiber& other : others) other.join();
  if (missing > members || -missing > members)
    throw wrong_result("the ring did not go round: some had no turn");
  return each;
}

}  // namespace

series boost_fiber(fiber_body body, const char* against) {
  const bool dispatched = body == fiber_body::returns_dispatched;
  return {.name = dispatched ? "Boost.Fiber, launch::dispatch" : "Boost.Fiber, launch::post",
          .prepare =
              [body] {
                return sampler([body, stacks = fibers::pooled_fixedsize_stack()](long n) mutable {
                  return sample_of(stacks, body, n);
                });
              },
          .against = against};
}

series boost_fiber_ring(long members, const char* against) {
  return {.name = "Boost.Fiber",
          .prepare =
              [members] {
                return sampler([members, stacks = fibers::pooled_fixedsize_stack()](
                                   long n) mutable { return ring(stacks, members, n); });
              },
          .against = against};
}

#else

namespace {
series missing(const char* against) {
  return {.name = "Boost.Fiber",
          .prepare = []() -> sampler {
            throw peer_missing("the build found no Boost.Fiber; install libboost-fiber-dev");
          },
          .against = against};
}
}  // namespace

series boost_fiber(fiber_body, const char* against) { return missing(against); }
series boost_fiber_ring(long, const char* against) { return missing(against); }

#endif
}  // namespace bench
