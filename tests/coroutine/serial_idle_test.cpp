// A program whose units all wait, or have ended, uses no CPU. The one test that asks a clock.
#include <ctime>
#include <mutex>
#include <thread>

#include "contract/support.hpp"

namespace {

using namespace support;

std::chrono::nanoseconds cpu_used() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

// Less than 5 % of one CPU over 300 ms, counting from a little after the work.
void expect_idle() {
  std::this_thread::sleep_for(50ms);
  const auto before = cpu_used();
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(cpu_used() - before, 15ms);
}

TEST(idle, after_work) {
  trine::map(trine::coroutine, std::vector<int>(2000), [](int n) {
    trine::this_unit::sleep_for(1us);
    return n;
  });
  trine::map(trine::thread, std::vector<int>(50), [](int n) { return n; });
  expect_idle();
}

TEST(idle, with_everything_parked) {
  std::atomic<int> arrived{0};
  trine::scope s;
  for (int i = 0; i < 1000; ++i) {
    s.spawn(trine::coroutine, [&] {
      arrived.fetch_add(1);
      trine::this_unit::sleep_for(for_ever);
    });
  }
  for (int i = 0; i < 10; ++i) {
    s.spawn(trine::thread, [&] {
      arrived.fetch_add(1);
      trine::this_unit::sleep_for(for_ever);
    });
  }
  spin_until([&] { return arrived.load() == 1010; });
  expect_idle();
}

TEST(idle, with_a_far_deadline_on_every_unit) {
  std::atomic<int> arrived{0};
  trine::scope s;
  for (int i = 0; i < 100; ++i) {
    s.spawn(trine::coroutine({.deadline = for_ever}), [&] {
      arrived.fetch_add(1);
      trine::this_unit::sleep_for(for_ever);
    });
  }
  spin_until([&] { return arrived.load() == 100; });
  expect_idle();
}

TEST(idle, with_a_mutex_that_is_not_given) {
  trine::mutex m;
  m.lock();
  std::atomic<int> arrived{0};
  trine::scope s;
  for (int i = 0; i < 50; ++i) {
    auto body = [&] {
      arrived.fetch_add(1);
      const std::lock_guard guard(m);
    };
    s.spawn(trine::coroutine, body);
    s.spawn(trine::thread, body);
  }
  spin_until([&] { return arrived.load() == 100; });
  expect_idle();
  m.unlock();
  s.join();
}

TEST(idle, with_idle_processes) {
  for (int i = 0; i < 5; ++i) trine::spawn(trine::process, [] {}).get();
  expect_idle();
}

}  // namespace
