// Sleeping coroutines: never early, in order, ended by a stop.
#include <algorithm>
#include <random>

#include "contract/support.hpp"

namespace {

using namespace support;
using clock = std::chrono::steady_clock;

TEST(sleeps, are_never_early) {
  trine::scope s;
  for (int i = 0; i < 200; ++i) {
    s.spawn(trine::coroutine, [i] {
      for (int k = 0; k < 5; ++k) {
        const auto span = std::chrono::nanoseconds((i * 7919 + k * 104729) % 2'000'000);
        const auto before = clock::now();
        trine::this_unit::sleep_for(span);
        EXPECT_GE(clock::now() - before, span);
      }
    });
  }
  s.join();
}

TEST(sleeps, ten_thousand) {
  const int count = sanitized ? 1'000 : 10'000;
  std::atomic<int> woken{0};
  trine::scope s;
  for (int i = 0; i < count; ++i) {
    s.spawn(trine::coroutine, [&woken, i] {
      trine::this_unit::sleep_for(std::chrono::microseconds((i * 7919) % 20'000));
      woken.fetch_add(1);
    });
  }
  s.join();
  EXPECT_EQ(woken.load(), count);
}

// On one home, timers of different ticks fire in the order of their deadlines however late the
// worker is, if all were asleep before the first was due: if the machine was too slow for that, the
// first deadline is put further away.
TEST(sleeps, wake_in_the_order_of_their_deadlines) {
  constexpr int count = 300;
  std::vector<int> order(count);
  for (int i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  for (auto lead = 20ms;; lead *= 2) {
    std::vector<int> woken;
    bool in_time = false;
    trine::spawn(trine::coroutine({.worker = 0}), [&] {
      const auto first = clock::now() + lead;
      int asleep = 0;
      trine::scope s;
      for (const int i : order) {
        s.spawn(trine::coroutine({.worker = 0}), [&, i] {
          ++asleep;
          trine::this_unit::sleep_until(first + i * 5us);
          woken.push_back(i);
        });
      }
      while (asleep < count) trine::this_unit::yield();
      in_time = woken.empty() && clock::now() < first;
      s.join();
    }).get();
    ASSERT_EQ(woken.size(), static_cast<std::size_t>(count));
    if (!in_time) continue;
    EXPECT_TRUE(std::is_sorted(woken.begin(), woken.end()));
    return;
  }
}

TEST(sleeps, many_with_one_deadline) {
  const auto when = clock::now() + 5ms;
  std::atomic<int> early{0}, woken{0};
  trine::scope s;
  for (int i = 0; i < 1'000; ++i) {
    s.spawn(trine::coroutine, [&] {
      trine::this_unit::sleep_until(when);
      if (clock::now() < when) early.fetch_add(1);
      woken.fetch_add(1);
    });
  }
  s.join();
  EXPECT_EQ(early.load(), 0);
  EXPECT_EQ(woken.load(), 1'000);
}

TEST(sleeps, stopped_among_others_that_go_on) {
  std::atomic<int> woken{0};
  std::vector<trine::handle<void>> stopped;
  trine::scope others;
  for (int i = 0; i < 300; ++i) {
    stopped.push_back(
        trine::spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); }));
    others.spawn(trine::coroutine, [&] {
      trine::this_unit::sleep_for(5ms);
      woken.fetch_add(1);
    });
  }
  for (auto& h : stopped) h.request_stop();
  for (auto& h : stopped) EXPECT_THROW(h.get(), trine::cancelled);
  others.join();
  EXPECT_EQ(woken.load(), 300);
}

TEST(sleeps, a_shorter_one_set_while_the_worker_sleeps) {
  // The worker sleeps until the first; a unit from outside brings an earlier one.
  for (int i = 0; i < 50; ++i) {
    auto far = trine::spawn(trine::coroutine({.worker = 0}),
                            [] { trine::this_unit::sleep_for(for_ever); });
    auto near =
        trine::spawn(trine::coroutine({.worker = 0}), [] { trine::this_unit::sleep_for(100us); });
    near.get();
    EXPECT_FALSE(far.ready());
  }
}

TEST(sleeps, of_nothing_let_others_run) {
  bool ran = false;
  trine::spawn(trine::coroutine({.worker = 0}), [&] {
    auto other = trine::spawn(trine::coroutine({.worker = 0}), [&] { ran = true; });
    while (!ran) trine::this_unit::sleep_for(0s);
    other.get();
  }).get();
  EXPECT_TRUE(ran);
}

}  // namespace
