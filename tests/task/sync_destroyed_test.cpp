// Tasks that are destroyed while they wait for a primitive: nothing that was meant for them is
// lost.
#include "support.hpp"

#include <functional>
#include <mutex>
#include <shared_mutex>

namespace {

using namespace support;
using trine::task;
namespace co = trine::co;

constexpr int rounds = sanitized ? 20 : 60;

// Starts the victim, which waits; then destroys it after `before`, on the same home.
void destroys(task<void> victim, const std::function<void()>& before) {
  auto starts = [&]() -> task<void> { co_await victim; };
  auto ends = [&]() -> task<void> {
    before();
    victim = {};
    co_return;
  };
  EXPECT_THROW(trine::when_all(starts(), ends()).get(), trine::usage_error);
}
void nothing() {}

struct everything {
  trine::mutex m;
  trine::shared_timed_mutex s;
  trine::counting_semaphore<> tokens{0};
  trine::latch l{1};
  trine::barrier<> b{2};
  trine::promise<int> p;
  trine::shared_future<int> f = p.get_future().share();
  trine::condition_variable c;
  trine::mutex cm;
};
task<void> locks(everything& e) {
  co_await co::lock(e.m);
  const std::lock_guard guard(e.m, std::adopt_lock);
}
task<void> writes(everything& e) {
  EXPECT_TRUE(co_await co::lock_for(e.s, for_ever));
  const std::lock_guard guard(e.s, std::adopt_lock);
}
task<void> reads(everything& e) {
  co_await co::lock_shared(e.s);
  const std::shared_lock guard(e.s, std::adopt_lock);
}
task<void> takes(everything& e) { co_await co::acquire(e.tokens); }
task<void> counts(everything& e) { co_await co::wait(e.l); }
task<void> meets(everything& e) { co_await co::arrive_and_wait(e.b); }
task<void> gets(everything& e) { co_await e.f; }
task<void> listens(everything& e) {
  co_await co::lock(e.cm);
  std::unique_lock lock(e.cm, std::adopt_lock);
  co_await co::wait(e.c, lock);
}

// What they wait for is as if they had never been there.
TEST(sync_destroyed, while_they_wait) {
  for (int i = 0; i < 20; ++i) {
    everything e;
    e.m.lock();
    e.s.lock();
    destroys(locks(e), nothing);
    destroys(writes(e), nothing);
    destroys(reads(e), nothing);
    destroys(takes(e), nothing);
    destroys(counts(e), nothing);
    destroys(meets(e), nothing);
    destroys(gets(e), nothing);
    destroys(listens(e), nothing);
    EXPECT_EQ(parked_tasks(), 0U);
    e.m.unlock();
    EXPECT_TRUE(e.m.try_lock());
    e.m.unlock();
    e.s.unlock();
    EXPECT_TRUE(e.s.try_lock());
    e.s.unlock();
    EXPECT_TRUE(e.cm.try_lock());
    e.cm.unlock();
    EXPECT_FALSE(e.tokens.try_acquire());
    e.tokens.release();
    EXPECT_TRUE(e.tokens.try_acquire());
    e.l.count_down();
    e.l.wait();
    e.b.arrive_and_wait();  // the arrival of the task counts
    e.p.set_value(1);
    e.c.notify_all();
  }
}

// It has been given what it waits for, by its own home, before it can go on.
TEST(sync_destroyed, after_a_hand_over) {
  for (int i = 0; i < 20; ++i) {
    everything e;
    e.m.lock();
    destroys(locks(e), [&] { e.m.unlock(); });
    EXPECT_TRUE(e.m.try_lock());
    e.m.unlock();
    e.s.lock();
    destroys(writes(e), [&] { e.s.unlock(); });
    EXPECT_TRUE(e.s.try_lock());
    destroys(reads(e), [&] { e.s.unlock(); });
    EXPECT_TRUE(e.s.try_lock());
    e.s.unlock();
    destroys(takes(e), [&] { e.tokens.release(); });
    EXPECT_TRUE(e.tokens.try_acquire());
    destroys(counts(e), [&] { e.l.count_down(); });
    destroys(meets(e), [&] { (void)e.b.arrive(); });
    destroys(gets(e), [&] { e.p.set_value(1); });
  }
}

// One notification for two: the second waiter gets it when the first is destroyed, whether it was
// notified only, or waits for the lock again.
TEST(sync_destroyed, a_notification_is_passed_on) {
  for (const bool while_it_locks : {false, true}) {
    for (int i = 0; i < 20; ++i) {
      everything e;
      bool heard = false;
      task<void> victim = listens(e);
      auto starts = [&]() -> task<void> { co_await victim; };
      auto second = [&]() -> task<void> {
        co_await listens(e);
        heard = true;
      };
      auto ends = [&]() -> task<void> {
        co_await co::lock(e.cm);
        e.c.notify_one();
        if (while_it_locks)
          for (int k = 0; k < 3; ++k) co_await co::yield();
        victim = {};
        e.cm.unlock();
      };
      EXPECT_THROW(trine::when_all(starts(), second(), ends()).get(), trine::usage_error);
      EXPECT_TRUE(heard);
      EXPECT_TRUE(e.cm.try_lock());
      e.cm.unlock();
    }
  }
}

TEST(sync_destroyed, who_was_told_with_all_passes_nothing_on) {
  everything e;
  bool heard = false;
  task<void> victim = listens(e);
  auto starts = [&]() -> task<void> { co_await victim; };
  auto later = [&]() -> task<void> {
    co_await co::lock(e.cm);
    std::unique_lock lock(e.cm, std::adopt_lock);
    EXPECT_EQ(co_await co::wait_for(e.c, lock, 2ms), trine::cv_status::timeout);
    heard = true;
  };
  auto ends = [&]() -> task<void> {
    e.c.notify_all();
    auto after = [&]() -> task<void> {
      victim = {};
      co_return;
    };
    co_await trine::when_all(later(), after());
  };
  EXPECT_THROW(trine::when_all(starts(), ends()).get(), trine::usage_error);
  EXPECT_TRUE(heard);
}

// The same while another thread hands over.
TEST(sync_destroyed, races_with_the_waker) {
  for (int i = 0; i < rounds; ++i) {
    everything e;
    std::atomic<int> go{0};
    auto waker = trine::spawn(trine::thread, [&] {
      e.m.lock();
      e.s.lock();
      go = -1;
      const auto at = [&](int n) { compute_until([&] { return go.load() >= n; }); };
      at(1);
      e.m.unlock();
      at(2);
      e.s.unlock();
      at(3);
      e.tokens.release();
      at(4);
      e.c.notify_one();
      at(5);
      e.l.count_down();
      at(6);
      e.p.set_value(1);
    });
    compute_until([&] { return go.load() != 0; });
    const auto says = [&](int n) {
      return [&, n] {
        go = n;
        for (int k = 0; k < i % 6; ++k) sched_yield();
      };
    };
    destroys(locks(e), says(1));
    e.m.lock();
    e.m.unlock();
    destroys(reads(e), says(2));
    e.s.lock();
    e.s.unlock();
    destroys(takes(e), says(3));
    e.tokens.acquire();
    destroys(listens(e), says(4));
    e.cm.lock();
    e.cm.unlock();
    destroys(counts(e), says(5));
    e.l.wait();
    destroys(gets(e), says(6));
    waker.get();
  }
}

}  // namespace
