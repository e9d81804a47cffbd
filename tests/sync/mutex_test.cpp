// trine::mutex among coroutines, threads and threads that Trine did not make.
#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>

#include "contract/support.hpp"

namespace {

using namespace support;

constexpr int rounds = sanitized ? 2'000 : 20'000;

static_assert(!std::is_copy_constructible_v<trine::mutex>);
static_assert(!std::is_move_constructible_v<trine::mutex>);
constinit trine::mutex made_at_compile_time;

TEST(mutex, alone) {
  trine::mutex m;
  m.lock();
  EXPECT_FALSE(m.try_lock());
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
  const std::lock_guard guard(made_at_compile_time);
}

TEST(mutex, the_locks_of_the_standard_library) {
  trine::mutex a, b;
  {
    std::lock_guard guard(a);
    EXPECT_FALSE(a.try_lock());
  }
  {
    std::scoped_lock guard(a, b);
    EXPECT_FALSE(b.try_lock());
  }
  std::unique_lock held(a);
  EXPECT_TRUE(held.owns_lock());
  held.unlock();
  std::unique_lock tried(a, std::try_to_lock);
  EXPECT_TRUE(tried.owns_lock());
  std::unique_lock later(b, std::defer_lock);
  later.lock();
  EXPECT_EQ(std::try_lock(a, b), 0);
  std::unique_lock adopted(b, std::adopt_lock);
  later.release();
}

// What the owner alone touches, and whether two were inside at once.
struct guarded {
  trine::mutex m;
  long count = 0;
  std::atomic<int> inside{0};
  std::atomic<bool> broken{false};

  void enter() {
    if (inside.fetch_add(1) != 0) broken.store(true);
    ++count;
    inside.fetch_sub(1);
  }
};

enum class way { lock, try_lock, mixed, parks_inside };

void use(guarded& g, int times, way how) {
  for (int i = 0; i < times; ++i) {
    if (how == way::try_lock || (how == way::mixed && i % 2 == 0)) {
      while (!g.m.try_lock()) trine::this_unit::yield();
    } else {
      g.m.lock();
    }
    g.enter();
    if (how == way::parks_inside && i % 16 == 0) trine::this_unit::yield();
    g.m.unlock();
  }
}

std::string name_of(const ::testing::TestParamInfo<way>& test) {
  constexpr const char* names[] = {"lock", "try_lock", "mixed", "parks_inside"};
  return names[static_cast<int>(test.param)];
}

class exclusion : public ::testing::TestWithParam<way> {};
INSTANTIATE_TEST_SUITE_P(each, exclusion,
                         ::testing::Values(way::lock, way::try_lock, way::mixed, way::parks_inside),
                         name_of);

TEST_P(exclusion, coroutines_threads_and_plain_threads) {
  guarded g;
  constexpr int each = 3;
  {
    trine::scope s;
    std::vector<std::jthread> plain;
    for (int i = 0; i < each; ++i) {
      s.spawn(trine::coroutine, use, std::ref(g), rounds, GetParam());
      s.spawn(trine::thread, use, std::ref(g), rounds, GetParam());
      plain.emplace_back(use, std::ref(g), rounds, GetParam());
    }
    s.join();
  }
  EXPECT_FALSE(g.broken);
  EXPECT_EQ(g.count, 3L * each * rounds);
}

TEST_P(exclusion, coroutines_of_one_home) {
  guarded g;
  trine::scope s;
  for (int i = 0; i < 8; ++i)
    s.spawn(trine::coroutine({.worker = 0}), use, std::ref(g), rounds, GetParam());
  s.join();
  EXPECT_FALSE(g.broken);
  EXPECT_EQ(g.count, 8L * rounds);
}

TEST_P(exclusion, roaming_coroutines) {
  guarded g;
  trine::scope s;
  for (int i = 0; i < 8; ++i)
    s.spawn(trine::coroutine({.roaming = true}), use, std::ref(g), rounds, GetParam());
  s.join();
  EXPECT_FALSE(g.broken);
  EXPECT_EQ(g.count, 8L * rounds);
}

// One who tries while others queue: a try must not slip in beside a waiter that is just taking it.
TEST(mutex, try_lock_against_a_queue) {
  guarded g;
  std::atomic<bool> over{false};
  trine::scope s;
  for (int i = 0; i < 3; ++i) s.spawn(trine::thread, use, std::ref(g), rounds, way::lock);
  auto tries = s.spawn(trine::thread, [&] {
    long won = 0;
    while (!over.load(std::memory_order_relaxed)) {
      if (!g.m.try_lock()) continue;
      g.enter();
      g.m.unlock();
      ++won;
    }
    return won;
  });
  spin_until([&] { return s.running() == 1; });
  over.store(true);
  s.join();
  EXPECT_FALSE(g.broken);
  EXPECT_EQ(g.count, 3L * rounds + tries.get());
}

TEST(mutex, two_locked_in_either_order) {
  trine::mutex a, b;
  long count = 0;
  trine::scope s;
  for (int i = 0; i < 4; ++i) {
    s.spawn(trine::coroutine({.worker = i / 2}), [&, i] {
      for (int k = 0; k < rounds; ++k) {
        if (i % 2 == 0) {
          std::scoped_lock both(a, b);
          ++count;
        } else {
          std::scoped_lock both(b, a);
          ++count;
        }
      }
    });
  }
  s.join();
  EXPECT_EQ(count, 4L * rounds);
}

// Everything on one home, so that each step is known. A waiter's turn comes; a unit that is running
// takes the free mutex before it; the next unlock must hand it over, whoever else runs by.
TEST(mutex, passed_over_at_most_once) {
  trine::mutex m;
  std::vector<int> order;
  const auto home = trine::coroutine({.worker = 0});
  auto all = trine::spawn(home, [&] {
    m.lock();
    auto waiter = trine::spawn(home, [&] {
      m.lock();
      order.push_back(1);
      m.unlock();
    });
    trine::this_unit::yield();
    trine::this_unit::yield();
    trine::this_unit::yield();
    trine::this_unit::yield();  // the waiter is in the queue now
    m.unlock();                 // its turn: it is woken, but this coroutine still runs
    m.lock();                   // passed over, once
    order.push_back(0);
    for (int i = 0; i < 4; ++i) trine::this_unit::yield();  // it runs, finds it taken, waits again
    m.unlock();                                             // handed over
    EXPECT_FALSE(m.try_lock());
    m.lock();  // waits behind it
    order.push_back(2);
    m.unlock();
    waiter.get();
  });
  all.get();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(mutex, waiters_are_served_in_order) {
  trine::mutex m;
  std::vector<int> order;
  const auto home = trine::coroutine({.worker = 0});
  auto all = trine::spawn(home, [&] {
    m.lock();
    std::vector<trine::handle<void>> waiters;
    for (int i = 0; i < 50; ++i) {
      waiters.push_back(trine::spawn(home, [&, i] {
        m.lock();
        order.push_back(i);
        m.unlock();
      }));
      // The next comes when it has taken its place.
      const auto parked = [id = waiters.back().id()] {
        for (const trine::unit_info& u : trine::units())
          if (u.id == id) return u.waiting_for == "mutex";
        return false;
      };
      while (!parked()) trine::this_unit::yield();
    }
    m.unlock();
    for (auto& w : waiters) w.get();
  });
  all.get();
  ASSERT_EQ(order.size(), 50U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

// The last user destroys it at once; the one before is just leaving unlock().
class destroyed_at_once : public local_test {};
TRINE_LOCAL_UNITS(destroyed_at_once);

TEST_P(destroyed_at_once, by_the_next_owner) {
  with_local(GetParam(), [](auto unit) {
    for (int i = 0; i < rounds / 4; ++i) {
      auto m = std::make_unique<trine::mutex>();
      m->lock();
      auto other = trine::spawn(unit, [&] {
        m->lock();
        m->unlock();
        m.reset();
      });
      m->unlock();
      other.get();
    }
  });
}

TEST_P(destroyed_at_once, by_the_last_of_three) {
  with_local(GetParam(), [](auto unit) {
    for (int i = 0; i < rounds / 8; ++i) {
      auto* m = new trine::mutex;
      int left = 3;
      auto body = [m, &left] {
        m->lock();
        const bool last = --left == 0;
        m->unlock();
        if (last) delete m;
      };
      auto a = trine::spawn(unit, body);
      auto b = trine::spawn(unit, body);
      auto c = trine::spawn(trine::thread, body);
      a.get();
      b.get();
      c.get();
    }
  });
}

// A stop request never ends a lock.
class not_interrupted : public local_test {};
TRINE_LOCAL_UNITS(not_interrupted);

TEST_P(not_interrupted, by_a_stop_request) {
  with_local(GetParam(), [](auto unit) {
    trine::mutex m;
    std::atomic<int> arrived{0};
    m.lock();
    auto h = trine::spawn(unit, [&] {
      arrived.store(1);
      const std::lock_guard guard(m);
      arrived.store(2);
    });
    spin_until([&] { return arrived.load() == 1; });
    h.request_stop();
    EXPECT_FALSE(h.wait_for(1ms));
    EXPECT_EQ(arrived.load(), 1);
    m.unlock();
    h.get();
    EXPECT_EQ(arrived.load(), 2);
  });
}

// Hand-over from and to every kind, by a token that goes round.
TEST(mutex, every_kind_waits_for_every_kind) {
  trine::mutex m;
  int turn = 0;
  constexpr int each = 50;
  auto body = [&](int mine) {
    for (int i = 0; i < each;) {
      {
        const std::lock_guard guard(m);
        if (turn % 4 == mine) {
          ++turn;
          ++i;
        }
      }
      trine::this_unit::yield();
    }
  };
  std::jthread plain(body, 0);
  auto a = trine::spawn(trine::thread, body, 1);
  auto b = trine::spawn(trine::coroutine({.worker = 0}), body, 2);
  auto c = trine::spawn(trine::coroutine({.worker = 1, .roaming = true}), body, 3);
  a.get();
  b.get();
  c.get();
  plain.join();
  EXPECT_EQ(turn, 4 * each);
}

}  // namespace
