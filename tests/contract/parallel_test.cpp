// Units run at the same time, and no work is left lying behind a busy worker. Proved by rendezvous:
// a body goes on only when another has started.
#include "contract/support.hpp"

namespace {

using namespace support;

class parallel : public unit_test {};
TRINE_ALL_UNITS(parallel);

void meet(std::string path, int count) {
  meeting at(path);
  at.arrive();
  compute_until([&] { return at[0].load() >= count; });
}

TEST_P(parallel, two_bodies_run_at_once) {
  meeting at;
  auto a = trine::spawn(unit(), meet, at.path(), 2);
  auto b = trine::spawn(unit(), meet, at.path(), 2);
  a.get();
  b.get();
}

TEST_P(parallel, from_inside_a_unit) {
  meeting at;
  auto outer = trine::spawn(
      unit(),
      [](std::string path, int kind) {
        auto inner = trine::spawn(unit_of(static_cast<trine::unit_kind>(kind)), meet, path, 2);
        meet(path, 2);
        inner.get();
      },
      at.path(), static_cast<int>(GetParam()));
  outer.get();
}

TEST(parallel_threads, eight_at_once) {
  meeting at;
  trine::scope s;
  for (int i = 0; i < 8; ++i) s.spawn(trine::thread, meet, at.path(), 8);
  s.join();
}

TEST(parallel_kinds, one_of_each_at_once) {
  meeting at;
  trine::scope s;
  for (const trine::unit_kind kind : all_kinds) s.spawn(unit_of(kind), meet, at.path(), 3);
  s.join();
}

// A coroutine pushes work and then computes without a call of Trine until others have done it all.
class out_of_reach : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(bodies, out_of_reach, ::testing::Values(1, 2, 3, 8, 100, 600));

TEST_P(out_of_reach, behind_a_busy_worker) {
  const int rounds = sanitized ? 20 : 100;
  for (int round = 0; round < rounds; ++round) {
    auto busy = trine::spawn(trine::coroutine, [] {
      std::atomic<int> done{0};
      std::vector<trine::handle<void>> all;
      for (int i = 0; i < GetParam(); ++i)
        all.push_back(trine::spawn(trine::coroutine, [&done] { done.fetch_add(1); }));
      compute_until([&] { return done.load() == GetParam(); });
    });
    busy.get();
  }
}

TEST_P(out_of_reach, behind_a_worker_that_was_idle_before) {
  for (int round = 0; round < 20; ++round) {
    trine::this_unit::sleep_for(std::chrono::microseconds(700 * round));  // workers go to sleep
    trine::spawn(trine::coroutine, [] {
      std::atomic<int> done{0};
      std::vector<trine::handle<void>> all;
      for (int i = 0; i < GetParam(); ++i)
        all.push_back(trine::spawn(trine::coroutine, [&done] { done.fetch_add(1); }));
      compute_until([&] { return done.load() == GetParam(); });
    }).get();
  }
}

// Each of the jobs pushes the next and computes until that has run: the two workers take turns.
TEST(out_of_reach_chain, each_behind_the_last) {
  struct chain {
    static void link(int left) {
      if (left == 0) return;
      std::atomic<bool> ran{false};
      auto h = trine::spawn(trine::coroutine, [&ran, left] {
        ran.store(true);
        if (left > 1) link(left - 2);
      });
      compute_until([&] { return ran.load(); });
      h.get();
    }
  };
  for (int i = 0; i < 50; ++i) trine::spawn(trine::coroutine, chain::link, 20).get();
}

// From outside, while one worker is busy for good.
TEST(out_of_reach_injected, behind_one_busy_worker) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> over{false}, started{false};
    auto busy = trine::spawn(trine::coroutine, [&] {
      started.store(true);
      compute_until([&] { return over.load(); });
    });
    compute_until([&] { return started.load(); });
    std::vector<trine::handle<int>> all;
    for (int i = 0; i < 10; ++i) all.push_back(trine::spawn(trine::coroutine, [i] { return i; }));
    for (int i = 0; i < 10; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)].get(), i);
    over.store(true);
    busy.get();
  }
}

// Work for a coroutine that parked waits for its home only; fresh work must not.
TEST(out_of_reach_parked, a_parked_spawners_jobs_run) {
  auto h = trine::spawn(trine::coroutine, [] {
    std::atomic<int> done{0};
    std::vector<trine::handle<void>> all;
    for (int i = 0; i < 300; ++i)
      all.push_back(trine::spawn(trine::coroutine, [&done] { done.fetch_add(1); }));
    for (auto& one : all) one.get();
    return done.load();
  });
  EXPECT_EQ(h.get(), 300);
}

}  // namespace
