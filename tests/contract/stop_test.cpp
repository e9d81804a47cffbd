// Stop requests, deadlines and timed waits mean the same in every unit. A body that would sleep for
// a day ends only when the request reaches it: no clock is asked.
#include <fcntl.h>
#include <unistd.h>

#include "contract/support.hpp"

namespace {

using namespace support;

class stop : public unit_test {};
TRINE_ALL_UNITS(stop);

TEST_P(stop, ends_a_sleep) {
  meeting at;
  auto h = trine::spawn(unit(), sleeper, at.path());
  at.await(1);
  EXPECT_FALSE(h.ready());
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
  EXPECT_EQ(at[2], 1);
}

TEST_P(stop, before_it_begins) {
  for (int i = 0; i < 20; ++i) {
    auto h = trine::spawn(unit(), [] { trine::this_unit::sleep_for(for_ever); });
    h.request_stop();
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled);
  }
}

TEST_P(stop, ends_every_later_wait_as_well) {
  auto h = trine::spawn(unit(), [] {
    int ended = 0;
    for (int i = 0; i < 3; ++i) {
      try {
        trine::this_unit::sleep_for(for_ever);
      } catch (const trine::cancelled&) {
        ++ended;
      }
    }
    return ended;
  });
  h.request_stop();
  EXPECT_EQ(h.get(), 3);
}

TEST_P(stop, a_body_may_ignore_it) {
  meeting at;
  auto h = trine::spawn(unit(), held, at.path());
  at.await(1);
  h.request_stop();
  EXPECT_FALSE(h.ready());
  at.arrive(1);
  EXPECT_EQ(h.get(), 7);
}

TEST_P(stop, after_the_end_changes_nothing) {
  auto h = trine::spawn(unit(), [] { return 3; });
  h.wait();
  h.request_stop();
  EXPECT_EQ(h.get(), 3);
  h.request_stop();
}

TEST_P(stop, is_seen_by_the_token) {
  meeting at;
  auto h = trine::spawn(
      unit(),
      [](std::string path) {
        meeting inside(path);
        const std::stop_token token = trine::this_unit::stop_token();
        EXPECT_TRUE(token.stop_possible());
        const bool before = token.stop_requested();
        inside.arrive();
        spin_until([&] { return token.stop_requested(); });
        return before;
      },
      at.path());
  at.await(1);
  h.request_stop();
  EXPECT_FALSE(h.get());
}

TEST_P(stop, is_seen_by_callbacks) {
  meeting at;
  auto h = trine::spawn(
      unit(),
      [](std::string path) {
        meeting inside(path);
        int called = 0;
        {
          std::atomic<int> count{0};
          const std::stop_callback callback(trine::this_unit::stop_token(),
                                            [&] { count.fetch_add(1); });
          inside.arrive();
          spin_until([&] { return count.load() != 0; });
          called = count.load();
        }
        return called;
      },
      at.path());
  at.await(1);
  h.request_stop();
  EXPECT_EQ(h.get(), 1);
}

TEST_P(stop, by_the_handles_destructor) {
  meeting at;
  {
    auto h = trine::spawn(unit(), sleeper, at.path());
    at.await(1);
  }
  EXPECT_EQ(at[2], 1);  // joined: the body has been left
}

TEST_P(stop, by_move_assignment) {
  meeting first, second;
  auto h = trine::spawn(unit(), sleeper, first.path());
  first.await(1);
  h = trine::spawn(unit(), sleeper, second.path());
  EXPECT_EQ(first[2], 1);
  second.await(1);
  EXPECT_EQ(second[2], 0);
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
}

TEST_P(stop, reaches_what_the_unit_waits_for) {
  for (const trine::unit_kind inner : all_kinds) {
    SCOPED_TRACE(trine::to_string(inner));
    meeting at;
    auto h = trine::spawn(
        unit(),
        [](std::string path, int kind) {
          auto waited_for =
              trine::spawn(unit_of(static_cast<trine::unit_kind>(kind)), sleeper, path);
          waited_for.get();
        },
        at.path(), static_cast<int>(inner));
    at.await(1);
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled);
    EXPECT_EQ(at[2], 1);
  }
}

TEST_P(stop, leaves_others_alone) {
  meeting at, other;
  auto stays = trine::spawn(unit(), held, at.path());
  auto goes = trine::spawn(unit(), sleeper, other.path());
  at.await(1);
  other.await(1);
  goes.request_stop();
  EXPECT_THROW(goes.get(), trine::cancelled);
  EXPECT_FALSE(stays.ready());
  at.arrive(1);
  EXPECT_EQ(stays.get(), 7);
}

// ---- deadlines ----------------------------------------------------------------------------------

class deadline : public unit_test {};
TRINE_ALL_UNITS(deadline);

TEST_P(deadline, ends_a_sleep_as_timed_out) {
  auto h =
      trine::spawn(unit_of(GetParam(), "late", 1ms), [] { trine::this_unit::sleep_for(for_ever); });
  EXPECT_THROW(h.get(), trine::timed_out);
}

TEST_P(deadline, is_seen_by_the_token) {
  auto h = trine::spawn(unit_of(GetParam(), {}, 1ms), [] {
    const std::stop_token token = trine::this_unit::stop_token();
    spin_until([&] { return token.stop_requested(); });
    return 5;
  });
  EXPECT_EQ(h.get(), 5);
}

TEST_P(deadline, ends_a_join) {
  meeting at;
  auto h = trine::spawn(
      unit_of(GetParam(), {}, 20ms),
      [](std::string path) { trine::spawn(trine::coroutine, sleeper, path).get(); }, at.path());
  EXPECT_THROW(h.get(), trine::timed_out);
  EXPECT_EQ(at[0], at[2]);
}

TEST_P(deadline, that_is_far_away_does_nothing) {
  auto h = trine::spawn(unit_of(GetParam(), {}, for_ever), [] {
    trine::this_unit::sleep_for(1ms);
    return 5;
  });
  EXPECT_EQ(h.get(), 5);
}

TEST_P(deadline, that_no_clock_reaches) {
  auto h = trine::spawn(unit_of(GetParam(), {}, std::chrono::nanoseconds::max()), [] {
    trine::this_unit::sleep_for(1us);
    return 5;
  });
  EXPECT_EQ(h.get(), 5);
}

TEST_P(deadline, a_stop_request_before_it_is_cancelled) {
  meeting at;
  auto h = trine::spawn(unit_of(GetParam(), {}, for_ever), sleeper, at.path());
  at.await(1);
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
}

TEST_P(deadline, a_sleep_that_ends_before_it_is_not_cut) {
  auto h = trine::spawn(unit_of(GetParam(), {}, for_ever), [] {
    const auto before = std::chrono::steady_clock::now();
    trine::this_unit::sleep_for(2ms);
    return std::chrono::steady_clock::now() - before >= 2ms;
  });
  EXPECT_TRUE(h.get());
}

// ---- timed waits --------------------------------------------------------------------------------

class timed_waits : public unit_test {};
TRINE_ALL_UNITS(timed_waits);

TEST_P(timed_waits, both_outcomes) {
  meeting at;
  auto h = trine::spawn(unit(), held, at.path());
  at.await(1);
  EXPECT_FALSE(h.ready());
  EXPECT_FALSE(h.wait_for(0s));
  EXPECT_FALSE(h.wait_for(-1s));
  EXPECT_FALSE(h.wait_for(std::chrono::nanoseconds::min()));
  EXPECT_FALSE(h.wait_for(1ms));
  EXPECT_FALSE(h.wait_for(std::chrono::duration<double, std::micro>(50.5)));
  EXPECT_TRUE(h.wait_for(1us) == std::future_status::timeout);
  EXPECT_FALSE(h.wait_until(std::chrono::steady_clock::now() - 1h));
  EXPECT_FALSE(h.wait_until(std::chrono::steady_clock::time_point::min()));
  EXPECT_FALSE(h.wait_until(std::chrono::steady_clock::now() + 1ms));
  EXPECT_FALSE(h.wait_until(std::chrono::system_clock::now() + 1ms));
  EXPECT_FALSE(h.wait_until(std::chrono::system_clock::time_point{}));
  EXPECT_FALSE(h.ready());
  at.arrive(1);
  EXPECT_TRUE(h.wait_for(for_ever) == std::future_status::ready);
  EXPECT_TRUE(h.ready());
  EXPECT_TRUE(h.wait_for(0s));
  EXPECT_TRUE(h.wait_until(std::chrono::system_clock::time_point{}));
  EXPECT_EQ(h.get(), 7);
}

TEST_P(timed_waits, without_a_bound) {
  meeting a, b, c, d;
  auto first = trine::spawn(unit(), held, a.path());
  auto second = trine::spawn(unit(), held, b.path());
  auto third = trine::spawn(unit(), held, c.path());
  auto fourth = trine::spawn(unit(), held, d.path());
  for (meeting* m : {&a, &b, &c, &d}) {
    m->await(1);
    m->arrive(1);
  }
  EXPECT_TRUE(first.wait_for(std::chrono::hours::max()));
  EXPECT_TRUE(second.wait_for(std::chrono::nanoseconds::max()));
  EXPECT_TRUE(third.wait_until(std::chrono::steady_clock::time_point::max()));
  EXPECT_TRUE(fourth.wait_until(std::chrono::system_clock::time_point::max()));
}

TEST_P(timed_waits, inside_every_kind) {
  auto h = trine::spawn(unit(), [] {
    int outcomes = 0;
    for (const trine::unit_kind kind : all_kinds) {
      meeting at;
      auto inner = trine::spawn(unit_of(kind), held, at.path());
      at.await(1);
      if (!inner.wait_for(1ms)) outcomes += 1;
      at.arrive(1);
      if (inner.wait_for(for_ever)) outcomes += 10;
      outcomes += 100 * inner.get();
    }
    return outcomes;
  });
  EXPECT_EQ(h.get(), 3 * 711);
}

TEST_P(timed_waits, sleep_until_of_every_clock) {
  auto h = trine::spawn(unit(), [] {
    const auto steady = std::chrono::steady_clock::now() + 1ms;
    const auto system = std::chrono::system_clock::now() + 2ms;
    trine::this_unit::sleep_until(steady);
    trine::this_unit::sleep_until(system);
    trine::this_unit::sleep_until(steady);
    trine::this_unit::sleep_until(std::chrono::steady_clock::time_point::min());
    trine::this_unit::sleep_for(-1h);
    trine::this_unit::sleep_for(0s);
    return std::chrono::steady_clock::now() >= steady && std::chrono::system_clock::now() >= system;
  });
  EXPECT_TRUE(h.get());
}

// On a thread that Trine did not make, all of it works too, and nobody asks it to stop.
TEST(plain_thread, can_sleep_yield_and_ask) {
  trine::this_unit::sleep_for(1ms);
  trine::this_unit::yield();
  EXPECT_EQ(trine::this_unit::kind(), trine::unit_kind::thread);
  EXPECT_FALSE(trine::this_unit::stop_token().stop_requested());
  EXPECT_FALSE(trine::this_unit::stop_token().stop_possible());
  EXPECT_NE(trine::this_unit::id(), 0U);
}

}  // namespace
