// The waiter itself: of a waker, a timer and a stop request exactly one decides, and a waiter's
// frame may go away the moment its wait has returned.
#include <thread>

#include "base/clock.hpp"
#include "contract/support.hpp"
#include "os/lock.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace {

using namespace support;
using trine::wait::claimed;
using trine::wait::outcome;
using trine::wait::waiter;

constexpr int races = sanitized ? 10'000 : 100'000;

enum class who { plain_thread, thread, coroutine, roaming };

// Runs body(count) as that kind of unit.
template <class Body>
void run_as(who kind, Body body) {
  switch (kind) {
    case who::plain_thread:
      std::thread(body).join();
      break;
    case who::thread:
      trine::spawn(trine::thread, body).get();
      break;
    case who::coroutine:
      trine::spawn(trine::coroutine({.worker = 0}), body).get();
      break;
    case who::roaming:
      trine::spawn(trine::coroutine({.roaming = true}), body).get();
      break;
  }
}

class waiters : public ::testing::TestWithParam<who> {};
std::string name_of(const ::testing::TestParamInfo<who>& test) {
  constexpr const char* names[] = {"plain_thread", "thread", "coroutine", "roaming"};
  return names[static_cast<int>(test.param)];
}
INSTANTIATE_TEST_SUITE_P(each, waiters,
                         ::testing::Values(who::plain_thread, who::thread, who::coroutine,
                                           who::roaming),
                         name_of);

TEST_P(waiters, claimed_before_it_waits) {
  run_as(GetParam(), [] {
    waiter w;
    w.claim_before_wait(outcome::woken);
    EXPECT_EQ(w.claim(outcome::timed_out), claimed::lost);
    EXPECT_FALSE(w.wake());
    EXPECT_EQ(w.wait({}), outcome::woken);
    EXPECT_EQ(w.current(), outcome::woken);
  });
}

TEST_P(waiters, a_deadline_that_has_passed) {
  run_as(GetParam(), [] {
    waiter w;
    EXPECT_EQ(w.wait({.deadline = trine::base::now_ns() - 1}), outcome::timed_out);
    EXPECT_FALSE(w.wake());
  });
}

TEST_P(waiters, wakers_own_outcomes) {
  run_as(GetParam(), [] {
    waiter w;
    const auto third = static_cast<outcome>(static_cast<unsigned>(outcome::first_case) + 3);
    w.claim_before_wait(third);
    EXPECT_EQ(w.wait({}), third);
  });
}

// One waiter after the other on one frame, each handed to a waker through `slot`. The frame of the
// last one is overwritten by the next: a waker that still looked at it would be found out.
TEST_P(waiters, claim_against_park) {
  std::atomic<waiter*> slot{nullptr};
  std::jthread waker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      waiter* const w = slot.exchange(nullptr);
      if (w == nullptr) continue;
      EXPECT_TRUE(w->wake());
    }
  });
  run_as(GetParam(), [&] {
    for (int i = 0; i < races; ++i) {
      waiter w;
      slot.store(&w);
      ASSERT_EQ(w.wait({}), outcome::woken);
    }
  });
}

// As a primitive does it: the waker claims under a lock and resumes outside; who times out takes
// itself out under the lock.
struct list_of_one {
  trine::os::lock lock;
  waiter* listed = nullptr;
};

TEST_P(waiters, claim_against_deadline) {
  list_of_one list;
  std::atomic<int> woken_by_us{0};
  std::jthread waker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      waiter* w;
      claimed how = claimed::lost;
      {
        trine::os::hold guard(list.lock);
        w = list.listed;
        list.listed = nullptr;
        if (w != nullptr) how = w->claim(outcome::woken);
      }
      if (how != claimed::lost) ++woken_by_us;
      if (how == claimed::parked) w->resume();
      for (int i = 0; i < 20; ++i) sched_yield();
    }
  });
  int woken = 0;
  run_as(GetParam(), [&] {
    std::uint32_t random = 1;
    for (int i = 0; i < races / 10; ++i) {
      waiter w;
      {
        trine::os::hold guard(list.lock);
        list.listed = &w;
      }
      random = random * 1664525 + 1013904223;
      const outcome o = w.wait({.deadline = trine::base::now_ns() + (random >> 15) % 20'000});
      if (o == outcome::woken) {
        ++woken;
      } else {
        ASSERT_EQ(o, outcome::timed_out);
        trine::os::hold guard(list.lock);
        if (list.listed == &w) list.listed = nullptr;
      }
    }
  });
  waker.request_stop();
  waker.join();
  EXPECT_EQ(woken, woken_by_us.load());
}

// Two wakers want the same waiter: one wins, the other must not touch it.
TEST_P(waiters, two_wakers) {
  std::atomic<waiter*> slot{nullptr};
  std::atomic<int> round{0}, looked{0}, wins{0};
  std::atomic<bool> over{false};
  auto waker = [&] {
    int seen = 0;
    for (;;) {
      compute_until([&] { return over.load() || round.load() > seen; });
      if (over.load()) return;
      ++seen;
      // The waiter stays until both have tried to claim.
      const claimed how = slot.load()->claim(outcome::woken);
      waiter* const w = slot.load();
      if (how != claimed::lost) ++wins;
      looked.fetch_add(1);
      if (how == claimed::parked) w->resume();
    }
  };
  std::jthread a(waker), b(waker);
  run_as(GetParam(), [&] {
    for (int i = 0; i < races / 20; ++i) {
      waiter w;
      looked.store(0);
      slot.store(&w);
      round.fetch_add(1);
      ASSERT_EQ(w.wait({}), outcome::woken);
      compute_until([&] { return looked.load() == 2; });
    }
    over.store(true);
  });
  a.join();
  b.join();
  EXPECT_EQ(wins.load(), races / 20);
}

}  // namespace
