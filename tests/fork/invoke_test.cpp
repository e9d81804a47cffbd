// parallel_invoke: who runs what where, recursion, exceptions.
#include "fork/support.hpp"

namespace {

using namespace forks;

long fib(int n) {
  if (n < 2) return n;
  long a, b;
  trine::parallel_invoke([&] { a = fib(n - 1); }, [&] { b = fib(n - 2); });
  return a + b;
}

TEST(parallel_invoke, recursion) {
  const int n = sanitized ? 18 : 25;
  const long expected = sanitized ? 2584 : 75025;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(in_coroutine([] { return fib(n); }), expected);
  EXPECT_EQ(fib(n), expected);
  EXPECT_EQ(trine::spawn(trine::thread, fib, n).get(), expected);
  EXPECT_EQ(trine::spawn(trine::process, fib, n).get(), expected);
}

TEST(parallel_invoke, any_number_of_any_callables) {
  int calls = 0;
  const auto f = [&] { ++calls; };
  trine::parallel_invoke();
  trine::parallel_invoke(f);
  EXPECT_EQ(calls, 1);
  std::atomic<int> sum{0};
  struct counted {
    std::atomic<int>& sum;
    int called = 0;
    int operator()() { return ++called, sum += 1; }
  } lasting{sum};
  auto owner = [&sum, p = std::make_unique<int>(10)] { sum += *p; };
  trine::parallel_invoke(
      lasting, owner, [&] { sum += 100; }, [&, p = std::make_unique<int>(1000)] { sum += *p; });
  EXPECT_EQ(sum.load(), 1111);
  EXPECT_EQ(lasting.called, 1) << "an object that stays is called itself, not a copy";
}

TEST(parallel_invoke, the_first_runs_here_and_others_are_children) {
  in_coroutine([] {
    const auto me = trine::this_unit::id();
    std::uint64_t here = 0, there = 0;
    trine::unit_kind kind = trine::unit_kind::thread;
    std::atomic<bool> begun{false};
    trine::parallel_invoke(
        [&] {
          here = trine::this_unit::id();
          compute_for(begun);
        },
        [&] {
          begun = true;
          there = trine::this_unit::id();
          kind = trine::this_unit::kind();
        });
    EXPECT_EQ(here, me);
    EXPECT_NE(there, me);
    EXPECT_EQ(kind, trine::unit_kind::coroutine);
  });
}

// A join that ran what else there is on top of the waiting frame could never end here: the other
// waits for the joiner.
TEST(parallel_invoke, a_stolen_join_runs_nothing_on_top_of_it) {
  for (int round = 0; round < (sanitized ? 20 : 100); ++round) {
    auto joiner = trine::spawn(trine::coroutine, [] {
      const int home = trine::spawn(trine::coroutine, [] {}).stats().ran_at;
      static_cast<void>(home);
      std::atomic<bool> stolen{false}, may_end{false}, joined{false}, other_forked{false};
      trine::scope others;
      trine::parallel_invoke(
          [&] {
            compute_for(stolen);  // the other worker is in the second function now
            // A coroutine of this home that forks and parks; what it forked lies in our deque.
            others.spawn(trine::coroutine, [&] {
              trine::parallel_invoke(
                  [&] {
                    other_forked = true;
                    wait_for(joined);
                  },
                  [&] {
                    may_end = true;
                    wait_for(joined);
                  });
            });
            wait_for(other_forked);
          },
          [&] {
            stolen = true;
            compute_for(may_end);
          });
      joined = true;
      others.join();
    });
    joiner.get();
  }
}

// What a parked coroutine has forked is run by its own worker too.
TEST(parallel_invoke, what_a_parked_unit_forked_goes_on) {
  in_coroutine([] {
    std::atomic<int> arrived{0};
    const auto wait_for_all = [&] {
      arrived++;
      spin_until([&] { return arrived.load() == 6; });
    };
    trine::parallel_invoke(wait_for_all, wait_for_all, wait_for_all, wait_for_all, wait_for_all,
                           wait_for_all);
  });
  constexpr int many = sanitized ? 100 : 500;  // each turns once for every other
  std::atomic<int> arrived{0};
  trine::parallel_for(0, many, [&](int) {
    arrived++;
    spin_until([&] { return arrived.load() == many; });
  });
}

// Levels of forks, one in the other: more than fit on a stack.
long down_first(int n) {
  volatile char frame[200] = {};
  if (n == 0) return frame[0];
  long a = 0;
  trine::parallel_invoke([&] { a = down_first(n - 1); }, [] {});
  return a + 1;
}
long down_second(int n) {
  volatile char frame[200] = {};
  if (n == 0) return frame[0];
  long a = 0;
  trine::parallel_invoke([] {}, [&] { a = down_second(n - 1); });
  return a + 1;
}
long down_loop(int n) {
  volatile char frame[200] = {};
  if (n == 0) return frame[0];
  std::atomic<long> a{0};
  trine::parallel_for(0, 2, [&](int i) {
    if (i == n % 2) a = down_loop(n - 1);
  });
  return a + 1;
}

TEST(parallel_invoke, deep_recursion) {
  constexpr int levels = sanitized ? 10'000 : 100'000;
  EXPECT_EQ(in_coroutine([] { return down_first(levels); }), levels);
  EXPECT_EQ(in_coroutine([] { return down_second(levels); }), levels);
  EXPECT_EQ(in_coroutine([] { return down_loop(levels); }), levels);
  EXPECT_EQ(down_first(levels), levels);
  EXPECT_EQ(trine::spawn(trine::coroutine({.stack_size = 16 * 1024}), down_first, 10'000).get(),
            10'000);
}

// An unbalanced tree, as UTS: the shape follows from a hash, most nodes have no child.
long nodes(std::uint64_t id, int depth) {
  id ^= id >> 33;
  id *= 0xff51afd7ed558ccdULL;
  id ^= id >> 29;
  const int children = depth == 0 ? 2000 : id % 100 < 24 ? 4 : 0;
  return 1 + trine::parallel_reduce(
                 0, children, 0L,
                 [&](int i) { return nodes(id + static_cast<unsigned>(i), depth + 1); },
                 std::plus<>());
}
TEST(parallel_invoke, unbalanced_trees) {
  const long expected = in_coroutine([] { return nodes(19, 0); });
  EXPECT_GT(expected, 10'000);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(in_coroutine([] { return nodes(19, 0); }), expected);
}

// ---- exceptions ---------------------------------------------------------------------------------

struct error : std::runtime_error {
  explicit error(int its) : std::runtime_error("error"), number(its) {}
  int number;
};
template <class F>
int number_of(F f) {
  try {
    f();
  } catch (const error& e) {
    return e.number;
  }
  return 0;
}

TEST(fork_exceptions, the_first_in_order_is_thrown_and_the_rest_counted) {
  for (int round = 0; round < 50; ++round) {
    const auto before = trine::suppressed_exceptions();
    std::atomic<int> called{0};
    const auto fail = [&](int n) {
      return [&called, n] {
        called++;
        throw error(n);
      };
    };
    EXPECT_EQ(number_of([&] { trine::parallel_invoke(fail(1), fail(2), fail(3)); }), 1);
    EXPECT_EQ(number_of([&] { trine::parallel_invoke([&] { called++; }, fail(2), fail(3)); }), 2);
    EXPECT_EQ(number_of([&] {
                in_coroutine([&] {
                  trine::parallel_invoke(
                      fail(4), [&] { called++; }, fail(3));
                });
              }),
              4);
    EXPECT_EQ(called.load(), 9);
    EXPECT_EQ(trine::suppressed_exceptions() - before, 2U + 1 + 1);
  }
}

TEST(fork_exceptions, of_what_ran_elsewhere) {
  in_coroutine([] {
    for (int round = 0; round < 50; ++round) {
      std::atomic<bool> stolen{false};
      const auto before = trine::suppressed_exceptions();
      EXPECT_EQ(number_of([&] {
                  trine::parallel_invoke([&] { compute_for(stolen); },
                                         [&] {
                                           stolen = true;
                                           throw error(2);
                                         });
                }),
                2);
      stolen = false;
      EXPECT_EQ(number_of([&] {
                  trine::parallel_invoke(
                      [&] {
                        compute_for(stolen);
                        throw error(1);
                      },
                      [&] {
                        stolen = true;
                        throw error(2);
                      });
                }),
                1);
      EXPECT_EQ(trine::suppressed_exceptions() - before, 1U);
    }
  });
}

TEST(fork_exceptions, of_the_lowest_number_that_threw) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> begun{0}, threw{0};
    const auto before = trine::suppressed_exceptions();
    const int number = number_of([&] {
      trine::parallel_for(0, 2, [&](int i) {
        begun++;
        compute_until([&] { return begun.load() == 2; });
        threw++;
        throw error(i + 1);
      });
    });
    EXPECT_EQ(number, 1);
    EXPECT_EQ(trine::suppressed_exceptions() - before, 1U);
  }
}

TEST(fork_exceptions, thrown_while_parked_and_forked_in_handlers) {
  in_coroutine([] {
    EXPECT_EQ(fib(10), 55);
    try {
      throw error(7);
    } catch (const error&) {
      EXPECT_EQ(fib(10), 55);
      trine::parallel_invoke([] { trine::this_unit::yield(); },
                             [] { trine::this_unit::sleep_for(1ms); });
      try {
        throw;
      } catch (const error& e) {
        EXPECT_EQ(e.number, 7);
      }
    }
  });
}

}  // namespace
