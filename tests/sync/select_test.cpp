// select: one case happens, once, for units of every kind.
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
using trine::after;
using trine::channel;
using trine::on_receive;
using trine::on_send;
using trine::otherwise;
using trine::select;

void until_parked(std::uint64_t id) {
  spin_until([&] {
    for (const trine::unit_info& u : trine::units())
      if (u.id == id && u.state == "parked") return true;
    return false;
  });
}

TEST(select, takes_what_is_ready) {
  channel<int> a(1), b(1);
  b.send(5);
  int got = 0;
  EXPECT_EQ(select(on_receive(a), on_receive(b, [&](std::optional<int> v) { got = *v; })), 1U);
  EXPECT_EQ(got, 5);
  EXPECT_EQ(select(on_receive(a), on_send(b, 6)), 1U);
  EXPECT_EQ(b.receive(), 6);
}

TEST(select, otherwise_only_when_nothing_is_ready) {
  channel<int> a(1);
  bool nothing = false;
  EXPECT_EQ(select(on_receive(a), otherwise([&] { nothing = true; })), 1U);
  EXPECT_TRUE(nothing);
  a.send(1);
  EXPECT_EQ(select(otherwise(), on_receive(a)), 1U);
  channel<int> r;
  EXPECT_EQ(select(on_send(r, 1), on_receive(r), otherwise()), 2U);  // never with itself
}

TEST(select, the_earliest_timer) {
  channel<int> a;
  int which = 0;
  EXPECT_EQ(select(on_receive(a), after(1h), after(1ms, [&] { which = 2; })), 2U);
  EXPECT_EQ(which, 2);
  EXPECT_EQ(select(trine::at_time(std::chrono::steady_clock::now() - 1s), on_receive(a)), 0U);
  EXPECT_EQ(select(after(1us)), 0U);
}

TEST(select, closed_channels_are_ready) {
  channel<int> a(1);
  a.send(3);
  a.close();
  std::optional<int> got;
  const auto keep = [&](std::optional<int> v) { got = v; };
  EXPECT_EQ(select(on_receive(a, keep)), 0U);
  EXPECT_EQ(got, 3);
  EXPECT_EQ(select(on_receive(a, keep), otherwise()), 0U);
  EXPECT_EQ(got, std::nullopt);
  EXPECT_THROW(select(on_send(a, 1), otherwise()), trine::closed);
}

TEST(select, only_the_case_that_happens_moves_its_value) {
  channel<std::unique_ptr<int>> full(1), free(1);
  full.send(nullptr);
  auto a = std::make_unique<int>(1), b = std::make_unique<int>(2);
  EXPECT_EQ(select(on_send(full, std::move(a)), on_send(free, std::move(b))), 1U);
  EXPECT_NE(a, nullptr);
  EXPECT_EQ(b, nullptr);
  std::string text(100, 'x');
  channel<std::string> s(1);
  select(on_send(s, text));
  EXPECT_EQ(text.size(), 100U);
  EXPECT_EQ(s.receive(), text);
}

TEST(select, fair_among_ready_cases) {
  channel<int> a(1), b(1), c(1), never;
  int count[3] = {};
  constexpr int rounds = 6'000;
  for (int i = 0; i < rounds; ++i) {
    a.try_send(0);
    b.try_send(0);
    // Unevenly among those that are not: what is chosen must not depend on the neighbours.
    ++count[select(on_receive(a), on_receive(b), on_receive(never), on_receive(c))];
  }
  EXPECT_GT(count[0], rounds / 3);
  EXPECT_GT(count[1], rounds / 3);
}

class select_waits : public local_test {};
TRINE_LOCAL_UNITS(select_waits);

TEST_P(select_waits, until_one_can_happen) {
  with_local(GetParam(), [](auto unit) {
    channel<int> a, b(1);
    b.send(0);
    for (int turn = 0; turn < 4; ++turn) {
      int got = -1;
      auto h = trine::spawn(unit, [&] {
        return select(on_receive(a, [&](std::optional<int> v) { got = v.value_or(-2); }),
                      on_send(b, 7), after(1h));
      });
      until_parked(h.id());
      if (turn % 2 == 0) {
        a.send(turn);
        EXPECT_EQ(h.get(), 0U);
        EXPECT_EQ(got, turn);
      } else {
        b.receive();
        EXPECT_EQ(h.get(), 1U);
        EXPECT_EQ(b.size(), 1U);
      }
      // Nothing of it is left in the other line.
      EXPECT_FALSE(a.try_send(1));
    }
  });
}

TEST_P(select_waits, on_one_channel_twice) {
  with_local(GetParam(), [](auto unit) {
    channel<int> c;
    auto h = trine::spawn(unit, [&] {
      int n = 0;
      for (int i = 0; i < 200; ++i)
        n += select(on_receive(c), on_send(c, i), on_receive(c)) == 1 ? 1 : 0;
      return n;
    });
    int received = 0;
    for (int i = 0; i < 200; ++i) {
      if (i % 2 == 0) {
        c.send(i);
      } else {
        c.receive();
        ++received;
      }
    }
    EXPECT_EQ(h.get(), received);
  });
}

TEST_P(select_waits, close_ends_it) {
  with_local(GetParam(), [](auto unit) {
    channel<int> a, b;
    std::optional<int> got = 1;
    auto h = trine::spawn(unit, [&] {
      return select(on_receive(a), on_receive(b, [&](std::optional<int> v) { got = v; }));
    });
    until_parked(h.id());
    b.close();
    EXPECT_EQ(h.get(), 1U);
    EXPECT_EQ(got, std::nullopt);
    auto s = trine::spawn(unit, [&] { select(on_send(a, 1)); });
    until_parked(s.id());
    a.close();
    EXPECT_THROW(s.get(), trine::closed);
  });
}

TEST_P(select_waits, a_stop_request_ends_it_and_nothing_happens) {
  with_local(GetParam(), [](auto unit) {
    channel<std::unique_ptr<int>> a, b;
    auto value = std::make_unique<int>(1);
    auto h = trine::spawn(unit, [&] { select(on_send(a, std::move(value)), on_receive(b)); });
    until_parked(h.id());
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled);
    EXPECT_NE(value, nullptr);
    EXPECT_FALSE(a.try_receive());
    EXPECT_FALSE(b.try_send(nullptr));
  });
}

// Two selects meet in the middle of the same two channels, named in opposite orders.
TEST_P(select_waits, selects_meet) {
  with_local(GetParam(), [](auto unit) {
    const int rounds = sanitized ? 300 : 3'000;
    channel<int> a, b;
    std::atomic<int> moved{0};
    auto left = trine::spawn(unit, [&] {
      for (int i = 0; i < rounds; ++i)
        select(on_send(a, i), on_receive(b, [&](std::optional<int>) { ++moved; }));
    });
    auto right = trine::spawn(trine::coroutine, [&] {
      for (int i = 0; i < rounds; ++i)
        select(on_send(b, i), on_receive(a, [&](std::optional<int>) { ++moved; }));
    });
    left.get();
    right.get();
    EXPECT_EQ(moved.load(), rounds);
  });
}

// Many selects of every kind on the same channels, in every order, with timers: all arrive once.
TEST(select, nothing_is_lost_among_many) {
  const int each = sanitized ? 200 : 2'000;
  channel<int> a, b(2);
  auto u = channel<int>::unbounded(10);
  std::atomic<long> sent{0}, received{0};
  std::atomic<int> senders{6};
  auto send = [&](int from) {
    for (int i = 0; i < each;) {
      const int value = from * each + i + 1;
      const std::size_t which =
          i % 2 == 0 ? select(on_send(a, value), on_send(b, value), on_send(u, value), after(20us))
                     : select(on_send(u, value), on_send(b, value), on_send(a, value), after(20us));
      if (which == 3) continue;
      sent += value;
      ++i;
    }
    if (--senders == 0) {
      a.close();
      b.close();
      u.close();
    }
  };
  auto receive = [&] {
    auto keep = [&](std::optional<int> v) { received += v.value_or(0); };
    auto drained = [&] { return a.is_closed() && b.empty() && u.empty(); };
    while (!drained())
      select(on_receive(b, keep), on_receive(a, keep), after(20us), on_receive(u, keep));
  };
  {
    trine::scope s;
    std::vector<std::jthread> plain;
    for (int i = 0; i < 2; ++i) {
      s.spawn(trine::coroutine({.worker = i}), send, i);
      s.spawn(trine::thread, send, 2 + i);
      plain.emplace_back(send, 4 + i);
      s.spawn(trine::coroutine({.worker = i}), receive);
      s.spawn(trine::thread, receive);
      plain.emplace_back(receive);
    }
    s.join();
  }
  EXPECT_EQ(sent.load(), received.load());
}

}  // namespace
