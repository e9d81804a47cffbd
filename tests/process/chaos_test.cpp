// Somebody kills and stops workers and the zygote while numbered jobs run: each job ends, with its
// own result or crashed, and the pool goes on afterwards.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <random>
#include <thread>

#include "process/process.hpp"
#include "process/support.hpp"

namespace {

using namespace process_tests;
using trine::spawn;

int twice(int n) { return 2 * n; }

void torment(std::atomic<bool>& over, bool zygote_too, bool stop_too, unsigned seed) {
  std::minstd_rand random(seed);
  while (!over.load()) {
    const pid_t zygote = trine::process_layer::count().zygote;
    if (zygote <= 0) continue;
    const std::vector<pid_t> workers = children_of(zygote);
    if (zygote_too && random() % 16 == 0) {
      kill(zygote, SIGKILL);
    } else if (!workers.empty()) {
      // Still that zygote's, most likely; a pid is not used again so soon.
      const pid_t victim = workers[random() % workers.size()];
      if (stop_too && random() % 4 == 0) {
        kill(victim, SIGSTOP);
        std::this_thread::yield();
        kill(victim, SIGCONT);
      } else {
        kill(victim, SIGKILL);
      }
    }
  }
}

struct outcome {
  std::atomic<int> good{0}, crashed{0};
};

void run_jobs(int jobs, outcome& o, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::pair<int, trine::handle<int>>> window;
  const auto end_one = [&](std::size_t i) {
    try {
      EXPECT_EQ(window[i].second.get(), 2 * window[i].first);
      ++o.good;
    } catch (const trine::crashed&) {
      ++o.crashed;
    }
    window.erase(window.begin() + static_cast<std::ptrdiff_t>(i));
  };
  for (int i = 0; i < jobs; ++i) {
    window.emplace_back(i, spawn(trine::process({.fresh = random() % 32 == 0}), twice, i));
    if (window.size() >= 1 + random() % 16) end_one(random() % window.size());
  }
  while (!window.empty()) end_one(0);
}

void chaos(bool zygote_too, bool stop_too) {
  EXPECT_EQ(spawn(trine::process, twice, 1).get(), 2);
  const int jobs = sanitized ? 300 : 2000;
  std::atomic<bool> over{false};
  outcome o;
  std::thread tormentor([&] { torment(over, zygote_too, stop_too, 1); });
  std::vector<std::thread> users;
  for (unsigned t = 0; t < 3; ++t) users.emplace_back([&, t] { run_jobs(jobs, o, t + 1); });
  for (auto& t : users) t.join();
  over = true;
  tormentor.join();
  EXPECT_EQ(o.good + o.crashed, 3 * jobs);
  EXPECT_GT(o.good.load(), 0);
  EXPECT_TRUE(eventually([] {
    try {
      return spawn(trine::process, twice, 4).get() == 8;
    } catch (const trine::crashed&) {
      return false;
    }
  }));
}

TEST(process_chaos, workers_are_killed) { chaos(false, false); }
TEST(process_chaos, workers_are_killed_and_stopped) { chaos(false, true); }
TEST(process_chaos, workers_and_zygote_are_killed) { chaos(true, true); }

}  // namespace
