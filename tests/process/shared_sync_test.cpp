// robust_mutex, shared_semaphore and shared_channel among units of several processes.
#include <gtest/gtest.h>
#include <unistd.h>
#include <csignal>
#include <map>
#include <mutex>
#include <numeric>

#include <trine/trine.hpp>

#include "process/support.hpp"

namespace {

using namespace process_tests;
using namespace std::chrono_literals;
using trine::spawn;
using longs = trine::shared_array<long>;

const std::vector<const char*> kinds = {"process", "thread", "coroutine"};

// ---- robust_mutex -------------------------------------------------------------------------------

void add(longs n, trine::robust_mutex m, int times) {
  for (int i = 0; i < times; ++i) {
    const std::lock_guard guard(m);
    n[0] = n[0] + 1;  // not atomic: the lock is what makes it right
  }
}

TEST(robust_mutex, excludes_units_of_all_kinds) {
  const longs n(1);
  const trine::robust_mutex m;
  std::vector<trine::handle<void>> all;
  for (int i = 0; i < 9; ++i)
    all.push_back(
        spawn(trine::parse_unit(kinds[static_cast<std::size_t>(i) % 3]), add, n, m, 2000));
  for (auto& h : all) h.get();
  EXPECT_EQ(n[0], 18'000);
}

void die_holding(longs n, trine::robust_mutex m, int signal) {
  m.lock();
  n[0] = 1;  // half of what it wanted to do
  if (signal == 0) _exit(3);
  raise(signal);
}

TEST(robust_mutex, the_death_of_the_holder_is_reported_once) {
  for (const int signal : {SIGKILL, SIGSEGV, 0}) {
    longs n(1);
    trine::robust_mutex m;
    EXPECT_THROW(spawn(trine::process, die_holding, n, m, signal).get(), trine::crashed);
    EXPECT_EQ(m.lock(), std::errc::owner_dead);
    EXPECT_TRUE(m.owner_died());
    EXPECT_EQ(n[0], 1);
    m.consistent();
    EXPECT_FALSE(m.owner_died());
    m.unlock();
    EXPECT_EQ(m.lock(), std::error_code());
    m.unlock();
  }
}

TEST(robust_mutex, those_who_wait_hear_of_it_whatever_they_are) {
  for (const char* kind : kinds) {
    const trine::any_unit unit = trine::parse_unit(kind);
    longs stage(1);
    trine::robust_mutex m;
    auto holder = spawn(
        trine::process({.fresh = true}),
        [](longs s, trine::robust_mutex its) {
          its.lock();
          std::atomic_ref(s[0]).store(1);
          pause();
        },
        stage, m);
    ASSERT_TRUE(eventually([&] { return std::atomic_ref(stage[0]).load() == 1; }));
    auto waiter = spawn(
        unit, [](trine::robust_mutex its) { return its.lock() == std::errc::owner_dead; }, m);
    trine::this_unit::sleep_for(5ms);
    EXPECT_FALSE(m.try_lock());
    holder.kill();
    EXPECT_TRUE(waiter.get()) << kind;
    EXPECT_THROW(holder.get(), trine::crashed);
  }
}

TEST(robust_mutex, is_lost_when_nobody_repairs) {
  longs n(1);
  trine::robust_mutex m;
  EXPECT_THROW(spawn(trine::process, die_holding, n, m, SIGKILL).get(), trine::crashed);
  m.lock();
  auto waiter = spawn(trine::thread, [m]() mutable { m.lock(); });
  m.unlock();
  for (int i = 0; i < 2; ++i) {
    try {
      if (i == 0)
        waiter.get();
      else
        m.lock();
      FAIL();
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::state_not_recoverable);
    }
  }
}

TEST(robust_mutex, bad_use_is_an_error) {
  trine::robust_mutex m;
  EXPECT_THROW(m.unlock(), std::system_error);
  m.lock();
  EXPECT_THROW(m.lock(), std::system_error);
  EXPECT_FALSE(m.try_lock());
  EXPECT_THROW(spawn(trine::thread, [m]() mutable { m.unlock(); }).get(), std::system_error);
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(spawn(
                   trine::process, [](trine::robust_mutex its) { return its.try_lock_for(3ms); }, m)
                   .get());
  m.unlock();
  EXPECT_TRUE(spawn(
                  trine::process, [](trine::robust_mutex its) { return its.try_lock_for(1h); }, m)
                  .get());
  // That process lives and holds it.
}

TEST(robust_mutex, a_coroutine_that_waits_parks_only_itself) {
  trine::robust_mutex m;
  m.lock();
  trine::scope s;
  const auto here = trine::coroutine({.worker = 0});
  bool got = false;
  auto waiter = s.spawn(here, [&] {
    m.lock();
    got = true;
    m.unlock();
  });
  // On the same home: these run while the other waits.
  for (int i = 0; i < 100; ++i) s.spawn(here, [] { trine::this_unit::yield(); }).get();
  EXPECT_FALSE(got);
  m.unlock();
  s.join();
  EXPECT_TRUE(got);
}

// ---- shared_semaphore ---------------------------------------------------------------------------

void take_turns(trine::shared_semaphore s, longs inside, int times) {
  for (int i = 0; i < times; ++i) {
    s.acquire();
    const long now = std::atomic_ref(inside[0]).fetch_add(1) + 1;
    if (now > 3) std::atomic_ref(inside[1]).store(now);
    std::atomic_ref(inside[0]).fetch_sub(1);
    s.release();
  }
}

TEST(shared_semaphore, lets_so_many_in) {
  const trine::shared_semaphore s(3);
  const longs inside(2);
  std::vector<trine::handle<void>> all;
  for (int i = 0; i < 9; ++i)
    all.push_back(spawn(trine::parse_unit(kinds[static_cast<std::size_t>(i) % 3]), take_turns, s,
                        inside, 1000));
  for (auto& h : all) h.get();
  EXPECT_EQ(inside[0], 0);
  EXPECT_EQ(inside[1], 0);
}

TEST(shared_semaphore, each_release_wakes_someone) {
  for (const char* kind : kinds) {
    const trine::any_unit unit = trine::parse_unit(kind);
    trine::shared_semaphore there(0), back(0);
    auto other = spawn(
        unit,
        [](trine::shared_semaphore a, trine::shared_semaphore b) {
          for (int i = 0; i < 2000; ++i) {
            a.acquire();
            b.release();
          }
        },
        there, back);
    for (int i = 0; i < 2000; ++i) {
      there.release();
      back.acquire();
    }
    other.get();
  }
}

TEST(shared_semaphore, a_stop_request_ends_the_wait) {
  for (const char* kind : kinds) {
    trine::shared_semaphore s(0);
    auto h = spawn(
        trine::parse_unit(kind), [](trine::shared_semaphore its) { its.acquire(); }, s);
    trine::this_unit::sleep_for(2ms);
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled) << kind;
    // What it would have taken is still there for others.
    s.release();
    EXPECT_TRUE(s.try_acquire());
  }
}

TEST(shared_semaphore, limits) {
  EXPECT_THROW(trine::shared_semaphore(-1), std::invalid_argument);
  trine::shared_semaphore s(trine::shared_semaphore::max());
  EXPECT_THROW(s.release(), std::system_error);
  EXPECT_THROW(s.release(-1), std::invalid_argument);
  trine::shared_semaphore none(0);
  EXPECT_FALSE(none.try_acquire());
  EXPECT_FALSE(none.try_acquire_for(2ms));
  EXPECT_FALSE(none.try_acquire_until(std::chrono::steady_clock::now() - 1h));
}

// ---- shared_channel -----------------------------------------------------------------------------

using words = trine::shared_channel<std::string>;

void say(words out, int who, int times) {
  for (int i = 0; i < times; ++i) out.send(std::to_string(who) + " " + std::to_string(i));
}

TEST(shared_channel, in_order_from_each_sender) {
  words c(7);
  std::vector<trine::handle<void>> all;
  for (int who = 0; who < 6; ++who)
    all.push_back(
        spawn(trine::parse_unit(kinds[static_cast<std::size_t>(who) % 3]), say, c, who, 1500));
  auto closer = spawn(trine::thread, [&] {
    for (auto& h : all) h.get();
    c.close();
  });
  std::map<int, int> next;
  for (const std::string& text : c) {
    int who = 0, i = 0;
    std::sscanf(text.c_str(), "%d %d", &who, &i);
    ASSERT_EQ(i, next[who]++);
  }
  closer.get();
  for (int who = 0; who < 6; ++who) EXPECT_EQ(next[who], 1500);
}

long add_up(trine::shared_channel<int> in) {
  long sum = 0;
  for (const int n : in) sum += n;
  return sum;
}

TEST(shared_channel, every_element_goes_to_one_receiver) {
  trine::shared_channel<int> c(100);
  std::vector<trine::handle<long>> all;
  for (int i = 0; i < 6; ++i)
    all.push_back(spawn(trine::parse_unit(kinds[static_cast<std::size_t>(i) % 3]), add_up, c));
  for (int i = 1; i <= 20'000; ++i) c.send(i);
  c.close();
  long sum = 0;
  for (auto& h : all) sum += h.get();
  EXPECT_EQ(sum, 200'010'000);
}

TEST(shared_channel, closed_and_full) {
  trine::shared_channel<int> c(2);
  EXPECT_EQ(c.capacity(), 2U);
  EXPECT_TRUE(c.try_send(1));
  EXPECT_TRUE(c.try_send(2));
  EXPECT_FALSE(c.try_send(3));
  EXPECT_FALSE(c.send_for(3, 2ms));
  EXPECT_EQ(c.size(), 2U);
  c.close();
  EXPECT_THROW(c.send(4), trine::closed);
  EXPECT_EQ(c.receive(), 1);
  EXPECT_EQ(c.try_receive(), 2);
  EXPECT_EQ(c.receive(), std::nullopt);
  EXPECT_TRUE(c.is_closed());
  EXPECT_THROW(trine::shared_channel<int>(0), std::invalid_argument);
}

TEST(shared_channel, close_wakes_all) {
  trine::shared_channel<int> empty(1), full(1);
  full.send(1);
  std::vector<trine::handle<bool>> all;
  for (const char* kind : kinds) {
    all.push_back(spawn(
        trine::parse_unit(kind),
        [](trine::shared_channel<int> c) { return !c.receive().has_value(); }, empty));
    all.push_back(spawn(
        trine::parse_unit(kind),
        [](trine::shared_channel<int> c) {
          try {
            c.send(2);
          } catch (const trine::closed&) {
            return true;
          }
          return false;
        },
        full));
  }
  trine::this_unit::sleep_for(5ms);
  empty.close();
  full.close();
  for (auto& h : all) EXPECT_TRUE(h.get());
}

TEST(shared_channel, elements_of_all_sizes) {
  words c(50, 4096);
  auto sender = spawn(
      trine::process,
      [](words out) {
        for (std::size_t i = 0; i < 3000; ++i) out.send(std::string(i * 37 % 4000, 'x'));
        out.close();
      },
      c);
  std::size_t i = 0;
  for (const std::string& text : c) ASSERT_EQ(text.size(), i++ * 37 % 4000);
  EXPECT_EQ(i, 3000U);
  sender.get();
  words small(50, 4096);
  EXPECT_THROW(small.send(std::string(5000, 'x')), trine::wire_error);
  EXPECT_EQ(small.size(), 0U);
}

TEST(shared_channel, a_stop_request_loses_nothing) {
  for (const char* kind : kinds) {
    trine::shared_channel<int> c(1);
    auto receiver = spawn(
        trine::parse_unit(kind), [](trine::shared_channel<int> in) { return in.receive(); }, c);
    trine::this_unit::sleep_for(2ms);
    receiver.request_stop();
    EXPECT_THROW(receiver.get(), trine::cancelled);
    c.send(5);
    EXPECT_EQ(c.receive(), 5);
  }
}

void send_for_ever(trine::shared_channel<std::array<long, 9>> out, longs last, int who) {
  for (long i = 1;; ++i) {
    std::array<long, 9> element;
    element.fill(i * 10 + who);
    std::atomic_ref(last[static_cast<std::size_t>(who)]).store(i);
    out.send(element);
  }
}

// Senders are killed in the middle of whatever they do: each element is whole, in order, and at
// most the one that was being sent is missing.
TEST(shared_channel, killed_senders) {
  trine::shared_channel<std::array<long, 9>> c(4);
  const longs last(3);
  for (int round = 0; round < (sanitized ? 5 : 40); ++round) {
    long next[3] = {1, 1, 1};
    std::vector<trine::handle<void>> all;
    for (int who = 0; who < 3; ++who)
      all.push_back(spawn(trine::process({.fresh = true}), send_for_ever, c, last, who));
    const auto take = [&](const std::array<long, 9>& e) {
      for (const long each : e) ASSERT_EQ(each, e[0]);
      const long who = e[0] % 10;
      ASSERT_EQ(e[0] / 10, next[who]);
      ++next[who];
    };
    for (int i = 0; i < 300 + round * 7; ++i) take(*c.receive());
    for (auto& h : all) h.kill();
    for (auto& h : all) EXPECT_THROW(h.get(), trine::crashed);
    while (auto e = c.try_receive()) take(*e);
    for (std::size_t who = 0; who < 3; ++who) {
      EXPECT_GE(next[who], last[who]);
      EXPECT_LE(next[who], last[who] + 1);
      last[who] = 0;
    }
  }
}

TEST(shared_channel, a_stranger_that_writes_over_it_is_found_out) {
  trine::shared_channel<int> c(4);
  c.send(1);
  // What a process that runs wild can do: it has the memory.
  trine::byte_buffer bytes;
  trine::detail::attachments with;
  bytes.attach_to(&with);
  trine::serialize_to(bytes, c);
  std::byte* const memory = trine::detail::segment_data(with.all().front().get());
  auto& state = *reinterpret_cast<trine::detail::shared_channel_state*>(memory);
  std::byte* const ring = memory + sizeof state;
  std::memset(ring, 0x7f, 16);
  EXPECT_THROW(c.receive(), trine::wire_error);
  state.cursors[state.current].taken_bytes = 1;
  EXPECT_THROW(c.receive(), trine::wire_error);
  EXPECT_THROW(c.send(1), trine::wire_error);
  state.bytes = ~std::uint64_t{0};
  EXPECT_THROW(c.receive(), trine::wire_error);
}

}  // namespace
