// What many parked coroutines cost, and that it goes back to the kernel; guards of each kind.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <unordered_set>

#include "contract/support.hpp"
#include "coroutine/stack.hpp"

namespace {

using namespace support;
using namespace trine::literals;
using trine::coroutines::count_stacks;

long resident_kib() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("VmRSS:", 0) == 0) return std::stol(line.substr(6));
  return 0;
}

long map_lines() {
  std::ifstream file("/proc/self/maps");
  long lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  return lines;
}

// Parks `count` coroutines, calls look() while they are, and ends them.
template <class Look>
std::vector<std::uint64_t> park(int count, std::size_t stack_size, Look look) {
  std::atomic<int> arrived{0};
  trine::mutex lid;
  lid.lock();
  auto gate = trine::spawn(trine::coroutine, [&] { const std::lock_guard guard(lid); });
  std::vector<std::uint64_t> ids;
  ids.reserve(static_cast<std::size_t>(count));
  trine::scope s;
  for (int i = 0; i < count; ++i) {
    ids.push_back(s.spawn(trine::coroutine({.stack_size = stack_size}), [&] {
                     arrived.fetch_add(1);
                     gate.wait();
                   }).id());
  }
  spin_until([&] { return arrived.load() == count; });
  look();
  lid.unlock();
  s.join();
  return ids;
}

class many : public ::testing::Test {
 protected:
  void SetUp() override {
    if (sanitized) GTEST_SKIP() << "a sanitizer's own memory is in the way";
    trine::spawn(trine::coroutine, [] { trine::this_unit::yield(); }).get();
    if (!count_stacks().guard_by_madvise) GTEST_SKIP() << "guards by mprotect here";
  }
};

TEST_F(many, cost_a_page_each_and_no_mapping) {
  constexpr int count = 100'000;
  const long before = resident_kib();
  long parked = 0, maps = 0;
  park(count, 16_KiB, [&] {
    parked = resident_kib();
    maps = map_lines();
  });
  EXPECT_LE((parked - before) * 1024 / count, 4'710);
  EXPECT_LT(maps, 1'000);
  // Their pages, slots and cores are with the kernel again; what is kept is bounded.
  EXPECT_LE(resident_kib() - before, 20'000);
}

TEST_F(many, of_the_default_size_too) {
  constexpr int count = 20'000;
  const long before = resident_kib();
  long parked = 0, maps = 0;
  park(count, 1_MiB, [&] {
    parked = resident_kib();
    maps = map_lines();
  });
  EXPECT_LE((parked - before) * 1024 / count, 4'710);
  EXPECT_LT(maps, 1'000);
  EXPECT_LE(resident_kib() - before, 20'000);
}

TEST_F(many, give_address_space_back) {
  std::size_t most = 0;
  park(50'000, 32_KiB, [&] { most = count_stacks().reserved; });
  EXPECT_LE(count_stacks().reserved, most - 40'000 * 96_KiB);
}

// The registry's pages went back, with the count of how often each slot was used.
TEST(ids, are_never_used_again) {
  std::unordered_set<std::uint64_t> all;
  const int count = sanitized ? 1'000 : 50'000;
  for (int round = 0; round < 3; ++round)
    for (const std::uint64_t id : park(count, 16_KiB, [] {})) ASSERT_TRUE(all.insert(id).second);
}

[[gnu::noinline]] void dig(std::size_t bytes) {
  volatile char frame[8'192];
  for (std::size_t i = 0; i < sizeof(frame); i += 4'096) frame[i] = 1;
  if (bytes > sizeof(frame)) dig(bytes - sizeof(frame));
  trine::this_unit::kind();  // not a tail call
  frame[0] = frame[4'096];
}

TEST_F(many, deep_stacks_are_trimmed) {
  const long before = resident_kib();
  std::atomic<int> deep{0};
  trine::scope s;
  for (int i = 0; i < 60; ++i) {
    s.spawn(trine::coroutine, [&] {
      trine::this_unit::yield();
      dig(900'000);
      deep.fetch_add(1);
      spin_until([&] { return deep.load() == 60; });
    });
  }
  spin_until([&] { return deep.load() == 60; });
  EXPECT_GE(resident_kib() - before, 40'000);
  s.join();
  // 54 MB were touched; a worker gives back what is in its cache within a tenth of a second.
  while (resident_kib() - before > 8'000) std::this_thread::sleep_for(10ms);
}

// ---- guards by mprotect -------------------------------------------------------------------------

class by_mprotect : public ::testing::Test {
 protected:
  void SetUp() override {
    if (sanitized) GTEST_SKIP() << "a sanitizer has its own mappings and signals";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

bool readable(char* at) {
  // The kernel reads for us: a guard gives EFAULT instead of a signal.
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const bool can = write(ends[1], at, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return can;
}

// The documented bound is reached, the next are refused in words, and every one that was given has
// its guard.
void fill_up() {
  trine::coroutines::forgo_madvise_guards();
  std::atomic<int> parked{0}, refused{0}, unguarded{0}, wrong_words{0};
  trine::mutex lid;
  lid.lock();
  auto gate = trine::spawn(trine::coroutine, [&] { const std::lock_guard guard(lid); });
  constexpr int count = 40'000;
  std::vector<trine::handle<void>> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(trine::spawn(trine::coroutine({.stack_size = 16_KiB}), [&] {
      char here = 0;
      // 20 KiB below lies in the guard whatever the frames above are.
      if (readable(&here - 20 * 1024)) unguarded.fetch_add(1);
      parked.fetch_add(1);
      gate.wait();
    }));
  }
  while (true) {
    int ended = 0;
    for (auto& h : all) ended += h.ready() ? 1 : 0;
    if (parked.load() + ended == count) break;
    std::this_thread::sleep_for(10ms);
  }
  const int stood = parked.load();
  lid.unlock();
  for (auto& h : all) {
    try {
      h.get();
    } catch (const std::system_error& e) {
      refused.fetch_add(1);
      if (e.code() != std::errc::not_enough_memory ||
          std::string(e.what()).find("vm.max_map_count") == std::string::npos)
        wrong_words.fetch_add(1);
    }
  }
  std::fprintf(stderr, "%d stood, %d refused, %d unguarded, %d wrong\n", stood, refused.load(),
               unguarded.load(), wrong_words.load());
  // And it goes on after.
  trine::spawn(trine::coroutine, [] { trine::this_unit::yield(); }).get();
  std::_Exit(stood >= 30'000 && stood + refused.load() == count && unguarded.load() == 0 &&
                     wrong_words.load() == 0
                 ? 0
                 : 1);
}

TEST_F(by_mprotect, thirty_thousand_stand_and_the_rest_is_refused) {
  long most = 0;
  std::ifstream("/proc/sys/vm/max_map_count") >> most;
  if (most < 65'530) GTEST_SKIP() << "vm.max_map_count is lower than the default";
  EXPECT_EXIT(fill_up(), ::testing::ExitedWithCode(0), "stood");
}

void with_locked_memory() {
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    std::fprintf(stderr, "no mlockall");
    std::_Exit(0);
  }
  std::atomic<int> unguarded{0}, lost{0};
  for (int round = 0; round < 5; ++round) {
    trine::scope s;
    for (int i = 0; i < 200; ++i) {
      s.spawn(trine::coroutine({.stack_size = 16_KiB}), [&, i] {
        volatile int mine[500];
        for (int k = 0; k < 500; ++k) mine[k] = i + k;
        char here = 0;
        if (readable(&here - 20 * 1024)) unguarded.fetch_add(1);
        trine::this_unit::sleep_for(1ms);
        for (int k = 0; k < 500; ++k) lost.fetch_add(mine[k] == i + k ? 0 : 1);
      });
    }
    s.join();
  }
  const bool by_madvise = count_stacks().guard_by_madvise;
  std::fprintf(stderr, "%d unguarded, %d lost, %s\n", unguarded.load(), lost.load(),
               by_madvise ? "madvise" : "mprotect");
  std::_Exit(unguarded.load() == 0 && lost.load() == 0 && !by_madvise ? 0 : 1);
}

TEST_F(by_mprotect, when_memory_is_locked) {
  EXPECT_EXIT(with_locked_memory(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
