// Forked work and units: stop requests, deadlines, blocking bodies, roaming, the registry.
#include <trine/observe.hpp>

#include "fork/support.hpp"

namespace {

using namespace forks;

template <class F>
bool is_cancelled(F f) {
  try {
    f();
  } catch (const trine::cancelled&) {
    return true;
  }
  return false;
}

class fork_stop : public ::testing::TestWithParam<trine::unit_kind> {};
TRINE_LOCAL_UNITS(fork_stop);

TEST_P(fork_stop, reaches_every_body) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> arrived{0}, stopped{0};
    const auto body = [&] {
      arrived++;
      if (is_cancelled([] { trine::this_unit::sleep_for(for_ever); })) stopped++;
      EXPECT_TRUE(trine::this_unit::stop_token().stop_requested());
      throw trine::cancelled();
    };
    with_local(GetParam(), [&](auto unit) {
      auto h = trine::spawn(unit, [&] {
        trine::parallel_invoke(body, body, [&] { trine::parallel_invoke(body, body); });
      });
      spin_until([&] { return arrived.load() == 4; });
      h.request_stop();
      EXPECT_THROW(h.get(), trine::cancelled);
    });
    EXPECT_EQ(stopped.load(), 4);
  }
}

TEST_P(fork_stop, reaches_the_bodies_of_loops) {
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> arrived{0};
    with_local(GetParam(), [&](auto unit) {
      auto h = trine::spawn(unit, [&] {
        trine::parallel_for(0, 50, [&](int) {
          arrived++;
          trine::this_unit::sleep_for(for_ever);
        });
      });
      spin_until([&] { return arrived.load() == 50; });
      h.request_stop();
      EXPECT_THROW(h.get(), trine::cancelled);
    });
  }
}

// The bodies compute and look at their tokens.
TEST_P(fork_stop, is_seen_by_tokens) {
  std::atomic<int> arrived{0};
  with_local(GetParam(), [&](auto unit) {
    auto h = trine::spawn(unit, [&] {
      trine::parallel_for(0, 2, [&](int) {
        const std::stop_token token = trine::this_unit::stop_token();
        arrived++;
        compute_until([&] { return token.stop_requested(); });
      });
    });
    spin_until([&] { return arrived.load() == 2; });
    h.request_stop();
    h.get();
  });
}

// The join itself is not interrupted: bodies that do not care are waited for.
TEST_P(fork_stop, does_not_end_a_join) {
  std::atomic<bool> begun{false}, go_on{false}, ended{false};
  with_local(GetParam(), [&](auto unit) {
    auto h = trine::spawn(unit, [&] {
      trine::parallel_invoke([] {},
                             [&] {
                               begun = true;
                               wait_for(go_on);
                               ended = true;
                             });
      return ended.load();
    });
    wait_for(begun);
    h.request_stop();
    trine::this_unit::sleep_for(5ms);
    go_on = true;
    EXPECT_TRUE(h.get());
  });
}

TEST_P(fork_stop, a_deadline_reaches_every_body) {
  std::atomic<int> timed_out{0};
  auto h = trine::spawn(
      unit_of(GetParam(), "late", 20ms),
      [](std::uintptr_t count) {
        auto& at = *reinterpret_cast<std::atomic<int>*>(count);
        const auto body = [&] {
          try {
            trine::this_unit::sleep_for(for_ever);
          } catch (const trine::timed_out&) {
            at++;
            throw;
          }
        };
        trine::parallel_invoke(body, body, body);
      },
      reinterpret_cast<std::uintptr_t>(&timed_out));
  EXPECT_THROW(h.get(), trine::timed_out);
  EXPECT_EQ(timed_out.load(), 3);
}

// Inside a process unit.
int stopped_in_a_process(std::string path) {
  meeting at(path);
  int stopped = 0;
  std::atomic<int> all{0};
  try {
    trine::parallel_for(0, 6, [&](int) {
      at.arrive();
      try {
        trine::this_unit::sleep_for(for_ever);
      } catch (const trine::cancelled&) {
        all++;
        throw;
      }
    });
  } catch (const trine::cancelled&) {
    stopped = all.load();
  }
  return stopped;
}
TEST(fork_in_process, stop_reaches_every_body) {
  meeting at;
  auto h = trine::spawn(trine::process, stopped_in_a_process, at.path());
  at.await(6);
  h.request_stop();
  EXPECT_EQ(h.get(), 6);
}
TEST(fork_in_process, bodies_run_at_once) {
  EXPECT_EQ(trine::spawn(trine::process,
                         [] {
                           pairs meet(100);
                           trine::parallel_for(0, 100, [&](int) { meet.body(); });
                           return meet.ended();
                         })
                .get(),
            100);
}

// ---- blocking -----------------------------------------------------------------------------------

void restless(int n, int depth, std::atomic<long>& sum, trine::mutex& m, long& guarded) {
  if (depth == 0) {
    switch (n % 5) {
      case 0:
        trine::this_unit::yield();
        break;
      case 1:
        trine::this_unit::sleep_for(std::chrono::microseconds(n % 50));
        break;
      case 2:
        sum += trine::spawn(trine::coroutine, [n] { return n; }).get();
        break;
      case 3: {
        std::lock_guard guard(m);
        trine::this_unit::yield();
        ++guarded;
        break;
      }
      default:
        break;
    }
    sum++;
    return;
  }
  if (n % 3 == 0) {
    trine::parallel_for(0, 3, [&](int i) { restless(n + i, depth - 1, sum, m, guarded); });
  } else {
    trine::parallel_invoke([&] { restless(n + 1, depth - 1, sum, m, guarded); },
                           [&] { restless(n + 2, depth - 1, sum, m, guarded); },
                           [&] { restless(n + 3, depth - 1, sum, m, guarded); });
  }
}

class fork_blocking : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(roaming, fork_blocking, ::testing::Bool());

TEST_P(fork_blocking, bodies_park_everywhere) {
  const int rounds = sanitized ? 5 : 30;
  std::vector<trine::handle<long>> all;
  for (int round = 0; round < rounds; ++round)
    all.push_back(trine::spawn(trine::coroutine({.roaming = GetParam()}), [round] {
      std::atomic<long> sum{0};
      trine::mutex m;
      long guarded = 0;
      restless(round, 5, sum, m, guarded);
      return sum.load();
    }));
  for (auto& one : all) EXPECT_GE(one.get(), 243);
}

// Roaming coroutines whose forks lie in the deque of a worker they have left.
TEST_P(fork_blocking, forks_of_those_that_moved) {
  std::atomic<int> done{0};
  trine::scope s;
  for (int k = 0; k < 20; ++k)
    s.spawn(trine::coroutine({.roaming = GetParam()}), [&done] {
      for (int i = 0; i < (sanitized ? 20 : 100); ++i) {
        std::atomic<int> here{0};
        trine::parallel_invoke(
            [&] {
              for (int y = 0; y < 5; ++y) trine::this_unit::yield();
              here++;
            },
            [&] { here++; });
        trine::parallel_for(0, 4, [&](int) {
          trine::this_unit::yield();
          here++;
        });
        if (here.load() == 6) done++;
      }
    });
  s.join();
  EXPECT_EQ(done.load(), 20 * (sanitized ? 20 : 100));
}

// A thousand coroutines, each parked with forks open.
TEST(fork_open, a_thousand_parked_with_forks_open) {
  std::atomic<bool> go_on{false};
  std::atomic<int> parked{0}, ran{0};
  trine::scope s;
  for (int k = 0; k < 1000; ++k)
    s.spawn(trine::coroutine, [&] {
      trine::parallel_invoke(
          [&] {
            parked++;
            spin_until([&] { return go_on.load(); });
          },
          [&] { ran++; });
    });
  spin_until([&] { return parked.load() == 1000; });
  spin_until([&] { return ran.load() == 1000; });  // none waits for its forker
  go_on = true;
  s.join();
}

// A fork is a call of Trine: who only forks lets the timers of its home fire.
TEST(fork_fair, others_of_the_home_run) {
  std::atomic<bool> over{false};
  auto busy = trine::spawn(trine::coroutine({.worker = 0}), [&] {
    long rounds = 0;
    while (!over.load()) {
      trine::parallel_invoke([&] { ++rounds; }, [] {});
    }
    return rounds;
  });
  auto other = trine::spawn(trine::coroutine({.worker = 0}), [&] {
    for (int i = 0; i < 5; ++i) trine::this_unit::sleep_for(1ms);
    over = true;
  });
  EXPECT_GT(busy.get(), 0);
}

// ---- the registry -------------------------------------------------------------------------------

TEST(fork_registry, a_forked_unit_is_listed_when_it_parks) {
  std::atomic<bool> go_on{false};
  std::atomic<int> arrived{0};
  auto h = trine::spawn(trine::coroutine({.name = "forker"}), [&] {
    trine::parallel_invoke(
        [&] {
          arrived++;
          spin_until([&] { return go_on.load(); });
        },
        [&] {
          arrived++;
          try {
            trine::this_unit::sleep_for(for_ever);
          } catch (const trine::cancelled&) {
          }
        });
  });
  spin_until([&] { return arrived.load() == 2; });
  const auto listed = [&] {
    for (const auto& u : trine::units())
      if (u.parent == h.id() && u.kind == trine::unit_kind::coroutine && u.name == "forker" &&
          u.file.find("units_test") != std::string::npos)
        return true;
    return false;
  };
  spin_until([&] { return listed(); });
  h.request_stop();
  go_on = true;
  h.get();
  EXPECT_FALSE(listed());
}

}  // namespace
