// The options of threads and coroutines.
#include <pthread.h>
#include <sched.h>

#include <set>
#include <thread>
#include <tuple>

#include "contract/support.hpp"

namespace {

using namespace support;
using namespace trine::literals;

// Uses about `bytes` of stack, and every page of it.
[[gnu::noinline]] std::size_t use_stack(std::size_t bytes) {
  volatile char page[4096];
  page[0] = 1;
  page[4095] = 1;
  if (bytes <= sizeof(page)) return sizeof(page);
  const std::size_t below = use_stack(bytes - sizeof(page));
  return below + sizeof(page) + static_cast<std::size_t>(page[0] - page[4095]);
}

TEST(thread_options, stack_size) {
  const std::size_t wanted = sanitized ? 2_MiB : 12_MiB;
  EXPECT_GE(trine::spawn(trine::thread({.stack_size = 64_MiB}), use_stack, wanted).get(), wanted);
  EXPECT_GE(trine::spawn(trine::thread, use_stack, 100_KiB).get(), 100_KiB);
  // Too small for any thread: rounded up to what the system needs.
  EXPECT_EQ(trine::spawn(trine::thread({.stack_size = 1}), [] { return 3; }).get(), 3);
}

TEST(thread_options, stack_that_no_machine_has) {
  EXPECT_THROW(
      std::ignore = trine::spawn(trine::thread({.stack_size = std::size_t{1} << 60}), [] {}),
      std::system_error);
  EXPECT_EQ(trine::spawn(trine::thread, [] { return 3; }).get(), 3);
}

TEST(thread_options, cpus) {
  for (const unsigned cpu : usable_cpus()) {
    auto h = trine::spawn(trine::thread({.cpus = {cpu}}), [] {
      const int here = sched_getcpu();
      for (int i = 0; i < 10; ++i) {
        sched_yield();
        if (sched_getcpu() != here) return -1;
      }
      return here;
    });
    EXPECT_EQ(h.get(), static_cast<int>(cpu));
  }
}

TEST(thread_options, cpus_that_may_not_be_used) {
  EXPECT_THROW(std::ignore = trine::spawn(trine::thread({.cpus = {1023}}), [] {}),
               std::invalid_argument);
}

TEST(thread_options, some_cpus_that_may_be_used) {
  trine::cpu_set set = {1023};
  set.add(usable_cpus().front());
  EXPECT_EQ(trine::spawn(trine::thread({.cpus = set}), [] { return sched_getcpu(); }).get(),
            static_cast<int>(usable_cpus().front()));
}

TEST(coroutine_options, worker) {
  for (int w = 0; w < static_cast<int>(trine::worker_count()); ++w) {
    for (int i = 0; i < 20; ++i) {
      auto h = trine::spawn(trine::coroutine({.worker = w}), [] {
        char name[16];
        pthread_getname_np(pthread_self(), name, sizeof(name));
        return std::string(name);
      });
      EXPECT_EQ(h.get(), "trine-worker-" + std::to_string(w));
      EXPECT_EQ(h.stats().ran_at, w);
    }
  }
}

TEST(coroutine_options, worker_from_a_coroutine_of_another_home) {
  auto h = trine::spawn(trine::coroutine({.worker = 0}), [] {
    const auto mine = pthread_self();
    auto other = trine::spawn(trine::coroutine({.worker = 1}), [] { return pthread_self(); });
    auto same = trine::spawn(trine::coroutine({.worker = 0}), [] { return pthread_self(); });
    return pthread_equal(mine, other.get()) == 0 && pthread_equal(mine, same.get()) != 0;
  });
  EXPECT_TRUE(h.get());
}

TEST(coroutine_options, worker_that_does_not_exist) {
  for (const int w : {static_cast<int>(trine::worker_count()), 4000, -2, -1000}) {
    try {
      auto h = trine::spawn(trine::coroutine({.worker = w}), [] {});
      ADD_FAILURE() << w;
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find(std::to_string(w)), std::string::npos) << e.what();
    }
  }
}

TEST(coroutine_options, stack_size_classes) {
  for (const std::size_t size :
       {std::size_t{1}, 16_KiB, 16_KiB + 1, 64_KiB, 1_MiB - 1, 2_MiB, 8_MiB, 64_MiB}) {
    auto h = trine::spawn(
        trine::coroutine({.stack_size = size}),
        [](std::size_t mine) {
          trine::this_unit::yield();
          const std::size_t use = mine < 32_KiB ? 0 : sanitized ? mine / 4 : mine / 4 * 3;
          const bool enough = use_stack(use) >= use;
          trine::this_unit::yield();
          return enough;
        },
        size);
    EXPECT_TRUE(h.get()) << size;
  }
}

TEST(coroutine_options, stack_too_large) {
  EXPECT_THROW(std::ignore = trine::spawn(trine::coroutine({.stack_size = 64_MiB + 1}), [] {}),
               std::invalid_argument);
  EXPECT_THROW(std::ignore = trine::spawn(trine::coroutine({.stack_size = ~std::size_t{0}}), [] {}),
               std::invalid_argument);
}

TEST(coroutine_options, sizes_mixed_on_one_worker) {
  trine::scope s;
  std::atomic<int> ended{0};
  for (int i = 0; i < 200; ++i) {
    s.spawn(trine::coroutine({.stack_size = 16_KiB << (i % 5), .worker = i % 2}), [&ended, i] {
      if (i % 3 != 0) trine::this_unit::sleep_for(std::chrono::microseconds(i));
      ended.fetch_add(1);
    });
  }
  s.join();
  EXPECT_EQ(ended.load(), 200);
}

TEST(coroutine_options, roaming) {
  trine::scope s;
  std::atomic<long> sum{0};
  for (int i = 0; i < 100; ++i) {
    s.spawn(trine::coroutine({.roaming = true}), [&sum, i] {
      long mine = 0;
      for (int k = 0; k < 50; ++k) {
        mine += i;
        if (k % 10 == 0) trine::this_unit::sleep_for(1us);
        trine::this_unit::yield();
      }
      sum += mine;
    });
  }
  s.join();
  EXPECT_EQ(sum.load(), 50L * 4950);
}

TEST(configure, after_the_first_spawn) {
  trine::spawn(trine::coroutine, [] {}).get();
  EXPECT_THROW(trine::configure({.workers = 3}), trine::usage_error);
  EXPECT_GE(trine::worker_count(), 1U);
}

TEST(configure, out_of_range) {
  EXPECT_THROW(trine::configure({.workers = 1025}), std::invalid_argument);
  EXPECT_THROW(trine::configure({.processes = 100'000}), std::invalid_argument);
}

}  // namespace
