// Joins of units that have not started: the worker runs them at once, on another stack (run_now).
// What is true of such a join must be what is true of any other.
#include <cerrno>
#include <cfenv>
#include <cstring>
#include <stdexcept>

#include "contract/support.hpp"
#include "observe/registry.hpp"

namespace {

using namespace support;
using namespace trine::literals;

auto home() { return trine::coroutine({.worker = 0}); }
auto here() { return trine::coroutine; }

// Runs f as a coroutine of worker 0 and gives its result.
template <class F>
auto on_worker(F f) {
  return trine::spawn(home(), std::move(f)).get();
}

trine::observe::state state_of(std::uint64_t id, trine::observe::reason* why = nullptr) {
  const auto* const slots = trine::observe::slots();
  const std::uint32_t used = trine::observe::used_groups() * trine::observe::group_slots;
  for (std::uint32_t i = 0; i < used; ++i) {
    if (!trine::observe::occupied(i / trine::observe::group_slots)) continue;
    if (slots[i].id.load() != id) continue;
    if (why != nullptr) *why = slots[i].why.load();
    return slots[i].now.load();
  }
  return trine::observe::state::free;
}

TEST(run_now, results_in_spawn_order_and_against_it) {
  const bool all = on_worker([] {
    for (int round = 0; round < 2'000; ++round) {
      std::vector<trine::handle<int>> many;
      for (int i = 0; i < 5; ++i) many.push_back(trine::spawn(here(), [i] { return i; }));
      const bool forwards = round % 2 == 0;
      for (int k = 0; k < 5; ++k) {
        const int i = forwards ? k : 4 - k;
        if (many[static_cast<std::size_t>(i)].get() != i) return false;
      }
    }
    return true;
  });
  EXPECT_TRUE(all);
}

TEST(run_now, a_child_that_parks_lets_others_run) {
  trine::latch gate(1);
  bool other_ran = false;
  const int got = on_worker([&] {
    auto other = trine::spawn(home(), [&] {
      other_ran = true;
      gate.count_down();
    });
    auto child = trine::spawn(home(), [&] {
      gate.wait();
      return other_ran ? 7 : 0;
    });
    return child.get();
  });
  EXPECT_EQ(got, 7);
}

TEST(run_now, a_child_that_yields) {
  const int got = on_worker([] {
    int sum = 0;
    for (int i = 0; i < 1'000; ++i) {
      sum += trine::spawn(home(), [] {
               trine::this_unit::yield();
               trine::this_unit::yield();
               return 1;
             }).get();
    }
    return sum;
  });
  EXPECT_EQ(got, 1'000);
}

// The child is the only one who could wake its parent otherwise, and it waits for the test.
TEST(run_now, a_stop_request_ends_the_join_while_the_child_waits) {
  trine::latch gate(1);
  std::atomic<bool> cancelled{false}, child_ended{false}, parked{false};
  auto parent = trine::spawn(home(), [&] {
    auto child = trine::spawn(home(), [&] {
      parked.store(true);
      gate.wait();
      child_ended.store(true);
    });
    try {
      child.wait();
    } catch (const trine::cancelled&) {
      cancelled.store(true);
    }
    child.detach();
  });
  spin_until([&] { return parked.load(); });
  parent.request_stop();
  parent.wait();
  EXPECT_TRUE(cancelled.load());
  EXPECT_FALSE(child_ended.load());
  gate.count_down();
  spin_until([&] { return child_ended.load(); });
}

// It comes while the child runs and nobody waits yet; the child's first park must deliver it.
TEST(run_now, a_stop_request_from_before_the_wait_began) {
  trine::latch gate(1);
  bool cancelled = false;
  trine::handle<void> parent;
  std::atomic<bool> set{false};
  parent = trine::spawn(home(), [&] {
    spin_until([&] { return set.load(); });
    auto child = trine::spawn(home(), [&] {
      parent.request_stop();
      gate.wait();
    });
    try {
      child.wait();
    } catch (const trine::cancelled&) {
      cancelled = true;
    }
    gate.count_down();
  });
  set.store(true);
  parent.wait();
  EXPECT_TRUE(cancelled);
}

TEST(run_now, a_stop_request_does_not_undo_a_child_that_ended) {
  trine::handle<int> parent;
  std::atomic<bool> set{false};
  parent = trine::spawn(home(), [&] {
    spin_until([&] { return set.load(); });
    return trine::spawn(home(),
                        [&] {
                          parent.request_stop();
                          return 5;
                        })
        .get();
  });
  set.store(true);
  EXPECT_EQ(parent.get(), 5);
}

TEST(run_now, a_deadline_ends_the_join_while_the_child_waits) {
  trine::latch gate(1);
  bool in_time = true;
  int later = 0;
  on_worker([&] {
    auto child = trine::spawn(home(), [&] {
      gate.wait();
      return 3;
    });
    in_time = child.wait_for(2ms);
    gate.count_down();
    later = child.get();
  });
  EXPECT_FALSE(in_time);
  EXPECT_EQ(later, 3);
}

TEST(run_now, the_deadline_of_the_unit_ends_the_join) {
  trine::latch gate(1);
  std::atomic<bool> timed_out{false}, child_ended{false};
  auto parent = trine::spawn(trine::coroutine({.worker = 0, .deadline = 20ms}), [&] {
    auto child = trine::spawn(home(), [&] {
      gate.wait();
      child_ended.store(true);
    });
    try {
      child.wait();
    } catch (const trine::timed_out&) {
      timed_out.store(true);
    }
    child.detach();
  });
  parent.wait();
  EXPECT_TRUE(timed_out.load());
  EXPECT_FALSE(child_ended.load());
  gate.count_down();
  spin_until([&] { return child_ended.load(); });
}

TEST(run_now, the_handle_goes_away_while_the_child_waits) {
  bool stopped = false;
  on_worker([&] {
    auto child = trine::spawn(home(), [&] {
      try {
        trine::this_unit::sleep_for(for_ever);
      } catch (const trine::cancelled&) {
        stopped = true;
        throw;
      }
    });
    EXPECT_FALSE(child.wait_for(1ms));
  });
  EXPECT_TRUE(stopped);
}

TEST(run_now, exceptions_of_the_child) {
  on_worker([] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_THROW(trine::spawn(here(), [] { throw std::runtime_error("at once"); }).get(),
                   std::runtime_error);
      EXPECT_THROW(trine::spawn(here(),
                                [] {
                                  trine::this_unit::yield();
                                  throw std::logic_error("later");
                                })
                       .get(),
                   std::logic_error);
    }
  });
}

// The joiner handles one exception while the child throws, catches and switches.
TEST(run_now, inside_a_catch_block) {
  on_worker([] {
    for (const bool parks : {false, true}) {
      try {
        throw std::runtime_error("the joiner's");
      } catch (const std::runtime_error&) {
        trine::spawn(home(), [parks] {
          EXPECT_EQ(std::current_exception(), nullptr);
          EXPECT_EQ(std::uncaught_exceptions(), 0);
          try {
            throw std::logic_error("the child's");
          } catch (const std::logic_error&) {
            if (parks) trine::this_unit::yield();
            EXPECT_NE(std::current_exception(), nullptr);
          }
          if (parks) trine::this_unit::sleep_for(1us);
        }).get();
        EXPECT_THROW(trine::spawn(home(),
                                  [parks] {
                                    if (parks) trine::this_unit::yield();
                                    throw std::logic_error("out of the child");
                                  })
                         .get(),
                     std::logic_error);
        try {
          std::rethrow_exception(std::current_exception());
        } catch (const std::exception& e) {
          EXPECT_STREQ(e.what(), "the joiner's");
        }
      }
    }
    EXPECT_EQ(std::current_exception(), nullptr);
  });
}

// A destructor that joins while an exception unwinds.
TEST(run_now, while_an_exception_unwinds) {
  struct joins {
    bool parks;
    ~joins() {
      EXPECT_EQ(std::uncaught_exceptions(), 1);
      trine::spawn(home(), [this] {
        EXPECT_EQ(std::uncaught_exceptions(), 0);
        if (parks) trine::this_unit::yield();
      }).get();
      EXPECT_EQ(std::uncaught_exceptions(), 1);
    }
  };
  on_worker([] {
    for (const bool parks : {false, true}) {
      EXPECT_THROW(
          {
            const joins j{parks};
            throw std::runtime_error("on its way");
          },
          std::runtime_error);
    }
  });
}

enum class at_the_bottom { nothing, yields, parks, throws };

int nest(int depth, at_the_bottom what) {
  if (depth == 0) {
    if (what == at_the_bottom::yields) trine::this_unit::yield();
    if (what == at_the_bottom::parks) trine::this_unit::sleep_for(10us);
    if (what == at_the_bottom::throws) throw std::runtime_error("from below");
    return 0;
  }
  return 1 + trine::spawn(trine::coroutine({.stack_size = 1_MiB}), nest, depth - 1, what).get();
}

TEST(run_now, a_thousand_deep) {
  const int depth = sanitized ? 200 : 1'000;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(on_worker([=] { return nest(depth, at_the_bottom::nothing); }), depth);
    EXPECT_EQ(on_worker([=] { return nest(depth, at_the_bottom::yields); }), depth);
    EXPECT_EQ(on_worker([=] { return nest(depth, at_the_bottom::parks); }), depth);
    EXPECT_THROW(on_worker([=] { return nest(depth, at_the_bottom::throws); }), std::runtime_error);
  }
}

TEST(run_now, another_unit_joins_the_same) {
  for (int i = 0; i < 200; ++i) {
    std::atomic<int> joined{0};
    trine::scope s;
    trine::latch gate(1);
    std::atomic<bool> spawned{false};
    trine::unit_ref<void> child;
    s.spawn(home(), [&] {
      child = s.spawn(home(), [&] { gate.wait(); });
      spawned.store(true);
      child.wait();
      joined.fetch_add(1);
    });
    s.spawn(trine::thread, [&] {
      spin_until([&] { return spawned.load(); });
      child.wait();
      joined.fetch_add(1);
    });
    if (i % 2 == 0) spin_until([&] { return spawned.load(); });
    gate.count_down();
    s.join();
    EXPECT_EQ(joined.load(), 2);
  }
}

// Spawning and joining for ever is no way to keep the others of the home away.
TEST(run_now, others_get_their_turn) {
  long turns = 0;
  long rounds = 0;
  bool stop = false;
  on_worker([&] {
    auto other = trine::spawn(home(), [&] {
      while (!stop) {
        ++turns;
        trine::this_unit::yield();
      }
    });
    trine::this_unit::yield();
    const long before = turns;
    for (; rounds < 10'000; ++rounds) trine::spawn(home(), [] {}).get();
    const long during = turns - before;
    EXPECT_GT(during, rounds / 8);
    stop = true;
    other.get();
  });
}

// A timer, and a wake from another thread, come through.
TEST(run_now, timers_and_wakes_come_through) {
  std::atomic<bool> slept{false}, woken{false};
  trine::latch gate(1);
  on_worker([&] {
    auto sleeper = trine::spawn(home(), [&] {
      trine::this_unit::sleep_for(1ms);
      slept.store(true);
    });
    auto waiter = trine::spawn(home(), [&] {
      gate.wait();
      woken.store(true);
    });
    trine::this_unit::yield();
    auto waker = trine::spawn(trine::thread, [&] { gate.count_down(); });
    while (!slept.load() || !woken.load()) trine::spawn(home(), [] {}).get();
    waker.get();
  });
}

TEST(run_now, the_registry_says_what_the_joiner_waits_for) {
  on_worker([] {
    const std::uint64_t joiner = trine::this_unit::id();
    trine::spawn(here(), [joiner] {
      auto why = trine::observe::reason::nothing;
      EXPECT_EQ(state_of(joiner, &why), trine::observe::state::parked);
      EXPECT_EQ(why, trine::observe::reason::join);
      EXPECT_EQ(state_of(trine::this_unit::id()), trine::observe::state::running);
    }).get();
    EXPECT_EQ(state_of(joiner), trine::observe::state::running);
    EXPECT_EQ(trine::this_unit::id(), joiner);
  });
}

TEST(run_now, errno_and_rounding_are_the_joiners) {
  on_worker([] {
    for (const bool parks : {false, true}) {
      std::fesetround(FE_DOWNWARD);
      auto child = trine::spawn(home(), [parks] {
        EXPECT_EQ(std::fegetround(), FE_TONEAREST);
        std::fesetround(FE_UPWARD);
        errno = ERANGE;
        if (parks) trine::this_unit::yield();
        EXPECT_EQ(std::fegetround(), FE_UPWARD);
      });
      errno = EDOM;
      child.wait();
      EXPECT_EQ(errno, EDOM);
      EXPECT_EQ(std::fegetround(), FE_DOWNWARD);
      std::fesetround(FE_TONEAREST);
    }
  });
}

TEST(run_now, roaming_units) {
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(trine::spawn(trine::coroutine({.roaming = true}), [] {
      int sum = 0;
      for (int k = 0; k < 40; ++k) {
        sum += trine::spawn(trine::coroutine({.roaming = true}), [k] {
                 if (k % 3 == 0) trine::this_unit::yield();
                 if (k % 8 == 0) trine::this_unit::sleep_for(20us);
                 return 1;
               }).get();
      }
      return sum;
    }));
  }
  for (auto& one : all) EXPECT_EQ(one.get(), 40);
}

}  // namespace
