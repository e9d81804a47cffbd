// What a process unit is: its arguments, results, memory, exceptions, name, stop and deadline.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <thread>

#include "process/process.hpp"
#include "process/support.hpp"

namespace {

using namespace trine::literals;
using namespace std::chrono_literals;
using process_tests::eventually;
using trine::spawn;

int a_global = 5;
int bump() { return ++a_global; }

TEST(process_unit, globals_are_as_after_static_construction) {
  a_global = 100;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(spawn(trine::process({.fresh = true}), bump).get(), 6);
  EXPECT_EQ(a_global, 100);
}

TEST(process_unit, a_warm_worker_keeps_what_jobs_left) {
  std::map<pid_t, int> last;
  bool seen_again = false;
  for (int i = 0; i < 50; ++i) {
    const auto [pid, value] =
        spawn(trine::process, [] { return std::pair(getpid(), bump()); }).get();
    EXPECT_EQ(value, last.contains(pid) ? last[pid] + 1 : value) << pid;
    seen_again = seen_again || last.contains(pid);
    last[pid] = value;
  }
  EXPECT_TRUE(seen_again);
}

std::map<std::string, std::vector<double>> roundtrip(std::map<std::string, std::vector<double>> m) {
  m["more"] = {1, 2, 3};
  return m;
}
std::unique_ptr<int> boxed(std::unique_ptr<int> p) {
  ++*p;
  return p;
}
void nothing() {}

std::vector<int> allowed_processors() {
  cpu_set_t set;
  std::vector<int> all;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return all;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) all.push_back(i);
  return all;
}

// A worker on the spawner's processor moves to another by narrowing its own set for a moment.
TEST(process_unit, jobs_may_run_where_the_program_may) {
  const std::vector<int> mine = allowed_processors();
  for (int burst = 0; burst < 20; ++burst) {
    for (int i = 0; i < 200; ++i) ASSERT_EQ(spawn(trine::process, allowed_processors).get(), mine);
    std::this_thread::sleep_for(1ms);  // the worker sleeps, and wakes on our processor
  }
}

TEST(process_unit, values_cross) {
  const auto m =
      spawn(trine::process, roundtrip, std::map<std::string, std::vector<double>>{{"a", {0.5}}})
          .get();
  EXPECT_EQ(m.size(), 2U);
  EXPECT_EQ(m.at("a"), std::vector<double>{0.5});
  EXPECT_EQ(*spawn(trine::process, boxed, std::make_unique<int>(41)).get(), 42);
  spawn(trine::process, nothing).get();
  EXPECT_EQ(spawn(
                trine::process, [](std::string a, int b) { return a + std::to_string(b); },
                std::string("x"), 7)
                .get(),
            "x7");
}

std::string repeat(std::string text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(process_unit, payloads_around_the_inline_size_and_far_beyond) {
  for (std::size_t n : {0U, 1U, 16'300U, 16'368U, 16'375U, 16'376U, 16'377U, 16'384U, 16'385U,
                        65'536U, 1'000'000U}) {
    const std::string text(n, 'x');
    EXPECT_EQ(spawn(trine::process, repeat, text, 1).get(), text) << n;
    EXPECT_EQ(spawn(trine::process, repeat, text, 0).get(), "");
  }
  for (int i = 0; i < 3; ++i) {
    std::string text(64_MiB, 'y');
    text.back() = 'z';
    EXPECT_TRUE(spawn(trine::process, repeat, text, 1).get() == text);
    EXPECT_EQ(spawn(trine::process, repeat, "small", 2).get(), "smallsmall");
  }
  const std::string huge = spawn(trine::process, repeat, std::string(1_MiB, 'q'), 100).get();
  EXPECT_EQ(huge.size(), 100_MiB);
}

void throw_range(int n) { throw std::out_of_range("no " + std::to_string(n)); }
struct special : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void throw_special() { throw special("my own"); }
void throw_large() { throw std::runtime_error(std::string(100'000, 'e')); }

TEST(process_unit, exceptions_cross) {
  try {
    spawn(trine::process, throw_range, 9).get();
    FAIL();
  } catch (const std::out_of_range& e) {
    EXPECT_STREQ(e.what(), "no 9");
  }
  try {
    spawn(trine::process, throw_special).get();
    FAIL();
  } catch (const trine::remote_error& e) {
    EXPECT_STREQ(e.what(), "my own");
    EXPECT_NE(e.type_name().find("special"), std::string::npos);
  }
  EXPECT_THROW(spawn(trine::process, throw_large).get(), std::runtime_error);
  EXPECT_EQ(spawn(trine::process, repeat, "a", 2).get(), "aa");
}

std::string describe() {
  return std::string(to_string(trine::this_unit::kind())) + " " + trine::this_unit::name() + " " +
         std::to_string(trine::this_unit::id());
}

TEST(process_unit, knows_itself) {
  auto h = spawn(trine::process({.name = "scanner"}), describe);
  const std::string id = std::to_string(h.id());
  EXPECT_EQ(h.get(), "process scanner " + id);
}

TEST(process_unit, stats) {
  auto h = spawn(trine::process, [] {
    volatile unsigned sum = 0;
    for (unsigned i = 0; i < 20'000'000; ++i) sum = sum + i;
    return getpid();
  });
  h.wait();
  const trine::unit_stats s = h.stats();
  ASSERT_TRUE(s.cpu_time && s.wall_time && s.peak_memory);
  EXPECT_GT(s.cpu_time->count(), 0);
  EXPECT_GT(s.wall_time->count(), 0);
  EXPECT_GT(*s.peak_memory, 100'000U);
  EXPECT_EQ(s.ran_at, h.get());
}

int until_stopped() {
  const std::stop_token token = trine::this_unit::stop_token();
  while (!token.stop_requested()) std::this_thread::yield();
  return 3;
}
int sleep_until_stopped() {
  try {
    trine::this_unit::sleep_for(1h);
  } catch (const trine::cancelled&) {
    return 4;
  }
  return 0;
}
void sleep_long() { trine::this_unit::sleep_for(1h); }

TEST(process_unit, request_stop) {
  for (int i = 0; i < 20; ++i) {
    auto a = spawn(trine::process, until_stopped);
    auto b = spawn(trine::process, sleep_until_stopped);
    auto c = spawn(trine::process, sleep_long);
    a.request_stop();
    b.request_stop();
    c.request_stop();
    EXPECT_EQ(a.get(), 3);
    EXPECT_EQ(b.get(), 4);
    EXPECT_THROW(c.get(), trine::cancelled);
    // The next job on the same workers is not stopped.
    EXPECT_EQ(spawn(trine::process, repeat, "a", 1).get(), "a");
  }
}

TEST(process_unit, stop_from_a_destructor) {
  for (int i = 0; i < 20; ++i) auto h = spawn(trine::process, sleep_long);
}

TEST(process_unit, deadline) {
  EXPECT_THROW(spawn(trine::process({.deadline = 30ms}), sleep_long).get(), trine::timed_out);
  EXPECT_EQ(spawn(trine::process({.deadline = 30ms}), until_stopped).get(), 3);
  EXPECT_EQ(spawn(trine::process({.deadline = 1h}), repeat, "d", 1).get(), "d");
}

TEST(process_unit, waiting_with_a_bound) {
  auto h = spawn(trine::process, sleep_long);
  EXPECT_FALSE(h.wait_for(1ms));
  EXPECT_FALSE(h.wait_for(0ms));
  EXPECT_FALSE(h.ready());
  h.request_stop();
  EXPECT_TRUE(h.wait_for(60s));
  EXPECT_THROW(h.get(), trine::cancelled);
  // Given up by the joiner, the reply is the keeper's to take.
  for (int i = 0; i < 300; ++i) {
    auto q = spawn(trine::process, repeat, "w", 1);
    (void)q.wait_for(std::chrono::microseconds(i % 7));
    EXPECT_TRUE(eventually([&] { return q.ready(); }));
    EXPECT_EQ(q.get(), "w");
  }
}

int nested(int depth) {
  return depth == 0 ? 1 : 1 + spawn(trine::process, nested, depth - 1).get();
}
int nested_mixed() {
  auto t = spawn(trine::thread, [] { return spawn(trine::process, nested, 1).get(); });
  auto c = spawn(trine::coroutine, [] { return spawn(trine::process, nested, 1).get(); });
  return t.get() + c.get();
}

TEST(process_unit, nested) {
  EXPECT_EQ(spawn(trine::process, nested, 3).get(), 4);
  EXPECT_EQ(spawn(trine::process, nested_mixed).get(), 4);
  // All workers of one level wait for the next: nobody waits for a slot of an ancestor.
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < 8; ++i) all.push_back(spawn(trine::process, nested, 1));
  for (auto& h : all) EXPECT_EQ(h.get(), 2);
}

TEST(process_unit, from_fifty_threads_and_from_coroutines) {
  std::vector<std::thread> threads;
  std::atomic<int> sum{0};
  for (int t = 0; t < 50; ++t)
    threads.emplace_back([&sum, t] {
      for (int i = 0; i < 20; ++i)
        sum += spawn(
                   trine::process, [](int a, int b) { return a + b; }, t, i)
                   .get();
    });
  std::vector<trine::handle<int>> units;
  for (int i = 0; i < 50; ++i)
    units.push_back(spawn(trine::coroutine, [] { return spawn(trine::process, nested, 0).get(); }));
  for (auto& t : threads) t.join();
  EXPECT_EQ(sum.load(), 50 * 20 * 49 / 2 + 20 * 19 / 2 * 50);
  for (auto& h : units) EXPECT_EQ(h.get(), 1);
}

TEST(process_unit, many_fresh_at_once) {
  std::vector<trine::handle<pid_t>> all;
  for (int i = 0; i < 200; ++i) all.push_back(spawn(trine::process({.fresh = true}), getpid));
  std::vector<pid_t> pids;
  for (auto& h : all) pids.push_back(h.get());
  std::sort(pids.begin(), pids.end());
  EXPECT_EQ(std::unique(pids.begin(), pids.end()), pids.end());
}

TEST(process_unit, two_threads_join_one_unit) {
  for (int i = 0; i < 100; ++i) {
    auto h = spawn(trine::process, repeat, "j", 1);
    std::thread other([&h] { h.wait(); });
    h.wait();
    other.join();
    EXPECT_EQ(h.get(), "j");
  }
}

TEST(process_unit, detached_units_run) {
  for (int i = 0; i < 50; ++i) spawn(trine::process, repeat, "x", 1).detach();
  EXPECT_EQ(spawn(trine::process, repeat, "y", 1).get(), "y");
}

TEST(process_unit, the_zygote_is_killed) {
  for (int i = 0; i < 10; ++i) {
    pid_t zygote = 0;
    // There may be none for a moment, while workers of the last one are still good.
    ASSERT_TRUE(eventually([&] {
      try {
        EXPECT_EQ(spawn(trine::process({.fresh = true}), repeat, "z", 1).get(), "z");
      } catch (const trine::crashed&) {  // the last one was still dying
      }
      zygote = trine::process_layer::count().zygote;
      return zygote > 0;
    }));
    auto running = spawn(trine::process, sleep_long);
    std::vector<trine::handle<std::string>> queued;
    kill(zygote, SIGKILL);
    for (int k = 0; k < 10; ++k) queued.push_back(spawn(trine::process, repeat, "q", k));
    running.request_stop();
    try {
      running.get();
      ADD_FAILURE() << "it cannot end by itself";
    } catch (const trine::crashed&) {
    } catch (const trine::cancelled&) {  // it had not begun, and began on another worker
    }
    for (auto& h : queued) {
      try {
        h.get();
      } catch (const trine::crashed&) {  // it had begun on a worker that died with the zygote
      }
    }
    EXPECT_TRUE(eventually([] {
      try {
        return spawn(trine::process, repeat, "n", 1).get() == "n";
      } catch (const trine::crashed&) {
        return false;
      }
    }));
  }
}

TEST(process_unit, the_host_sees_no_children) {
  EXPECT_EQ(spawn(trine::process, nested, 0).get(), 1);
  int status;
  EXPECT_EQ(waitpid(-1, &status, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

std::string signals_and_descriptors() {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  std::string s;
  for (int i = 1; i < 32; ++i) {
    struct sigaction a;
    if (sigismember(&mask, i)) s += "blocked " + std::to_string(i) + " ";
    if (i != SIGKILL && i != SIGSTOP && sigaction(i, nullptr, &a) == 0 && a.sa_handler == SIG_IGN)
      s += "ignored " + std::to_string(i) + " ";
  }
  return s;
}

TEST(process_unit, signals_are_as_in_a_new_program) {
  // The zygote has started long ago; so ask a nested one, whose parent is a worker we can prepare.
  const std::string s = spawn(trine::process({.fresh = true}), [] {
                          signal(SIGPIPE, SIG_IGN);
                          signal(SIGCHLD, SIG_IGN);
                          sigset_t all;
                          sigfillset(&all);
                          sigprocmask(SIG_BLOCK, &all, nullptr);
                          return spawn(trine::process, signals_and_descriptors).get();
                        }).get();
  EXPECT_EQ(s, "");
}

}  // namespace
