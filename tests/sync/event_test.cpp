// event, unit_local, on_exit, shield: what a unit has and does of its own.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <trine/trine.hpp>

#include "contract/support.hpp"

namespace {

using namespace support;
namespace this_unit = trine::this_unit;

constinit trine::event made_at_compile_time;

void until_parked(std::uint64_t id) {
  spin_until([&] {
    for (const trine::unit_info& u : trine::units())
      if (u.id == id && u.state == "parked") return true;
    return false;
  });
}

class event : public local_test {};
TRINE_LOCAL_UNITS(event);

TEST_P(event, wakes_all_and_lets_the_late_through) {
  with_local(GetParam(), [](auto unit) {
    trine::event e;
    int data = 0;
    EXPECT_FALSE(e.is_set());
    EXPECT_FALSE(e.wait_for(1ms));
    EXPECT_FALSE(e.wait_until(std::chrono::system_clock::now() - 1h));
    std::vector<trine::handle<int>> all;
    for (int i = 0; i < 4; ++i) {
      all.push_back(trine::spawn(unit, [&] {
        e.wait();
        return data;
      }));
    }
    for (auto& h : all) until_parked(h.id());
    data = 3;
    e.set();
    e.reset();  // those who waited go on all the same
    for (auto& h : all) EXPECT_EQ(h.get(), 3);
    EXPECT_FALSE(e.is_set());
    e.set();
    e.wait();
    EXPECT_TRUE(e.wait_for(0s));
  });
}

TEST_P(event, a_stop_request_ends_the_wait) {
  with_local(GetParam(), [](auto unit) {
    trine::event e;
    auto h = trine::spawn(unit, [&] { e.wait(); });
    until_parked(h.id());
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled);
    unit.options.deadline = 1ms;
    EXPECT_THROW(trine::spawn(unit, [&] { e.wait(); }).get(), trine::timed_out);
    e.set();
  });
}

TEST_P(event, may_end_as_soon_as_the_wait_has) {
  with_local(GetParam(), [](auto unit) {
    for (int i = 0; i < 2'000; ++i) {
      auto* e = new trine::event;
      auto h = trine::spawn(unit, [e] {
        e->wait();
        delete e;
      });
      e->set();
      h.get();
    }
  });
}

TEST(event_of_all_kinds, sets_and_waits_race) {
  for (int i = 0; i < 200; ++i) {
    trine::event e(false);
    trine::scope s;
    std::vector<std::jthread> plain;
    for (int k = 0; k < 2; ++k) {
      s.spawn(trine::coroutine({.worker = k}), [&] { e.wait(); });
      s.spawn(trine::thread, [&] {
        while (!e.wait_for(1us)) {
        }
      });
      plain.emplace_back([&] { e.wait(); });
    }
    s.spawn(trine::coroutine, [&] { e.set(); });
    s.join();
  }
}

// ---- unit_local ---------------------------------------------------------------------------------

struct counted {
  static inline std::atomic<int> alive{0};
  int value = 0;
  counted() { ++alive; }
  ~counted() { --alive; }
};

trine::unit_local<int> a_number([] { return 40; });

TEST(unit_local, one_for_each_unit) {
  for (const trine::unit_kind kind : all_kinds) {
    auto h = trine::spawn(unit_of(kind), [] {
      const int first = a_number.get()++;
      trine::this_unit::yield();
      return first + a_number.get();
    });
    EXPECT_EQ(h.get(), 81) << trine::to_string(kind);
  }
  EXPECT_EQ(*a_number, 40);
}

TEST(unit_local, ends_with_its_unit) {
  trine::unit_local<counted> mine;
  for (const trine::unit_kind kind : local_kinds) {
    with_local(kind, [&](auto unit) {
      trine::scope s;
      for (int i = 0; i < 50; ++i) {
        s.spawn(unit, [&, i] {
          EXPECT_FALSE(mine.has_value());
          mine->value = i;
          this_unit::yield();
          EXPECT_EQ(mine->value, i);
          EXPECT_TRUE(mine.has_value());
        });
      }
      s.join();
      EXPECT_EQ(counted::alive.load(), 0);
    });
  }
  std::thread([&] {
    mine->value = 1;
    EXPECT_EQ(counted::alive.load(), 1);
  }).join();
  EXPECT_EQ(counted::alive.load(), 0);
}

TEST(unit_local, may_end_before_its_units) {
  auto first = std::make_unique<trine::unit_local<counted>>();
  trine::event go, made;
  auto h = trine::spawn(trine::coroutine, [&] {
    (*first)->value = 1;
    made.set();
    go.wait();
    trine::unit_local<int> other;  // perhaps where the first one was
    EXPECT_EQ(*other, 0);
  });
  made.wait();
  first.reset();
  go.set();
  h.get();
  EXPECT_EQ(counted::alive.load(), 0);
}

// ---- on_exit ------------------------------------------------------------------------------------

class on_exit : public local_test {};
TRINE_LOCAL_UNITS(on_exit);

TEST_P(on_exit, in_reverse_order_on_the_unit_before_it_is_done) {
  with_local(GetParam(), [](auto unit) {
    std::string order;
    std::uint64_t on = 0;
    trine::unit_local<std::shared_ptr<void>> last;
    auto h = trine::spawn(unit, [&] {
      this_unit::on_exit([&] { order += 'a'; });
      last.get() = std::shared_ptr<void>(nullptr, [&](void*) { order += 'b'; });
      this_unit::on_exit([&] {
        order += 'c';
        this_unit::yield();
        on = this_unit::id();
        this_unit::on_exit([&] { order += 'd'; });
      });
      this_unit::yield();
      return 1;
    });
    const std::uint64_t id = h.id();
    EXPECT_EQ(h.get(), 1);
    EXPECT_EQ(order, "cdba");
    EXPECT_EQ(on, id);
  });
}

TEST_P(on_exit, its_exception_is_the_units) {
  with_local(GetParam(), [](auto unit) {
    bool ran = false;
    auto h = trine::spawn(unit, [&] {
      this_unit::on_exit([&] { ran = true; });
      this_unit::on_exit([] { throw std::runtime_error("on exit"); });
    });
    EXPECT_THROW(h.get(), std::runtime_error);
    EXPECT_TRUE(ran);
    auto g = trine::spawn(unit, [] {
      this_unit::on_exit([] { throw std::runtime_error("on exit"); });
      throw std::logic_error("first");
    });
    EXPECT_THROW(g.get(), std::logic_error);
  });
}

TEST(on_exit_of_a_plain_thread, at_its_end) {
  std::string order;
  std::thread([&] {
    this_unit::on_exit([&] { order += 'a'; });
    this_unit::on_exit([&] { order += 'b'; });
  }).join();
  EXPECT_EQ(order, "ba");
}

TEST(on_exit_of_a_process, in_the_process) {
  meeting at;
  trine::spawn(
      trine::process,
      [](std::string path) { this_unit::on_exit([path] { meeting(path).arrive(); }); }, at.path())
      .get();
  EXPECT_EQ(at[0].load(), 1);
}

// ---- shield -------------------------------------------------------------------------------------

class shield : public local_test {};
TRINE_LOCAL_UNITS(shield);

TEST_P(shield, keeps_stop_requests_off_and_nests) {
  with_local(GetParam(), [](auto unit) {
    trine::event inside, go;
    bool passed = false;
    auto h = trine::spawn(unit, [&] {
      {
        const this_unit::shield outer;
        EXPECT_EQ(this_unit::shielded([&] {
                    inside.set();
                    go.wait();
                    return 4;
                  }),
                  4);
        EXPECT_TRUE(this_unit::stop_token().stop_requested());
        EXPECT_FALSE(go.wait_for(0s) && !go.is_set());
        trine::channel<int> c(1);
        c.send(1);
        c.receive();
        passed = true;
      }
      trine::event never;
      never.wait();
    });
    inside.wait();
    h.request_stop();
    go.set();
    EXPECT_THROW(h.get(), trine::cancelled);
    EXPECT_TRUE(passed);
  });
}

TEST_P(shield, keeps_the_units_deadline_off) {
  with_local(GetParam(), [](auto unit) {
    unit.options.deadline = 2ms;
    bool slept = false;
    auto h = trine::spawn(unit, [&] {
      this_unit::shielded([&] {
        this_unit::sleep_for(6ms);
        slept = true;
      });
      this_unit::sleep_for(1h);
    });
    EXPECT_THROW(h.get(), trine::timed_out);
    EXPECT_TRUE(slept);
  });
}

TEST(shield_of_a_plain_thread, does_nothing) {
  const this_unit::shield none;
  trine::event e(true);
  e.wait();
}

// ---- deadlines of scopes, and who ignores a stop -----------------------------------------------

TEST(scope_deadline, ends_its_units) {
  for (const trine::unit_kind kind : all_kinds) {
    trine::scope s(5ms);
    for (int i = 0; i < 3; ++i)
      s.spawn(unit_of(kind), [] { trine::this_unit::sleep_for(for_ever); });
    EXPECT_THROW(s.join(), trine::timed_out) << trine::to_string(kind);
  }
  trine::scope late(std::chrono::steady_clock::now() - 1s);
  late.spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
  EXPECT_THROW(late.join(), trine::timed_out);
  trine::scope in_time(1h);
  auto h = in_time.spawn(trine::coroutine({.deadline = 2ms}),
                         [] { trine::this_unit::sleep_for(for_ever); });
  EXPECT_THROW(in_time.join(), trine::timed_out);
}

TEST(scopes, a_stop_of_the_outer_reaches_the_inner) {
  trine::event reached;
  std::atomic<int> ended{0};
  trine::scope outer;
  outer.spawn(trine::coroutine, [&] {
    trine::scope inner;
    inner.spawn(trine::thread, [&] {
      reached.set();
      try {
        trine::this_unit::sleep_for(for_ever);
      } catch (const trine::cancelled&) {
        ++ended;
        throw;
      }
    });
    try {
      inner.join();
    } catch (const trine::cancelled&) {
      ++ended;
      throw;
    }
  });
  reached.wait();
  outer.request_stop();
  outer.join();
  EXPECT_EQ(ended.load(), 2);
}

TEST(scopes, who_ignores_a_stop_delays_only_its_own_and_is_named) {
  std::atomic<bool> go{false}, begun{false};
  trine::scope slow;
  auto stubborn = slow.spawn(trine::thread({.name = "stubborn"}), [&] {
    begun = true;
    compute_until([&] { return go.load(); });
  });
  spin_until([&] { return begun.load(); });
  slow.request_stop();
  {
    trine::scope other;
    other.spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
    other.request_stop();
    other.join();
  }
  bool named = false;
  for (const trine::unit_info& u : trine::units())
    if (u.id == stubborn.id()) named = u.asked_to_stop && u.name == "stubborn";
  EXPECT_TRUE(named);
  EXPECT_NE(trine::dump().find("asked to stop"), std::string::npos);
  go = true;
  slow.join();
  for (const trine::unit_info& u : trine::units()) EXPECT_FALSE(u.asked_to_stop) << u.name;
}

}  // namespace
