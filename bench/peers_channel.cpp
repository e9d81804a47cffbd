// What channels are compared with in this process: Boost.Fiber's channels on one thread, and
// oneTBB's bounded queue between threads.
#include <thread>
#include <vector>

#include "figures.hpp"

#ifdef TRINE_HAVE_BOOST_FIBER
#include <boost/fiber/all.hpp>
#endif
#ifdef TRINE_HAVE_TBB
#include <oneapi/tbb/concurrent_queue.h>
#endif

namespace bench {
namespace {

[[maybe_unused]] series missing(const char* name, const char* package, const char* against) {
  return {.name = name,
          .prepare = [=]() -> sampler {
            throw peer_missing(std::string("the build did not find it; install ") + package);
          },
          .against = against};
}

#ifdef TRINE_HAVE_BOOST_FIBER
namespace fibers = boost::fibers;

template <class Channel>
double transfer(Channel& c, long n, int senders, int receivers) {
  std::vector<fibers::fiber> in;
  std::vector<fibers::fiber> out;
  long sum = 0;
  const stopwatch clock;
  for (int s = 0; s < senders; ++s) {
    in.emplace_back([&c, n, s, senders] {
      for (long i = s; i < n; i += senders) c.push(work(static_cast<int>(i)));
    });
  }
  for (int r = 0; r < receivers; ++r) {
    out.emplace_back([&] {
      long v = 0;
      while (c.pop(v) == fibers::channel_op_status::success) sum += v;
    });
  }
  for (auto& f : in) f.join();
  c.close();
  for (auto& f : out) f.join();
  const double each = clock.ns_each(n);
  require_sum(sum, n, "Boost.Fiber");
  return each;
}
#endif

}  // namespace

#ifdef TRINE_HAVE_BOOST_FIBER
series fiber_channel(int senders, int receivers, std::size_t capacity, const char* against) {
  return {.name = "Boost.Fiber buffered_channel",
          .prepare =
              [=] {
                return sampler([=](long n) {
                  fibers::buffered_channel<long> c(capacity);
                  return transfer(c, n, senders, receivers);
                });
              },
          .against = against};
}
series fiber_rendezvous(const char* against) {
  return {.name = "Boost.Fiber unbuffered_channel",
          .prepare =
              [] {
                return sampler([](long n) {
                  fibers::unbuffered_channel<long> c;
                  return transfer(c, n, 1, 1);
                });
              },
          .against = against};
}
#else
series fiber_channel(int, int, std::size_t, const char* against) {
  return missing("Boost.Fiber buffered_channel", "libboost-fiber-dev", against);
}
series fiber_rendezvous(const char* against) {
  return missing("Boost.Fiber unbuffered_channel", "libboost-fiber-dev", against);
}
#endif

#ifdef TRINE_HAVE_TBB
series tbb_queue(int senders, int receivers, std::size_t capacity, const char* against) {
  return {.name = "oneTBB concurrent_bounded_queue",
          .prepare =
              [=] {
                return sampler([=](long n) {
                  oneapi::tbb::concurrent_bounded_queue<long> q;
                  q.set_capacity(static_cast<std::ptrdiff_t>(capacity));
                  std::vector<std::thread> in;
                  std::vector<std::thread> out;
                  std::vector<long> sums(static_cast<std::size_t>(receivers));
                  constexpr long no_more = -1;
                  const stopwatch clock;
                  for (int s = 0; s < senders; ++s) {
                    in.emplace_back([&q, n, s, senders] {
                      for (long i = s; i < n; i += senders) q.push(work(static_cast<int>(i)));
                    });
                  }
                  for (long& sum : sums) {
                    out.emplace_back([&q, &sum] {
                      long mine = 0;
                      for (long v = 0;;) {
                        q.pop(v);
                        if (v == no_more) break;
                        mine += v;
                      }
                      sum = mine;
                    });
                  }
                  for (auto& t : in) t.join();
                  for (int r = 0; r < receivers; ++r) q.push(no_more);
                  for (auto& t : out) t.join();
                  const double each = clock.ns_each(n);
                  long sum = 0;
                  for (const long part : sums) sum += part;
                  require_sum(sum, n, "oneTBB");
                  return each;
                });
              },
          .against = against};
}
#else
series tbb_queue(int, int, std::size_t, const char* against) {
  return missing("oneTBB concurrent_bounded_queue", "libtbb-dev", against);
}
#endif

}  // namespace bench
