// The timing wheel against a model that cannot be wrong: a multimap of deadlines.
#include "coroutine/timer_wheel.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace {

using trine::coroutines::timer;
using trine::coroutines::timer_wheel;

constexpr std::int64_t tick = 1024;

struct entry {
  timer t;
  bool late = false;  // its deadline had passed when it was inserted
};

// The wheel, and what it should hold. Every timer fires at the first advance whose tick has reached
// its own, never before its deadline, earlier ticks first.
class checked_wheel {
 public:
  void insert(std::int64_t deadline, std::int64_t now, std::int64_t stale_now) {
    auto e = std::make_unique<entry>();
    e->t.deadline = deadline;
    e->late = deadline <= now;
    wheel_.insert(e->t, stale_now);
    ASSERT_TRUE(e->t.armed());
    const timer* key = &e->t;
    pending_.emplace(key, std::move(e));
  }

  void cancel(std::mt19937_64& random) {
    if (pending_.empty()) return;
    auto it = std::next(pending_.begin(), static_cast<long>(random() % pending_.size()));
    wheel_.cancel(it->second->t);
    ASSERT_FALSE(it->second->t.armed());
    wheel_.cancel(it->second->t);  // a second time is harmless
    pending_.erase(it);
  }

  template <class OnFire>
  void advance(std::int64_t now, OnFire on_fire) {
    std::int64_t last_tick = -1;
    wheel_.advance(now, [&](timer& t) {
      ASSERT_FALSE(t.armed());
      ASSERT_LE(t.deadline, now) << "early";
      const std::int64_t due = (std::max<std::int64_t>(t.deadline, 0) + tick - 1) / tick;
      auto it = pending_.find(&t);
      ASSERT_NE(it, pending_.end());
      // One that was late already is due at once, in no order with the others.
      if (!it->second->late) {
        ASSERT_GE(due, last_tick) << "out of order";
        last_tick = due;
      }
      auto mine = std::move(it->second);
      pending_.erase(it);
      on_fire(*mine);
    });
    floor_ = std::max(floor_, now / tick);
    for (const auto& [key, e] : pending_)
      ASSERT_GT((e->t.deadline + tick - 1) / tick, now / tick) << "late by a tick";
    check_next();
  }

  void check_next() {
    ASSERT_EQ(wheel_.empty(), pending_.empty());
    if (pending_.empty()) {
      ASSERT_EQ(wheel_.next(), trine::base::never);
      return;
    }
    std::int64_t first = trine::base::never;
    for (const auto& [key, e] : pending_) first = std::min(first, e->t.deadline);
    // Never later than the tick of the first deadline.
    ASSERT_LE(wheel_.next(), std::max((first + tick - 1) / tick, floor_) * tick);
  }

  std::size_t size() const { return pending_.size(); }

 private:
  timer_wheel wheel_;
  std::map<const timer*, std::unique_ptr<entry>> pending_;
  std::int64_t floor_ = 0;
};

// A span whose magnitude, not value, is uniform: every level of the wheel is met.
std::int64_t any_span(std::mt19937_64& random, int most_bits) {
  const int bits = static_cast<int>(random() % static_cast<unsigned>(most_bits + 1));
  return static_cast<std::int64_t>(random() & ((std::uint64_t{1} << bits) - 1));
}

class random_operations : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(seeds, random_operations, ::testing::Range(0, 20));

TEST_P(random_operations, agree_with_the_model) {
  std::mt19937_64 random(static_cast<unsigned>(GetParam()));
  checked_wheel wheel;
  // Some seeds begin at the epoch, others at a machine's uptime, near a carry of many levels.
  std::int64_t now = GetParam() % 3 == 0   ? 0
                     : GetParam() % 3 == 1 ? (std::int64_t{1} << 46) - 5 * tick
                                           : any_span(random, 60);
  const int most_bits = 10 + GetParam() % 10 * 4;
  for (int i = 0; i < 4000 && !::testing::Test::HasFatalFailure(); ++i) {
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        wheel.insert(now + any_span(random, most_bits), now,
                     std::max<std::int64_t>(0, now - any_span(random, 20)));
        break;
      case 3:
        wheel.insert(now - any_span(random, 30), now, now);
        break;
      case 4:
        wheel.cancel(random);
        break;
      default:
        now += any_span(random, most_bits);
        wheel.advance(now, [](entry&) {});
    }
    if (wheel.size() > 300) {
      now += std::int64_t{1} << most_bits;
      wheel.advance(now, [](entry&) {});
    }
  }
  now += std::int64_t{1} << 45;
  wheel.advance(now, [](entry&) {});
  EXPECT_EQ(wheel.size(), 0U);
}

TEST_P(random_operations, fire_may_insert_and_cancel) {
  std::mt19937_64 random(static_cast<unsigned>(GetParam()) + 1000);
  checked_wheel wheel;
  std::int64_t now = any_span(random, 50);
  for (int i = 0; i < 500 && !::testing::Test::HasFatalFailure(); ++i) {
    for (int k = 0; k < 8; ++k) wheel.insert(now + any_span(random, 24), now, now);
    now += any_span(random, 24);
    wheel.advance(now, [&](entry&) {
      if (random() % 2 == 0) wheel.cancel(random);
      // In the future of this tick: one in the past would fire in this very round.
      if (random() % 3 == 0) wheel.insert(now + tick + any_span(random, 24), now, now);
    });
  }
}

TEST(timer_wheel, is_empty_at_first) {
  timer_wheel wheel;
  EXPECT_TRUE(wheel.empty());
  EXPECT_EQ(wheel.next(), trine::base::never);
  wheel.advance(std::int64_t{1} << 50, [](timer&) { FAIL(); });
  timer unused;
  wheel.cancel(unused);
  EXPECT_FALSE(unused.armed());
}

TEST(timer_wheel, never_early_by_a_nanosecond) {
  for (std::int64_t deadline : {std::int64_t{1}, tick - 1, tick, tick + 1, 64 * tick, 64 * tick + 1,
                                (std::int64_t{1} << 40) + 3}) {
    timer_wheel wheel;
    timer t;
    t.deadline = deadline;
    wheel.insert(t, 0);
    int fired = 0;
    wheel.advance(deadline - 1, [&](timer&) { ++fired; });
    EXPECT_EQ(fired, 0) << deadline;
    wheel.advance(deadline + tick, [&](timer&) { ++fired; });
    EXPECT_EQ(fired, 1) << deadline;
  }
}

TEST(timer_wheel, many_with_one_deadline) {
  timer_wheel wheel;
  std::vector<timer> all(1000);
  for (timer& t : all) {
    t.deadline = 12'345'678;
    wheel.insert(t, 0);
  }
  wheel.cancel(all[0]);
  wheel.cancel(all[500]);
  wheel.cancel(all[999]);
  int fired = 0;
  wheel.advance(12'345'678 + tick, [&](timer&) { ++fired; });
  EXPECT_EQ(fired, 997);
  EXPECT_TRUE(wheel.empty());
}

TEST(timer_wheel, the_farthest_deadline) {
  timer_wheel wheel;
  timer t;
  t.deadline = trine::base::never - 1;
  wheel.insert(t, 0);
  for (std::int64_t now = tick; now < (std::int64_t{1} << 61); now *= 2)
    wheel.advance(now, [](timer&) { FAIL(); });
  EXPECT_TRUE(t.armed());
  wheel.cancel(t);
  EXPECT_TRUE(wheel.empty());
}

}  // namespace
