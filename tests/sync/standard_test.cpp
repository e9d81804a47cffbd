// What the primitives add to the standard: stop requests, deadlines, misuse in words. What they
// have in common with it is tested by tests/std_conformance.
#include <shared_mutex>
#include <system_error>
#include <thread>

#include "contract/support.hpp"

namespace {

using namespace support;

class stopped : public local_test {};
TRINE_LOCAL_UNITS(stopped);

// Starts a unit that waits, asks it to stop when it has arrived, and expects cancelled.
template <class Unit, class Wait>
void expect_cancelled(Unit unit, Wait wait) {
  std::atomic<bool> arrived{false};
  auto h = trine::spawn(unit, [&] {
    arrived.store(true);
    wait();
  });
  spin_until([&] { return arrived.load(); });
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
}

TEST_P(stopped, semaphore) {
  with_local(GetParam(), [](auto unit) {
    trine::counting_semaphore<> s(0);
    for (int i = 0; i < 50; ++i) {
      expect_cancelled(unit, [&] { s.acquire(); });
      expect_cancelled(unit, [&] { s.try_acquire_for(for_ever); });
    }
    s.release();
    EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
  });
}

TEST_P(stopped, condition_variables_have_locked_again) {
  with_local(GetParam(), [](auto unit) {
    trine::mutex m;
    trine::condition_variable changed;
    trine::condition_variable_any any;
    for (int i = 0; i < 50; ++i) {
      expect_cancelled(unit, [&] {
        std::unique_lock lock(m);
        try {
          changed.wait(lock);
        } catch (const trine::cancelled&) {
          EXPECT_FALSE(m.try_lock());
          EXPECT_TRUE(lock.owns_lock());
          throw;
        }
      });
      expect_cancelled(unit, [&] {
        std::unique_lock lock(m);
        any.wait(lock);
      });
      expect_cancelled(unit, [&] {
        std::unique_lock lock(m);
        any.wait(lock, std::stop_source().get_token(), [] { return false; });
      });
    }
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST_P(stopped, future_is_as_before) {
  with_local(GetParam(), [](auto unit) {
    trine::promise<int> p;
    trine::future<int> f = p.get_future();
    expect_cancelled(unit, [&] { f.wait(); });
    expect_cancelled(unit, [&] { f.get(); });
    expect_cancelled(unit, [&] { f.wait_for(for_ever); });
    EXPECT_TRUE(f.valid());
    p.set_value(3);
    EXPECT_EQ(f.get(), 3);
  });
}

// A token that is given while the unit is stopped is taken or still there.
TEST_P(stopped, or_given_a_token) {
  with_local(GetParam(), [](auto unit) {
    for (int i = 0; i < (sanitized ? 100 : 500); ++i) {
      trine::binary_semaphore s(0);
      std::atomic<bool> had{false};
      auto h = trine::spawn(unit, [&] {
        s.acquire();
        had.store(true);
      });
      std::jthread giver([&] { s.release(); });
      h.request_stop();
      try {
        h.get();
      } catch (const trine::cancelled&) {
      }
      giver.join();
      EXPECT_NE(s.try_acquire(), had.load());
    }
  });
}

// These are not interrupted.
TEST_P(stopped, not_latch_barrier_once_or_shared_mutex) {
  with_local(GetParam(), [](auto unit) {
    trine::latch l(1);
    trine::barrier<> b(2);
    trine::once_flag flag;
    trine::shared_mutex m;
    std::atomic<int> arrived{0};
    std::atomic<bool> go{false};
    m.lock();
    std::jthread first([&] {
      trine::call_once(flag, [&] {
        arrived.fetch_add(1);
        compute_until([&] { return go.load(); });
      });
    });
    spin_until([&] { return arrived.load() == 1; });
    auto h1 = trine::spawn(unit, [&] { arrived.fetch_add(1), l.wait(); });
    auto h2 = trine::spawn(unit, [&] { arrived.fetch_add(1), b.arrive_and_wait(); });
    auto h3 = trine::spawn(unit, [&] { arrived.fetch_add(1), trine::call_once(flag, [] {}); });
    auto h4 = trine::spawn(unit, [&] {
      arrived.fetch_add(1);
      m.lock_shared();
      m.unlock_shared();
    });
    spin_until([&] { return arrived.load() == 5; });
    for (auto* h : {&h1, &h2, &h3, &h4}) {
      h->request_stop();
      EXPECT_FALSE(h->wait_for(1ms));
    }
    l.count_down();
    b.arrive_and_wait();
    go.store(true);
    m.unlock();
    for (auto* h : {&h1, &h2, &h3, &h4}) EXPECT_NO_THROW(h->get());
  });
}

TEST_P(stopped, nor_while_unwinding) {
  with_local(GetParam(), [](auto unit) {
    trine::binary_semaphore s(0);
    std::atomic<bool> arrived{false};
    struct waits_at_the_end {
      trine::binary_semaphore& s;
      std::atomic<bool>& arrived;
      ~waits_at_the_end() {
        arrived.store(true);
        s.acquire();
      }
    };
    auto h = trine::spawn(unit, [&] {
      const waits_at_the_end last{s, arrived};
      throw std::range_error("unwinding");
    });
    spin_until([&] { return arrived.load(); });
    h.request_stop();
    EXPECT_FALSE(h.wait_for(1ms));
    s.release();
    EXPECT_THROW(h.get(), std::range_error);
  });
}

TEST(sync, a_deadline_of_the_unit_ends_a_wait) {
  trine::binary_semaphore s(0);
  auto h = trine::spawn(trine::coroutine({.deadline = 2ms}), [&] { s.acquire(); });
  EXPECT_THROW(h.get(), trine::timed_out);
}

TEST(sync, async_on_a_unit_of_choice) {
  EXPECT_EQ(trine::async(trine::thread, [] { return trine::this_unit::kind(); }).get(),
            trine::unit_kind::thread);
  EXPECT_EQ(trine::async(trine::coroutine({.name = "x"}), trine::this_unit::name).get(), "x");
  EXPECT_EQ(trine::async(trine::this_unit::kind).get(), trine::unit_kind::coroutine);
}

class misuse : public local_test {};
TRINE_LOCAL_UNITS(misuse);

TEST_P(misuse, a_relock_throws) {
  with_local(GetParam(), [](auto unit) {
    trine::spawn(unit, [] {
      trine::mutex m;
      trine::shared_mutex s;
      trine::timed_mutex t;
      trine::once_flag flag;
      std::scoped_lock all(m, s, t);
      EXPECT_THROW(m.lock(), std::system_error);
      EXPECT_THROW(s.lock(), std::system_error);
      EXPECT_THROW(s.lock_shared(), std::system_error);
      EXPECT_THROW((void)t.try_lock_for(1ms), std::system_error);
      EXPECT_THROW(trine::call_once(flag, [&] { trine::call_once(flag, [] {}); }),
                   std::system_error);
    }).get();
  });
}

#if defined(TRINE_CHECKS) && !SUPPORT_SANITIZED
using misuse_death = ::testing::Test;
TEST(misuse_death, is_told_in_words) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        trine::mutex m;
        m.unlock();
      },
      "unit .* unlocked a mutex that nobody holds");
  EXPECT_DEATH(
      {
        trine::mutex m;
        m.lock();
        std::thread([&] { m.unlock(); }).join();
      },
      "unlocked a mutex that it does not hold; unit");
  EXPECT_DEATH(
      {
        trine::binary_semaphore s(1);
        s.release();
      },
      "more than its max");
  EXPECT_DEATH(
      {
        trine::latch l(1);
        l.count_down(2);
      },
      "below zero");
}

TEST(misuse_death, of_a_count) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr const char* at_start = "made a semaphore with a count that is negative or greater";
  constexpr const char* later = "released a negative number of tokens of a semaphore, or more";
  EXPECT_DEATH(trine::counting_semaphore<>{-1}, at_start);
  EXPECT_DEATH(trine::counting_semaphore<5>{6}, at_start);
  EXPECT_DEATH(trine::counting_semaphore<5>{3}.release(-1), later);
  EXPECT_DEATH(trine::counting_semaphore<5>{3}.release(3), later);
  EXPECT_DEATH(trine::latch{-1}, "gave a latch a count that is negative");
  EXPECT_DEATH(trine::barrier<>{-1}, "gave a barrier a count that is negative");
}

// Destroys a primitive for which a unit waits.
template <class Primitive, class Wait, class... Args>
void destroy_while_waited_for(Wait wait, Args... args) {
  auto* const primitive = new Primitive(args...);
  if constexpr (requires { primitive->lock(); }) primitive->lock();
  auto h = trine::spawn(trine::thread({.name = "waits"}), [&] { wait(*primitive); });
  spin_until([] {
    for (const trine::unit_info& u : trine::units())
      if (u.name == "waits") return u.state == "parked";
    return false;
  });
  delete primitive;
}

TEST(misuse_death, an_end_while_others_wait) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr auto lock = [](auto& m) { m.lock(); };
  constexpr auto wait = [](auto& l) { l.wait(); };
  constexpr const char* said = "unit .* destroyed a .* for which others wait; join those";
  EXPECT_DEATH(destroy_while_waited_for<trine::mutex>(lock), said);
  EXPECT_DEATH(destroy_while_waited_for<trine::shared_mutex>(lock), said);
  EXPECT_DEATH(destroy_while_waited_for<trine::shared_mutex>([](auto& m) { m.lock_shared(); }),
               said);
  EXPECT_DEATH(destroy_while_waited_for<trine::binary_semaphore>([](auto& s) { s.acquire(); }, 0),
               said);
  EXPECT_DEATH(destroy_while_waited_for<trine::latch>(wait, 1), said);
  EXPECT_DEATH(destroy_while_waited_for<trine::barrier<>>([](auto& b) { b.arrive_and_wait(); }, 2),
               said);
  EXPECT_DEATH(destroy_while_waited_for<trine::condition_variable>([](auto& changed) {
                 trine::mutex m;
                 std::unique_lock held(m);
                 changed.wait(held);
               }),
               said);
}
#endif

}  // namespace
