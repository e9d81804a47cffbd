// channel: what arrives, in which order, to whom, and what stays when a call gives up.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <trine/trine.hpp>

#include "contract/support.hpp"

namespace {

using namespace support;
using trine::channel;
using trine::channel_status;

// The parked state of a unit, by the registry; only the unit itself can say that it waits.
void until_parked(std::uint64_t id) {
  spin_until([&] {
    for (const trine::unit_info& u : trine::units())
      if (u.id == id && u.state == "parked") return true;
    return false;
  });
}

TEST(channel, is_a_queue) {
  channel<int> c(3);
  EXPECT_EQ(c.capacity(), 3U);
  EXPECT_TRUE(c.empty());
  c.send(1);
  c.send(2);
  EXPECT_TRUE(c.try_send(3));
  EXPECT_FALSE(c.try_send(4));
  EXPECT_EQ(c.size(), 3U);
  EXPECT_EQ(c.receive(), 1);
  EXPECT_TRUE(c.try_send(5));
  EXPECT_EQ(c.receive(), 2);
  EXPECT_EQ(c.receive(), 3);
  EXPECT_EQ(*c.try_receive(), 5);
  EXPECT_FALSE(c.try_receive().has_value());
}

TEST(channel, says_why_there_is_nothing) {
  channel<int> c(1);
  auto none = c.try_receive();
  EXPECT_FALSE(none);
  EXPECT_EQ(none.status(), channel_status::empty);
  EXPECT_FALSE(none.closed());
  EXPECT_EQ(c.receive_for(1ms).status(), channel_status::timed_out);
  EXPECT_EQ(c.receive_until(std::chrono::system_clock::now() + 1ms).status(),
            channel_status::timed_out);
  EXPECT_TRUE(c.send_for(7, 1ms));
  EXPECT_FALSE(c.send_for(8, 1ms));
  EXPECT_FALSE(c.send_until(8, std::chrono::steady_clock::now() - 1s));
  c.close();
  EXPECT_TRUE(c.is_closed());
  auto one = c.receive_for(1ms);
  EXPECT_EQ(one.status(), channel_status::done);
  EXPECT_EQ(*one, 7);
  none = c.try_receive();
  EXPECT_TRUE(none.closed());
  EXPECT_TRUE(c.receive_for(1ms).closed());
  EXPECT_EQ(c.receive(), std::nullopt);
  EXPECT_THROW(c.send(1), trine::closed);
  EXPECT_THROW(c.try_send(1), trine::closed);
  EXPECT_THROW(c.send_for(1, 1ms), trine::closed);
  c.close();
}

TEST(channel, far_and_past_deadlines) {
  channel<int> c;
  EXPECT_EQ(c.receive_for(-1h).status(), channel_status::timed_out);
  EXPECT_FALSE(c.send_for(1, std::chrono::nanoseconds::min()));
  auto h =
      trine::spawn(trine::coroutine, [&] { return *c.receive_for(std::chrono::hours::max()); });
  EXPECT_TRUE(c.send_until(3, std::chrono::steady_clock::time_point::max()));
  EXPECT_EQ(h.get(), 3);
}

TEST(channel, a_capacity_beyond_memory) {
  EXPECT_THROW(channel<std::string>(std::size_t{1} << 62), std::length_error);
}

TEST(channel, range_for_until_drained) {
  channel<std::unique_ptr<int>> c(10);
  for (int i = 0; i < 5; ++i) c.send(std::make_unique<int>(i));
  c.close();
  int expected = 0;
  for (std::unique_ptr<int>& p : c) EXPECT_EQ(*p, expected++);
  EXPECT_EQ(expected, 5);
}

TEST(channel, destroys_what_is_left) {
  const auto counted = std::make_shared<int>(1);
  {
    channel<std::shared_ptr<int>> a(4);
    auto b = channel<std::shared_ptr<int>>::unbounded(10'000);
    for (int i = 0; i < 3; ++i) a.send(counted);
    for (int i = 0; i < 1'000; ++i) b.send(counted);
    for (int i = 0; i < 300; ++i) b.receive();
    EXPECT_EQ(counted.use_count(), 704);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

struct alignas(64) wide {
  long value;
  char rest[100];
};

TEST(channel, keeps_alignment) {
  auto c = channel<wide>::unbounded(100);
  channel<wide> r(3);
  for (long i = 0; i < 100; ++i) c.send({i, {}});
  for (long i = 0; i < 100; ++i) {
    r.send(*c.receive());
    const auto w = r.receive();
    EXPECT_EQ(w->value, i);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*w) % 64, 0U);
  }
}

TEST(channel, unbounded_has_a_limit_and_gives_memory_back) {
  constexpr int limit = 5'000;
  auto c = channel<int>::unbounded(limit);
  int in = 0, out = 0;
  for (int round = 0; round < 20; ++round) {
    while (c.try_send(in)) ++in;
    EXPECT_EQ(c.size(), std::size_t{limit});
    for (int i = 0; i < limit - round; ++i) EXPECT_EQ(c.receive(), out++);
  }
  while (auto v = c.try_receive()) EXPECT_EQ(*v, out++);
  EXPECT_EQ(in, out);
}

TEST(channel, unbounded_senders_wait_at_the_limit) {
  auto c = channel<int>::unbounded(1'000);
  auto h = trine::spawn(trine::coroutine, [&] {
    for (int i = 0; i < 10'000; ++i) c.send(i);
    c.close();
  });
  int expected = 0;
  for (int& v : c) ASSERT_EQ(v, expected++);
  EXPECT_EQ(expected, 10'000);
  h.get();
}

// ---- waiting ------------------------------------------------------------------------------------

class waiting : public local_test {};
TRINE_LOCAL_UNITS(waiting);

TEST_P(waiting, rendezvous_meets) {
  with_local(GetParam(), [](auto unit) {
    channel<int> c;
    EXPECT_FALSE(c.try_send(1));
    EXPECT_FALSE(c.try_receive());
    auto h = trine::spawn(unit, [&] { return *c.receive(); });
    until_parked(h.id());
    EXPECT_TRUE(c.try_send(5));
    EXPECT_EQ(h.get(), 5);
    bool sent = false;
    auto s = trine::spawn(unit, [&] {
      c.send(6);
      sent = true;
    });
    until_parked(s.id());
    EXPECT_EQ(*c.try_receive(), 6);
    s.get();
    EXPECT_TRUE(sent);
  });
}

TEST_P(waiting, close_wakes_receivers_and_senders) {
  with_local(GetParam(), [](auto unit) {
    for (const std::size_t capacity : {0U, 1U}) {
      channel<int> c(capacity);
      std::vector<trine::handle<int>> all;
      for (int i = 0; i < 3; ++i)
        all.push_back(trine::spawn(unit, [&] { return c.receive() ? 1 : 0; }));
      for (auto& h : all) until_parked(h.id());
      c.close();
      for (auto& h : all) EXPECT_EQ(h.get(), 0);
    }
    channel<int> c(1);
    c.send(0);
    auto s = trine::spawn(unit, [&] {
      int value = 9;
      EXPECT_THROW(c.send(std::move(value)), trine::closed);
    });
    until_parked(s.id());
    c.close();
    s.get();
    EXPECT_EQ(c.receive(), 0);
    EXPECT_EQ(c.receive(), std::nullopt);
  });
}

TEST_P(waiting, first_come_first_served) {
  with_local(GetParam(), [](auto unit) {
    channel<int> c;
    std::vector<trine::handle<int>> all;
    for (int i = 0; i < 4; ++i) {
      all.push_back(trine::spawn(unit, [&] { return *c.receive(); }));
      until_parked(all.back().id());
    }
    for (int i = 0; i < 4; ++i) c.send(i);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), i);
  });
}

TEST_P(waiting, a_stopped_send_keeps_the_value) {
  with_local(GetParam(), [](auto unit) {
    channel<std::unique_ptr<int>> c(1);
    c.send(std::make_unique<int>(1));
    auto value = std::make_unique<int>(2);
    auto h = trine::spawn(unit, [&] {
      EXPECT_FALSE(c.send_for(std::move(value), 1ms));
      EXPECT_NE(value, nullptr);
      c.send(std::move(value));
    });
    until_parked(h.id());
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled);
    ASSERT_NE(value, nullptr);
    EXPECT_EQ(*value, 2);
    EXPECT_EQ(**c.receive(), 1);
    EXPECT_FALSE(c.try_receive());
  });
}

TEST_P(waiting, a_stopped_receive_takes_nothing) {
  with_local(GetParam(), [](auto unit) {
    channel<int> c(1);
    auto h = trine::spawn(unit, [&] { c.receive(); });
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled);
    c.send(4);
    // Asked before: even what could be done at once is not.
    std::atomic<bool> go{false};
    auto g = trine::spawn(unit, [&] {
      spin_until([&] { return go.load(); });
      c.receive();
    });
    g.request_stop();
    go = true;
    EXPECT_THROW(g.get(), trine::cancelled);
    EXPECT_EQ(c.size(), 1U);
  });
}

TEST_P(waiting, the_units_deadline_ends_it) {
  with_local(GetParam(), [](auto unit) {
    unit.options.deadline = 2ms;
    channel<int> c;
    auto h = trine::spawn(unit, [&] { c.receive(); });
    EXPECT_THROW(h.get(), trine::timed_out);
    auto s = trine::spawn(unit, [&] { c.send(1); });
    EXPECT_THROW(s.get(), trine::timed_out);
    EXPECT_FALSE(c.try_receive());
  });
}

// ---- moves that throw ---------------------------------------------------------------------------

struct trap {
  static inline std::atomic<int> left{-1};  // moves until one throws; negative: none does
  int value = 0;
  explicit trap(int v) : value(v) {}
  trap(trap&& other) : value(other.value) {
    if (left.load() >= 0 && left.fetch_sub(1) == 0) throw std::runtime_error("trap");
    other.value = -1;
  }
};

class moves_that_throw : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(at, moves_that_throw, ::testing::Range(0, 8));

// Somewhere on the way of ten elements one move throws: none is lost, none comes twice.
TEST_P(moves_that_throw, lose_and_double_nothing) {
  for (const int kind : {0, 1, 2, 3}) {
    auto make = [&]() -> std::unique_ptr<channel<trap>> {
      return std::make_unique<channel<trap>>(static_cast<std::size_t>(kind == 3 ? 2 : kind));
    };
    const auto c = make();
    trap::left = GetParam();
    std::atomic<int> thrown{0};
    auto sender = trine::spawn(trine::coroutine({.worker = 0}), [&] {
      for (int i = 0; i < 10; ++i) {
        trap t(i);
        for (;;) {
          try {
            c->send(std::move(t));
            break;
          } catch (const std::runtime_error&) {
            EXPECT_EQ(t.value, i);
            ++thrown;
          }
        }
      }
      c->close();
    });
    auto receiver = trine::spawn(trine::coroutine({.worker = kind == 3 ? 1 : 0}), [&] {
      int expected = 0;
      for (;;) {
        try {
          if (const auto t = c->receive()) {
            EXPECT_EQ(t->value, expected++);
          } else {
            break;
          }
        } catch (const std::runtime_error&) {
          ++thrown;
        }
      }
      return expected;
    });
    EXPECT_EQ(receiver.get(), 10);
    sender.get();
    trap::left = -1;
    EXPECT_LE(thrown.load(), 1);
  }
}

// ---- many ---------------------------------------------------------------------------------------

struct numbered {
  int from;
  int number;
};

// Every kind on both sides of one channel: all arrive once, those of one sender in order.
class many : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(capacity, many, ::testing::Values(0, 1, 3, 64, 1000, 1001));

TEST_P(many, senders_and_receivers_of_every_kind) {
  const int each = sanitized ? 300 : 2'000;
  constexpr int senders = 6;
  auto make = [&] {
    return GetParam() == 1001 ? channel<numbered>::unbounded(100) : channel<numbered>(GetParam());
  };
  channel<numbered> c = make();
  std::atomic<long> received{0};
  std::atomic<bool> in_order{true};
  auto send = [&](int from) {
    for (int i = 0; i < each; ++i) c.send({from, i});
  };
  std::vector<std::vector<numbered>> got(6);
  auto receive = [&](std::size_t which) {
    int last[senders] = {-1, -1, -1, -1, -1, -1};
    for (numbered& n : c) {
      if (n.number <= last[n.from]) in_order = false;
      last[n.from] = n.number;
      got[which].push_back(n);
      ++received;
    }
  };
  trine::scope out;
  std::vector<std::jthread> plain_out;
  for (std::size_t i = 0; i < 2; ++i) {
    out.spawn(trine::coroutine, receive, i);
    out.spawn(trine::thread, receive, 2 + i);
    plain_out.emplace_back(receive, 4 + i);
  }
  {
    trine::scope in;
    std::vector<std::jthread> plain;
    for (int i = 0; i < 2; ++i) {
      in.spawn(trine::coroutine, send, i);
      in.spawn(trine::thread, send, 2 + i);
      plain.emplace_back(send, 4 + i);
    }
    in.join();
  }
  c.close();
  out.join();
  plain_out.clear();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(received.load(), long{senders} * each);
  std::vector<int> seen(static_cast<std::size_t>(senders * each));
  for (const auto& all : got)
    for (const numbered& n : all) ++seen[static_cast<std::size_t>(n.from * each + n.number)];
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
}

// Under timeouts and stop requests at any moment: what was sent was received, once.
TEST(channel, nothing_is_lost_when_calls_give_up) {
  for (const std::size_t capacity : {0U, 1U, 4U}) {
    channel<int> c(capacity);
    std::atomic<long> sent{0}, received{0};
    const int rounds = sanitized ? 20 : 100;
    for (int r = 0; r < rounds; ++r) {
      trine::scope s;
      for (int i = 0; i < 2; ++i) {
        auto send = [&] {
          for (int k = 1;; ++k)
            if (c.send_for(k, std::chrono::microseconds(k % 7))) sent += k;
        };
        auto receive = [&] {
          for (int k = 1;; ++k)
            if (auto v = c.receive_for(std::chrono::microseconds(k % 5))) received += *v;
        };
        s.spawn(trine::coroutine({.worker = i}), send);
        s.spawn(trine::coroutine({.worker = i}), receive);
        s.spawn(trine::thread, send);
        s.spawn(trine::thread, receive);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(100 + 37 * (r % 11)));
      s.request_stop();
      s.join();
    }
    while (auto v = c.try_receive()) received += *v;
    EXPECT_EQ(sent.load(), received.load()) << "capacity " << capacity;
  }
}

// Who has received the last element may end the channel; the sender is just leaving send().
class ended_at_once : public local_test {};
TRINE_LOCAL_UNITS(ended_at_once);

TEST_P(ended_at_once, by_the_receiver) {
  with_local(GetParam(), [](auto unit) {
    for (int i = 0; i < 1'000; ++i) {
      auto* c = new channel<int>(static_cast<std::size_t>(i % 2));
      auto h = trine::spawn(unit, [c] {
        EXPECT_EQ(c->receive(), 1);
        delete c;
      });
      c->send(1);
      h.get();
    }
  });
}

TEST(channel, process_units_use_it_among_their_own) {
  auto h = trine::spawn(trine::process, [] {
    channel<int> c(2);
    auto sum = trine::spawn(trine::coroutine, [&] {
      int n = 0;
      for (int& v : c) n += v;
      return n;
    });
    for (int i = 0; i < 100; ++i) c.send(i);
    c.close();
    return sum.get();
  });
  EXPECT_EQ(h.get(), 4950);
  auto stopped = trine::spawn(trine::process, [] {
    channel<int> c(1);
    for (;;) {
      c.send(1);
      c.receive();
    }
  });
  stopped.request_stop();
  EXPECT_THROW(stopped.get(), trine::cancelled);
}

}  // namespace
