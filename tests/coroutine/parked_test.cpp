// Great numbers of coroutines that wait, deep stacks, stacks that are used again.
#include <mutex>

#include "contract/support.hpp"
#include "coroutine/stack.hpp"

namespace {

using namespace support;
using namespace trine::literals;

TEST(parked, a_hundred_thousand_then_woken) {
  // ThreadSanitizer knows about 8,000 fibres; guards by mprotect cost two mappings each.
  const int count = sanitized                                            ? 2'000
                    : trine::coroutines::count_stacks().guard_by_madvise ? 100'000
                                                                         : 10'000;
  trine::mutex gate;
  std::atomic<int> arrived{0};
  long through = 0;
  gate.lock();
  trine::scope s;
  for (int i = 0; i < count; ++i) {
    s.spawn(trine::coroutine({.stack_size = 16_KiB}), [&] {
      arrived.fetch_add(1);
      const std::lock_guard guard(gate);
      ++through;
    });
  }
  spin_until([&] { return arrived.load() == count; });
  EXPECT_EQ(through, 0);
  gate.unlock();
  s.join();
  EXPECT_EQ(through, count);
}

TEST(parked, asleep_then_stopped) {
  const int count = sanitized ? 1'000 : 20'000;
  std::atomic<int> arrived{0}, stopped{0};
  trine::scope s;
  for (int i = 0; i < count; ++i) {
    s.spawn(trine::coroutine, [&] {
      arrived.fetch_add(1);
      try {
        trine::this_unit::sleep_for(for_ever);
      } catch (const trine::cancelled&) {
        stopped.fetch_add(1);
        throw;
      }
    });
  }
  spin_until([&] { return arrived.load() == count; });
  s.request_stop();
  s.join();
  EXPECT_EQ(stopped.load(), count);
}

// Each frame is written before the park below it and read after it.
int dig(int depth, int mine) {
  volatile int frame[64];
  for (int i = 0; i < 64; ++i) frame[i] = mine + depth + i;
  if (depth == 0) {
    trine::this_unit::yield();
    return 0;
  }
  const int below = dig(depth - 1, mine);
  if (depth % 64 == 0) trine::this_unit::yield();
  int wrong = below;
  for (int i = 0; i < 64; ++i) wrong += frame[i] != mine + depth + i ? 1 : 0;
  return wrong;
}

TEST(deep_stacks, keep_every_frame) {
  trine::scope s;
  std::vector<trine::unit_ref<int>> refs;
  for (int i = 0; i < 16; ++i) refs.push_back(s.spawn(trine::coroutine, dig, 600, i * 1'000'000));
  s.join();
  for (auto& ref : refs) EXPECT_EQ(ref.get(), 0);
}

TEST(stacks, are_used_again) {
  const auto run = [] {
    trine::scope s;
    for (int i = 0; i < 200; ++i) s.spawn(trine::coroutine, [] { trine::this_unit::yield(); });
    s.join();
  };
  // How many stand at once varies from run to run, but there is a most.
  for (int i = 0; i < 10; ++i) run();
  const std::size_t made = trine::coroutines::count_stacks().made;
  for (int i = 0; i < 200; ++i) run();
  EXPECT_LE(trine::coroutines::count_stacks().made, made + 400);
}

TEST(stacks, of_a_body_that_never_parks_are_not_needed) {
  trine::spawn(trine::coroutine, [] {}).get();
  const std::size_t made = trine::coroutines::count_stacks().made;
  trine::scope s;
  for (int i = 0; i < 5'000; ++i) s.spawn(trine::coroutine, [] {});
  s.join();
  // One to stand on and one to spare for each worker, and a few in exchange.
  EXPECT_LE(trine::coroutines::count_stacks().made, made + 16);
}

TEST(stacks, classes) {
  using trine::coroutines::class_for;
  using trine::coroutines::class_size;
  static_assert(class_for(1) == 0 && class_size(0) == 16_KiB);
  static_assert(class_for(16_KiB) == 0 && class_for(16_KiB + 1) == 1);
  static_assert(class_size(class_for(1_MiB)) == 1_MiB);
  static_assert(class_for(64_MiB) + 1 == trine::coroutines::stack_classes);
  static_assert(class_for(64_MiB + 1) == trine::coroutines::stack_classes);
}

TEST(fairness, a_coroutine_that_yields_lets_all_others_run) {
  std::atomic<int> done{0};
  const auto home = trine::coroutine({.worker = 0});
  trine::scope s;
  s.spawn(home, [&] {
    while (done.load() < 4) trine::this_unit::yield();
  });
  s.spawn(home, [&] {  // a timer
    trine::this_unit::sleep_for(1ms);
    done.fetch_add(1);
  });
  s.spawn(home, [&] {  // resumed ones
    for (int i = 0; i < 1000; ++i) trine::this_unit::yield();
    done.fetch_add(1);
  });
  s.spawn(home, [&] {  // woken from another home
    trine::spawn(trine::coroutine({.worker = 1}), [] { trine::this_unit::sleep_for(1ms); }).get();
    done.fetch_add(1);
  });
  s.spawn(home, [&] {  // fresh ones, pinned and not
    trine::spawn(home, [] {}).get();
    trine::spawn(trine::coroutine, [] {}).get();
    done.fetch_add(1);
  });
  s.join();
}

TEST(fairness, those_who_spawn_without_end_starve_nobody) {
  std::atomic<bool> over{false};
  const auto home = trine::coroutine({.worker = 0});
  trine::scope s;
  for (int i = 0; i < 2; ++i) {
    s.spawn(home, [&] {
      while (!over.load()) trine::spawn(home, [] {}).get();
    });
  }
  s.spawn(home, [&] {
    trine::this_unit::sleep_for(1ms);
    over.store(true);
  });
  s.join();
}

TEST(fairness, work_from_outside_is_taken_while_all_are_busy) {
  std::atomic<bool> over{false};
  trine::scope s;
  for (int i = 0; i < 2; ++i) {
    s.spawn(trine::coroutine({.worker = i}), [&] {
      while (!over.load()) trine::this_unit::yield();
    });
  }
  for (int i = 0; i < 100; ++i) trine::spawn(trine::coroutine, [] {}).get();
  over.store(true);
  s.join();
}

}  // namespace
