// A coroutine that never parks lets the timers and wakes of its home through at any Trine call, and
// is reported when it makes none. What ends each loop is that the others have had their turns.
#include <mutex>

#include "contract/support.hpp"

namespace {

using namespace support;

constexpr int turns = 20;

// On worker 0: `call` again and again until a sleeper of the same home has woken `turns` times.
template <class Call>
void expect_fair(Call call) {
  std::atomic<int> woken{0};
  const auto home = trine::coroutine({.worker = 0});
  trine::scope s;
  s.spawn(home, [&] {
    for (int i = 0; i < turns; ++i) {
      trine::this_unit::sleep_for(100us);
      woken.fetch_add(1);
    }
  });
  s.spawn(home, [&] {
    while (woken.load() < turns) call();
  });
  s.join();
}

TEST(fairness_of_calls, mutex_lock) {
  trine::mutex m;
  expect_fair([&] { const std::lock_guard guard(m); });
}

TEST(fairness_of_calls, mutex_try_lock) {
  trine::mutex m;
  expect_fair([&] {
    if (m.try_lock()) m.unlock();
  });
}

TEST(fairness_of_calls, handle_ready) {
  auto h = trine::spawn(trine::thread, [] { trine::this_unit::sleep_for(for_ever); });
  expect_fair([&] { EXPECT_FALSE(h.ready()); });
}

TEST(fairness_of_calls, handle_get_of_what_has_ended) {
  expect_fair([&] { trine::spawn(trine::coroutine, [] {}).wait(); });
  auto h = trine::spawn(trine::coroutine, [] {});
  h.wait();
  expect_fair([&] { h.wait(); });
}

TEST(fairness_of_calls, spawn) {
  expect_fair([&] { trine::spawn(trine::coroutine, [] {}).detach(); });
}

TEST(fairness_of_calls, scope) {
  trine::scope s;
  expect_fair([&] { EXPECT_EQ(s.running(), 0U); });
}

TEST(fairness_of_calls, this_unit) {
  expect_fair([&] { EXPECT_FALSE(trine::this_unit::stop_token().stop_requested()); });
  expect_fair([&] { EXPECT_NE(trine::this_unit::id(), 0U); });
}

TEST(fairness_of_calls, units) {
  expect_fair([&] { EXPECT_FALSE(trine::units().empty()); });
}

// Those woken by other threads, and a fresh one, come through as timers do.
TEST(fairness_of_calls, lets_wakes_and_fresh_ones_through) {
  std::atomic<int> through{0};
  const auto home = trine::coroutine({.worker = 0});
  trine::mutex gate, m;
  gate.lock();
  trine::scope s;
  std::atomic<bool> waits{false}, loops{false};
  s.spawn(home, [&] {
    waits.store(true);
    const std::lock_guard guard(gate);
    through.fetch_add(1);
  });
  spin_until([&] { return waits.load(); });
  s.spawn(home, [&] {
    loops.store(true);
    while (through.load() < 2) const std::lock_guard guard(m);
  });
  compute_until([&] { return loops.load(); });
  gate.unlock();
  s.spawn(home, [&] { through.fetch_add(1); });
  s.join();
}

// errno and exceptions in flight belong to the coroutine, also when a call that cannot block lets
// others run.
TEST(fairness_of_calls, keeps_what_belongs_to_the_coroutine) {
  trine::mutex m;
  try {
    throw std::runtime_error("mine");
  } catch (...) {
    trine::spawn(trine::coroutine, [&] {
      expect_fair([&] {
        try {
          throw std::runtime_error("mine");
        } catch (const std::exception& e) {
          errno = 77;
          const std::lock_guard guard(m);
          EXPECT_EQ(errno, 77);
          EXPECT_STREQ(e.what(), "mine");
        }
      });
    }).get();
  }
}

TEST(long_run, is_reported_with_name_and_place) {
  std::atomic<bool> over{false};
  auto h = trine::spawn(trine::coroutine({.name = "number cruncher"}),
                        [&] { compute_until([&] { return over.load(); }); });
  const auto find = [&] {
    for (const trine::unit_info& u : trine::units())
      if (u.id == h.id()) return u;
    return trine::unit_info{};
  };
  spin_until([&] { return find().running_since.time_since_epoch().count() != 0; });
  const trine::unit_info u = find();
  EXPECT_EQ(u.state, "running");
  EXPECT_GE(std::chrono::steady_clock::now() - u.running_since, 100ms);
  EXPECT_NE(u.file.find("fairness_test.cpp"), std::string::npos);
  const std::string text = trine::dump();
  const std::size_t at = text.find("number cruncher");
  ASSERT_NE(at, std::string::npos) << text;
  const std::string line = text.substr(at, text.find('\n', at) - at);
  EXPECT_NE(line.find("without a Trine call"), std::string::npos) << line;
  EXPECT_NE(line.find("fairness_test.cpp:"), std::string::npos) << line;
  over.store(true);
  h.get();
}

// Also when it goes on after one: the mark is of one run, and goes.
TEST(long_run, ends_with_a_call) {
  std::atomic<int> step{0};
  auto h = trine::spawn(trine::coroutine, [&] {
    compute_until([&] { return step.load() == 1; });
    spin_until([&] { return step.load() == 2; });
  });
  const auto marked = [&] {
    for (const trine::unit_info& u : trine::units())
      if (u.id == h.id()) return u.running_since.time_since_epoch().count() != 0;
    return false;
  };
  spin_until(marked);
  step.store(1);
  spin_until([&] { return !marked(); });
  step.store(2);
  h.get();
}

}  // namespace
