// The slab: blocks of one address at a time, aligned, whole; and its memory back when they are.
#include "os/slab.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using trine::os::count_slabs;
using trine::os::give_blocks;
using trine::os::slab_classes;
using trine::os::slab_step;
using trine::os::take_blocks;

struct taken {
  void* at;
  std::size_t size;
};

std::vector<taken> take(std::size_t index, std::size_t count) {
  std::vector<taken> all;
  while (all.size() < count) {
    void* some[50];
    const std::size_t n = take_blocks(index, some, std::min<std::size_t>(50, count - all.size()));
    if (n == 0) break;
    for (std::size_t i = 0; i < n; ++i) all.push_back({some[i], slab_step * (index + 1)});
  }
  return all;
}

void give(const std::vector<taken>& all) {
  for (const taken& t : all) give_blocks(&t.at, 1);
}

TEST(slab, blocks_are_aligned_and_apart) {
  std::vector<taken> all;
  for (std::size_t index = 0; index < slab_classes; ++index) {
    const auto some = take(index, 1'000);
    ASSERT_EQ(some.size(), 1'000U);
    all.insert(all.end(), some.begin(), some.end());
  }
  std::sort(all.begin(), all.end(), [](const taken& a, const taken& b) { return a.at < b.at; });
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(all[i].at) % slab_step, 0U);
    std::memset(all[i].at, 0xee, all[i].size);
    if (i == 0) continue;
    ASSERT_LE(static_cast<char*>(all[i - 1].at) + all[i - 1].size, all[i].at);
  }
  give(all);
}

TEST(slab, memory_goes_back_and_is_used_again) {
  for (int round = 0; round < 3; ++round) {
    auto all = take(5, 100'000);  // 38 MB
    ASSERT_EQ(all.size(), 100'000U);
    for (const taken& t : all) std::memset(t.at, round, t.size);
    EXPECT_GE(count_slabs().in_use, 100'000 / 42);
    std::shuffle(all.begin(), all.end(), std::mt19937(7));
    give(all);
    EXPECT_EQ(count_slabs().in_use, 0U);
    EXPECT_LE(count_slabs().resident, trine::os::slab_kept_bytes / (16 * 1024));
  }
  // The same spans each time, and for other sizes too.
  const std::size_t spans = count_slabs().spans;
  give(take(0, 200'000));
  give(take(7, 50'000));
  EXPECT_EQ(count_slabs().spans, spans);
}

TEST(slab, many_threads) {
  std::vector<std::thread> all;
  for (unsigned t = 0; t < 4; ++t) {
    all.emplace_back([t] {
      std::mt19937 random(t);
      std::vector<taken> mine;
      for (int i = 0; i < 3'000; ++i) {
        for (const taken& one : take(random() % slab_classes, random() % 40)) {
          std::memset(one.at, static_cast<int>(t), one.size);
          mine.push_back(one);
        }
        while (mine.size() > 1'000 || (!mine.empty() && random() % 2 == 0)) {
          const taken one = mine.back();
          mine.pop_back();
          for (std::size_t b = 0; b < one.size; ++b)
            ASSERT_EQ(static_cast<char*>(one.at)[b], static_cast<char>(t));
          give_blocks(&one.at, 1);
        }
      }
      give(mine);
    });
  }
  for (auto& t : all) t.join();
  EXPECT_EQ(count_slabs().in_use, 0U);
}

// fork() while other threads are inside: the child finds it whole and unlocked.
TEST(slab, in_a_child_of_fork) {
  std::atomic<bool> over{false};
  std::vector<std::thread> all;
  for (int t = 0; t < 2; ++t) {
    all.emplace_back([&] {
      while (!over.load()) give(take(2, 100));
    });
  }
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      give(take(2, 500));
      _exit(0);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  over.store(true);
  for (auto& t : all) t.join();
}

}  // namespace
