// Boost.Fiber: a fiber for each task but the last, under its work-stealing scheduler.
#include <boost/fiber/all.hpp>
#include <thread>

#include "main.hpp"

namespace {

namespace fibers = boost::fibers;

// Stacks from a pool: the fastest way it has.
fibers::pooled_fixedsize_stack& stacks() {
  thread_local fibers::pooled_fixedsize_stack pool(64 * 1024);
  return pool;
}
// A pool is of one thread; fibers that move between threads need an allocator without one.
bool alone = true;

template <class F>
fibers::fiber start(F f) {
  if (alone) return fibers::fiber(fibers::launch::dispatch, std::allocator_arg, stacks(), f);
  return fibers::fiber(fibers::launch::dispatch, std::allocator_arg,
                       fibers::fixedsize_stack(64 * 1024), f);
}

struct forks {
  template <class F, class G>
  static void pair(F&& f, G&& g) {
    fibers::fiber first = start([&f] { f(); });
    g();
    first.join();
  }
  template <class A, class B, class C, class D>
  static void four(A&& a, B&& b, C&& c, D&& d) {
    fibers::fiber one = start([&a] { a(); });
    fibers::fiber two = start([&b] { b(); });
    fibers::fiber three = start([&c] { c(); });
    d();
    one.join();
    two.join();
    three.join();
  }
  template <class F>
  static void each(int n, F&& f) {
    std::vector<fibers::fiber> all;
    all.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i + 1 < n; ++i) all.push_back(start([&f, i] { f(i); }));
    f(n - 1);
    for (fibers::fiber& one : all) one.join();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return suite::main_of<forks>(argc, argv, [](int workers, const std::function<void()>& work) {
    if (workers == 1) return work();
    alone = false;
    fibers::mutex m;
    fibers::condition_variable_any ended;
    bool over = false;
    std::vector<std::thread> others;
    const auto count = static_cast<std::uint32_t>(workers);
    for (std::uint32_t i = 1; i < count; ++i)
      others.emplace_back([&] {
        fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(count);
        std::unique_lock lock(m);
        ended.wait(lock, [&] { return over; });
      });
    fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(count);
    work();
    {
      std::unique_lock lock(m);
      over = true;
    }
    ended.notify_all();
    for (std::thread& one : others) one.join();
  });
}
