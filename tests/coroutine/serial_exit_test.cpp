// How a program ends, or fails, while coroutines are parked, queued and running. Each case is a
// program of its own: this one, run again.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "contract/support.hpp"

namespace {

using namespace support;

class program : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};
using exits = program;
using memory = program;

// Fills the workers with units of every state, and leaves them so.
void leave_some(bool running) {
  static std::atomic<int> started{0};
  for (int i = 0; i < 100; ++i) {
    trine::spawn(trine::coroutine, [] {
      started.fetch_add(1);
      trine::this_unit::sleep_for(for_ever);
    }).detach();
  }
  spin_until([] { return started.load() == 100; });
  for (int i = 0; i < 10; ++i) {
    trine::spawn(trine::coroutine, [] {
      started.fetch_add(1);
      for (;;) trine::this_unit::yield();
    }).detach();
  }
  spin_until([] { return started.load() == 110; });
  if (!running) return;
  for (int i = 0; i < 2; ++i) {
    trine::spawn(trine::coroutine({.worker = i}), [] {
      started.fetch_add(1);
      compute_until([] { return false; });
    }).detach();
  }
  spin_until([] { return started.load() == 112; });
  for (int i = 0; i < 1000; ++i) trine::spawn(trine::coroutine, [] { _exit(99); }).detach();
}

TEST_F(exits, from_main_with_parked_and_yielding) {
  EXPECT_EXIT(
      {
        leave_some(false);
        std::exit(7);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST_F(exits, from_main_with_queued_and_computing) {
  EXPECT_EXIT(
      {
        leave_some(true);
        std::exit(8);
      },
      ::testing::ExitedWithCode(8), "");
}

TEST_F(exits, from_a_coroutine) {
  EXPECT_EXIT(
      {
        leave_some(false);
        trine::spawn(trine::coroutine, [] { std::exit(9); }).get();
      },
      ::testing::ExitedWithCode(9), "");
}

TEST_F(exits, from_a_thread) {
  EXPECT_EXIT(
      {
        leave_some(false);
        trine::spawn(trine::thread, [] { std::exit(10); }).get();
      },
      ::testing::ExitedWithCode(10), "");
}

TEST_F(exits, at_once_without_any_unit) {
  EXPECT_EXIT(std::exit(11), ::testing::ExitedWithCode(11), "");
}

TEST_F(exits, with_units_that_have_ended) {
  EXPECT_EXIT(
      {
        trine::map(trine::coroutine, std::vector<int>(1000), [](int n) { return n; });
        trine::map(trine::thread, std::vector<int>(20), [](int n) { return n; });
        std::exit(12);
      },
      ::testing::ExitedWithCode(12), "");
}

TEST_F(exits, output_is_written) {
  EXPECT_EXIT(
      {
        leave_some(false);
        trine::spawn(trine::coroutine, [] { std::fputs("last words\n", stderr); }).get();
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "last words");
}

// Its destructor runs after main has ended.
struct spawns_at_the_end {
  bool armed = false;
  ~spawns_at_the_end() {
    if (!armed) return;
    try {
      trine::spawn(trine::coroutine, [] {}).detach();
      std::fputs("it was taken\n", stderr);
    } catch (const trine::usage_error& e) {
      std::fprintf(stderr, "refused: %s\n", e.what());
    }
  }
} at_the_end;

TEST_F(exits, spawning_after_main_has_ended_is_an_error) {
  EXPECT_EXIT(
      {
        at_the_end.armed = true;
        trine::spawn(trine::coroutine, [] {}).get();
        std::exit(13);
      },
      ::testing::ExitedWithCode(13), "refused: trine: ");
}

[[gnu::noinline]] void throws() { throw std::runtime_error("straight through noexcept"); }

TEST_F(exits, terminate_in_a_coroutine_ends_the_program) {
  EXPECT_DEATH(trine::spawn(trine::coroutine, []() noexcept { throws(); }).get(),
               "straight through noexcept");
}

TEST_F(exits, a_detached_coroutine_that_throws_does_not_end_the_program) {
  EXPECT_EXIT(
      {
        trine::spawn(trine::coroutine({.worker = 0}), [] {
          trine::this_unit::yield();
          throw std::runtime_error("out of a detached one");
        }).detach();
        for (int i = 0; i < 100; ++i)
          trine::spawn(trine::coroutine({.worker = 0}), [] { trine::this_unit::yield(); }).get();
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "out of a detached one");
}

TEST_F(exits, stack_overflow_is_not_silent) {
  if (sanitized) GTEST_SKIP() << "sanitizers answer a fault themselves";
  struct endless {
    static int dig(int n) {
      volatile char frame[1000];
      frame[0] = static_cast<char>(n);
      return n < 0 ? 0 : dig(n + 1) + frame[0];
    }
  };
  EXPECT_EXIT(
      trine::spawn(trine::coroutine({.name = "digger"}), endless::dig, 0).get(),
      [](int status) { return WIFSIGNALED(status); }, "");
}

// ---- memory -------------------------------------------------------------------------------------

std::size_t address_space() {
  std::ifstream pages("/proc/self/statm");
  std::size_t count = 0;
  pages >> count;
  return count * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

[[noreturn]] void run_out_of_stacks() {
  trine::spawn(trine::coroutine, [] { trine::this_unit::yield(); }).get();
  const rlim_t most = address_space() + (std::size_t{300} << 20);
  const rlimit limit{most, most};
  if (setrlimit(RLIMIT_AS, &limit) != 0) std::exit(1);
  std::atomic<bool> over{false};
  std::vector<trine::handle<void>> all;
  // Large stacks: what is left when the next one does not fit is plenty for everything else.
  for (int i = 0; i < 20; ++i) {
    all.push_back(trine::spawn(trine::coroutine({.stack_size = std::size_t{64} << 20}), [&over] {
      while (!over.load()) trine::this_unit::sleep_for(1ms);
    }));
  }
  int refused = 0, fine = 0;
  // Some get no stack and end at once; the others wait and end well.
  spin_until(
      [&] { return std::any_of(all.begin(), all.end(), [](auto& h) { return h.ready(); }); });
  over.store(true);
  for (auto& h : all) {
    try {
      h.get();
      ++fine;
    } catch (const std::system_error& e) {
      if (e.code() != std::errc::not_enough_memory) std::exit(2);
      ++refused;
    }
  }
  std::fprintf(stderr, "refused %d of %zu\n", refused, all.size());
  // And there is a stack again.
  trine::spawn(trine::coroutine, [] { trine::this_unit::yield(); }).get();
  std::exit(refused > 0 && fine > 0 ? 0 : 3);
}

TEST_F(memory, none_for_a_stack_is_an_exception) {
  if (sanitized) GTEST_SKIP() << "sanitizers need all of the address space";
  EXPECT_EXIT(run_out_of_stacks(), ::testing::ExitedWithCode(0), "refused");
}

}  // namespace
