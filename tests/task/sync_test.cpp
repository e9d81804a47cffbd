// The primitives between tasks, stackful coroutines and threads: contention, time, stop requests.
#include "support.hpp"

#include <mutex>
#include <shared_mutex>

namespace {

using namespace support;
using trine::task;
namespace co = trine::co;

constexpr int rounds = sanitized ? 40 : 200;
constexpr int turns = 50;

// A thread, a stackful coroutine, and several tasks on a thread and on a coroutine.
template <class Blocking, class Task>
void by_everyone(Blocking blocking, Task tasks) {
  trine::scope all;
  all.spawn(trine::thread, blocking);
  all.spawn(trine::coroutine, blocking);
  all.spawn(trine::thread, [&] { trine::when_all(tasks(), tasks()).get(); });
  all.spawn(trine::coroutine, [&] { trine::when_all(tasks(), tasks(), tasks()).get(); });
  all.join();
}
constexpr int everyone = 7;

template <class Mutex>
void excludes() {
  Mutex m;
  long count = 0;
  auto blocking = [&] {
    for (int i = 0; i < turns; ++i) {
      const std::lock_guard guard(m);
      ++count;
      if (i % 8 == 0) trine::this_unit::yield();
    }
  };
  auto tasks = [&]() -> task<void> {
    for (int i = 0; i < turns; ++i) {
      co_await co::lock(m);
      const std::lock_guard guard(m, std::adopt_lock);
      ++count;
      if (i % 8 == 0) co_await co::yield();
    }
  };
  by_everyone(blocking, tasks);
  EXPECT_EQ(count, everyone * turns);
}

TEST(task_sync, mutexes_exclude_everyone) {
  for (int i = 0; i < rounds / 10; ++i) {
    excludes<trine::mutex>();
    excludes<trine::timed_mutex>();
    excludes<trine::shared_mutex>();
    excludes<trine::shared_timed_mutex>();
  }
}

TEST(task_sync, readers_are_together_and_writers_alone) {
  for (int round = 0; round < rounds / 10; ++round) {
    trine::shared_timed_mutex m;
    std::atomic<int> readers{0};
    int written = 0;
    auto blocking = [&] {
      for (int i = 0; i < turns; ++i) {
        const std::unique_lock guard(m);
        EXPECT_EQ(readers.load(), 0);
        ++written;
      }
    };
    auto tasks = [&]() -> task<void> {
      for (int i = 0; i < turns; ++i) {
        if (i % 2 == 0) {
          co_await co::lock_shared(m);
        } else {
          EXPECT_TRUE(co_await co::lock_shared_for(m, for_ever));
        }
        const std::shared_lock guard(m, std::adopt_lock);
        ++readers;
        co_await co::yield();
        --readers;
      }
      EXPECT_TRUE(co_await co::lock_for(m, for_ever));
      const std::unique_lock guard(m, std::adopt_lock);
      EXPECT_EQ(readers.load(), 0);
      ++written;
    };
    by_everyone(blocking, tasks);
    EXPECT_EQ(written, 2 * turns + 5);
  }
}

TEST(task_sync, a_semaphore_keeps_its_count) {
  for (int round = 0; round < rounds / 10; ++round) {
    trine::counting_semaphore<2> s(2);
    std::atomic<int> inside{0};
    auto enter = [&] { EXPECT_LE(++inside, 2); };
    auto blocking = [&] {
      for (int i = 0; i < turns; ++i) {
        s.acquire();
        enter();
        --inside;
        s.release();
      }
    };
    auto tasks = [&]() -> task<void> {
      for (int i = 0; i < turns; ++i) {
        if (i % 2 == 0) {
          co_await co::acquire(s);
        } else if (i % 4 == 1) {
          while (!co_await co::acquire_for(s, 50us)) {
          }
        } else {
          EXPECT_TRUE(co_await co::acquire_until(s, std::chrono::system_clock::now() + for_ever));
        }
        enter();
        co_await co::yield();
        --inside;
        s.release();
      }
    };
    by_everyone(blocking, tasks);
    EXPECT_TRUE(s.try_acquire());
    EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
  }
}

// Each of them takes what another has put, through one condition variable.
template <class Condition>
void passes_on() {
  trine::mutex m;
  Condition changed;
  int there = 0;
  int taken = 0;
  auto blocking = [&] {
    for (int i = 0; i < turns; ++i) {
      {
        const std::lock_guard guard(m);
        ++there;
      }
      changed.notify_one();
      std::unique_lock lock(m);
      changed.wait(lock, [&] { return there > 0; });
      --there;
      ++taken;
    }
  };
  auto tasks = [&]() -> task<void> {
    for (int i = 0; i < turns; ++i) {
      co_await co::lock(m);
      std::unique_lock lock(m, std::adopt_lock);
      ++there;
      changed.notify_one();
      if (i % 3 == 0) {
        while (there == 0) co_await co::wait(changed, lock);
      } else if (i % 3 == 1) {
        co_await co::wait(changed, lock, [&] { return there > 0; });
      } else {
        while (!co_await co::wait_for(changed, lock, 1ms, [&] { return there > 0; })) {
        }
      }
      EXPECT_TRUE(lock.owns_lock());
      --there;
      ++taken;
    }
  };
  by_everyone(blocking, tasks);
  EXPECT_EQ(there, 0);
  EXPECT_EQ(taken, everyone * turns);
}

TEST(task_sync, condition_variables_lose_no_notification) {
  for (int i = 0; i < rounds / 10; ++i) {
    passes_on<trine::condition_variable>();
    passes_on<trine::condition_variable_any>();
  }
}

TEST(task_sync, notify_all_reaches_everyone_with_a_shared_lock) {
  for (int round = 0; round < rounds / 10; ++round) {
    trine::shared_mutex m;
    trine::condition_variable_any changed;
    bool open = false;
    std::atomic<int> through{0};
    auto blocking = [&] {
      std::shared_lock lock(m);
      changed.wait(lock, [&] { return open; });
      ++through;
    };
    auto tasks = [&]() -> task<void> {
      co_await co::lock_shared(m);
      std::shared_lock lock(m, std::adopt_lock);
      co_await co::wait(changed, lock, [&] { return open; });
      ++through;
    };
    trine::scope opener;
    opener.spawn(trine::thread, [&] {
      for (int i = 0; i < round % 10; ++i) sched_yield();
      const std::lock_guard guard(m);
      open = true;
      changed.notify_all();
    });
    by_everyone(blocking, tasks);
    EXPECT_EQ(through.load(), everyone);
  }
}

TEST(task_sync, latches_and_barriers) {
  for (int round = 0; round < rounds / 4; ++round) {
    trine::latch all(everyone);
    int phases = 0;
    trine::barrier meet(everyone, [&]() noexcept { ++phases; });
    std::atomic<int> arrived{0};
    auto blocking = [&] {
      ++arrived;
      all.arrive_and_wait();
      EXPECT_EQ(arrived.load(), everyone);
      for (int i = 0; i < 5; ++i) meet.arrive_and_wait();
    };
    auto tasks = [&]() -> task<void> {
      ++arrived;
      co_await co::arrive_and_wait(all);
      EXPECT_EQ(arrived.load(), everyone);
      co_await co::wait(all);
      for (int i = 0; i < 4; ++i) co_await co::arrive_and_wait(meet);
      co_await co::wait(meet, meet.arrive());
    };
    by_everyone(blocking, tasks);
    EXPECT_EQ(phases, 5);
  }
}

TEST(task_sync, events) {
  for (int round = 0; round < rounds / 4; ++round) {
    trine::event ready;
    trine::scope setter;
    setter.spawn(trine::thread, [&] {
      for (int i = 0; i < round % 10; ++i) sched_yield();
      ready.set();
    });
    auto blocking = [&] { ready.wait(); };
    auto tasks = [&]() -> task<void> {
      co_await co::wait(ready);
      EXPECT_TRUE(co_await co::wait_for(ready, for_ever));
    };
    by_everyone(blocking, tasks);
    setter.join();
    ready.reset();
    auto late = [&]() -> task<void> {
      EXPECT_FALSE(co_await co::wait_for(ready, 10us));
      EXPECT_FALSE(co_await co::wait_until(ready, std::chrono::system_clock::now() + 10us));
    };
    late().get();
  }
}

TEST(task_sync, futures) {
  for (int round = 0; round < rounds / 4; ++round) {
    trine::promise<int> p;
    const trine::shared_future<int> shared = p.get_future().share();
    std::atomic<int> sum{0};
    trine::scope setter;
    setter.spawn(trine::thread, [&] {
      for (int i = 0; i < round % 10; ++i) sched_yield();
      p.set_value(3);
    });
    auto blocking = [&] { sum += shared.get(); };
    auto tasks = [&]() -> task<void> {
      const trine::shared_future<int> mine = shared;
      co_await co::wait(mine);
      EXPECT_EQ(co_await co::wait_for(mine, 0s), std::future_status::ready);
      sum += co_await mine;
      sum += co_await co::get(mine) - 3;
    };
    by_everyone(blocking, tasks);
    EXPECT_EQ(sum.load(), 3 * everyone);
  }
}

TEST(task_sync, a_future_of_its_own) {
  auto all = []() -> task<void> {
    auto made = trine::async([] { return std::string("value"); });
    EXPECT_EQ(co_await made, "value");
    EXPECT_FALSE(made.valid());
    EXPECT_THROW(co_await made, trine::future_error);
    co_await trine::async([] {});
    EXPECT_THROW(co_await trine::async([]() -> int { throw std::out_of_range("far"); }),
                 std::out_of_range);
    auto later = trine::async(trine::launch::deferred, [] { return 5; });
    EXPECT_EQ(co_await co::wait_for(later, 1ms), std::future_status::deferred);
    EXPECT_EQ(co_await co::get(later), 5);
    trine::promise<int> p;
    auto f = p.get_future();
    EXPECT_EQ(co_await co::wait_for(f, 1ms), std::future_status::timeout);
    EXPECT_EQ(co_await co::wait_until(f, std::chrono::system_clock::now() + 1ms),
              std::future_status::timeout);
    EXPECT_EQ(co_await co::wait_until(f, std::chrono::steady_clock::now() + 1ms),
              std::future_status::timeout);
    p.set_value(6);
    EXPECT_EQ(co_await std::move(f), 6);
  };
  all().get();
}

TEST(task_sync, bounds) {
  auto all = []() -> task<void> {
    const auto soon = [] { return std::chrono::steady_clock::now() + 1ms; };
    const auto by_another = [] { return std::chrono::system_clock::now() + 1ms; };
    trine::timed_mutex m;
    EXPECT_TRUE(co_await co::lock_for(m, -1s));
    EXPECT_FALSE(co_await co::lock_for(m, 1ms));
    EXPECT_FALSE(co_await co::lock_for(m, -1s));
    EXPECT_FALSE(co_await co::lock_until(m, soon()));
    EXPECT_FALSE(co_await co::lock_until(m, by_another()));
    m.unlock();
    EXPECT_TRUE(co_await co::lock_until(m, by_another()));
    m.unlock();
    trine::shared_timed_mutex s;
    EXPECT_TRUE(co_await co::lock_shared_for(s, 1ms));
    EXPECT_TRUE(co_await co::lock_shared_until(s, by_another()));
    EXPECT_FALSE(co_await co::lock_for(s, 1ms));
    EXPECT_FALSE(co_await co::lock_until(s, soon()));
    EXPECT_TRUE(s.try_lock_shared());  // nobody is in line any more
    for (int i = 0; i < 3; ++i) s.unlock_shared();
    EXPECT_TRUE(s.try_lock());
    EXPECT_FALSE(co_await co::lock_shared_until(s, soon()));
    s.unlock();
    trine::binary_semaphore b(0);
    EXPECT_FALSE(co_await co::acquire_for(b, 1ms));
    EXPECT_FALSE(co_await co::acquire_until(b, by_another()));
    b.release();
    EXPECT_TRUE(co_await co::acquire_until(b, soon()));
    trine::mutex plain;
    trine::condition_variable c;
    trine::condition_variable_any any;
    std::unique_lock lock(plain);
    const auto never = [] { return false; };
    EXPECT_EQ(co_await co::wait_for(c, lock, 1ms), trine::cv_status::timeout);
    EXPECT_EQ(co_await co::wait_until(c, lock, soon()), trine::cv_status::timeout);
    EXPECT_EQ(co_await co::wait_until(any, lock, by_another()), trine::cv_status::timeout);
    EXPECT_FALSE(co_await co::wait_for(any, plain, 1ms, never));
    EXPECT_FALSE(co_await co::wait_until(c, lock, by_another(), never));
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(plain.try_lock());
  };
  all().get();
}

// A clock that runs slower than time: a wait by it comes back early, and waits on.
struct slow_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<slow_clock>;
  static constexpr bool is_steady = true;
  static time_point now() {
    return time_point(std::chrono::steady_clock::now().time_since_epoch() / 4);
  }
};

TEST(task_sync, a_clock_that_is_late) {
  auto all = []() -> task<void> {
    const auto ends = [] { return slow_clock::now() + 2ms; };
    trine::timed_mutex m;
    m.lock();
    auto when = ends();
    EXPECT_FALSE(co_await co::lock_until(m, when));
    EXPECT_GE(slow_clock::now(), when);
    m.unlock();
    trine::mutex plain;
    trine::condition_variable c;
    std::unique_lock lock(plain);
    when = ends();
    EXPECT_EQ(co_await co::wait_until(c, lock, when), trine::cv_status::timeout);
    EXPECT_GE(slow_clock::now(), when);
    // One that waits on is still in the line.
    trine::scope other;
    bool said = false;
    other.spawn(trine::thread, [&] {
      std::this_thread::sleep_for(3ms);
      const std::lock_guard guard(plain);
      said = true;
      c.notify_one();
    });
    EXPECT_TRUE(co_await co::wait_until(c, lock, slow_clock::now() + 1h, [&] { return said; }));
    lock.unlock();
    other.join();
  };
  all().get();
}

// ---- stop requests ------------------------------------------------------------------------------

task<void> takes(trine::counting_semaphore<>& s) { co_await co::acquire(s); }
task<void> gets(trine::shared_future<int> f) { co_await f; }
struct guarded {
  trine::mutex m;
  trine::condition_variable changed;
  bool ready = false;
};
task<void> listens(guarded& g) {
  co_await co::lock(g.m);
  std::unique_lock lock(g.m, std::adopt_lock);
  try {
    co_await co::wait(g.changed, lock);
  } catch (const trine::cancelled&) {
    EXPECT_TRUE(lock.owns_lock());
    throw;
  }
}
task<void> soon() { co_await co::sleep_for(100us); }

TEST(task_sync, the_loser_of_a_choice_takes_nothing) {
  trine::counting_semaphore<> s(0);
  trine::promise<int> p;
  const trine::shared_future<int> f = p.get_future().share();
  guarded g;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(trine::when_any(takes(s), gets(f), listens(g), soon()).get().index(), 3U);
    s.release();
    EXPECT_TRUE(s.try_acquire());
    g.changed.notify_one();
    EXPECT_TRUE(g.m.try_lock());
    g.m.unlock();
  }
  p.set_value(1);
}

TEST(task_sync, a_stop_request_ends_what_may_be_interrupted) {
  trine::counting_semaphore<> s(0);
  guarded g;
  trine::promise<int> p;
  const trine::shared_future<int> f = p.get_future().share();
  const auto stops = [](auto make) {
    meeting at;
    auto h = trine::spawn(trine::coroutine, [&] {
      auto arrives = [&]() -> task<void> {
        at.arrive();
        co_return;
      };
      trine::when_all(make(), arrives()).get();
    });
    at.await(1);
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled);
  };
  stops([&] { return takes(s); });
  stops([&] { return listens(g); });
  stops([&] { return gets(f); });
  EXPECT_FALSE(s.try_acquire());
}

TEST(task_sync, a_stop_request_does_not_end_a_lock) {
  trine::mutex m;
  trine::latch l(1);
  m.lock();
  meeting at;
  auto h = trine::spawn(trine::coroutine, [&] {
    auto waits = [&]() -> task<void> {
      at.arrive();
      co_await co::lock(m);
      m.unlock();
      co_await co::wait(l);
      at.arrive(2);
      co_await co::sleep_for(for_ever);
    };
    waits().get();
  });
  at.await(1);
  h.request_stop();
  m.unlock();
  l.count_down();
  EXPECT_THROW(h.get(), trine::cancelled);
  EXPECT_EQ(at[2].load(), 1);
}

// A stop and a hand-over at the same time: a token is taken or not.
TEST(task_sync, a_stop_request_races_with_a_release) {
  for (int i = 0; i < rounds; ++i) {
    trine::counting_semaphore<> s(0);
    meeting at;
    auto h = trine::spawn(trine::coroutine, [&] {
      auto waits = [&]() -> task<void> {
        at.arrive();
        co_await co::acquire(s);
      };
      waits().get();
    });
    at.await(1);
    auto gives = trine::spawn(trine::thread, [&] { s.release(); });
    h.request_stop();
    bool took = true;
    try {
      h.get();
    } catch (const trine::cancelled&) {
      took = false;
    }
    gives.get();
    EXPECT_EQ(s.try_acquire(), !took);
  }
}

TEST(task_sync, a_blocking_lock_of_what_a_task_of_this_home_holds_is_refused) {
  trine::mutex m;
  auto holds = [&]() -> task<void> {
    co_await co::lock(m);
    co_await co::yield();
    m.unlock();
  };
  auto blocks = [&]() -> task<void> {
    EXPECT_THROW(m.lock(), std::system_error);
    co_return;
  };
  trine::spawn(trine::coroutine, [&] { trine::when_all(holds(), blocks()).get(); }).get();
}

// Its wait has been stopped, but it cannot leave the line before the task that destroys pauses.
TEST(task_sync, a_condition_variable_may_end_before_a_task_that_was_stopped_has_left) {
  for (int i = 0; i < 20; ++i) {
    guarded* g = new guarded;
    trine::mutex other;
    auto waits = [&]() -> task<void> {
      std::unique_lock lock(other);
      co_await co::wait(g->changed, lock);
    };
    auto first = []() -> task<void> { co_await co::yield(); };
    auto ends = [&]() -> task<void> {
      co_await co::yield();
      g->changed.notify_all();
      delete g;
    };
    auto chooses = [&]() -> task<void> { co_await trine::when_any(waits(), first()); };
    trine::when_all(chooses(), ends()).get();
    EXPECT_TRUE(other.try_lock());
    other.unlock();
  }
}

}  // namespace
