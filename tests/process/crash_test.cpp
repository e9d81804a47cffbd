// A worker that dies takes its own job with it and nothing else.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "process/support.hpp"

namespace {

using namespace trine::literals;
using namespace std::chrono_literals;
using trine::crashed;
using trine::spawn;

enum class death { segv, kill, abort, exit, terminate, overflow };

void throw_something() { throw std::runtime_error("nobody catches this"); }
void throw_in_noexcept() noexcept { throw_something(); }

int overflow_stack(int n) {
  volatile char page[4096];
  page[0] = static_cast<char>(n);
  if (n < 0) return 0;
  return overflow_stack(n + 1) + page[0];
}

int die(death how) {
  std::fprintf(stderr, "about to die %d\n", static_cast<int>(how));
  switch (how) {
    case death::segv: {
      // A sanitizer would make an exit of both.
      if (process_tests::sanitized) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
      }
      volatile int* nowhere = nullptr;
      return *nowhere;
    }
    case death::kill:
      kill(getpid(), SIGKILL);
      break;
    case death::abort:
      std::abort();
    case death::exit:
      std::exit(3);
    case death::terminate:
      throw_in_noexcept();
      break;
    case death::overflow:
      signal(SIGSEGV, SIG_DFL);
      return overflow_stack(0);
  }
  return 0;
}

int twice(int n) { return 2 * n; }

crashed crash_of(death how) {
  try {
    spawn(trine::process, die, how).get();
  } catch (const crashed& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was thrown";
  return crashed({});
}

TEST(process_crash, signals_and_codes) {
  EXPECT_EQ(crash_of(death::segv).signal(), SIGSEGV);
  EXPECT_EQ(crash_of(death::kill).signal(), SIGKILL);
  EXPECT_FALSE(crash_of(death::kill).killed());
  EXPECT_EQ(crash_of(death::abort).signal(), SIGABRT);
  EXPECT_EQ(crash_of(death::terminate).signal(), SIGABRT);
  EXPECT_EQ(crash_of(death::overflow).signal(), SIGSEGV);
  const crashed e = crash_of(death::exit);
  EXPECT_EQ(e.signal(), 0);
  EXPECT_EQ(e.exit_code(), 3);
}

TEST(process_crash, last_words) {
  const crashed e = crash_of(death::terminate);
  EXPECT_NE(e.stderr_tail().find("about to die 4"), std::string::npos) << e.stderr_tail();
  EXPECT_NE(e.stderr_tail().find("nobody catches this"), std::string::npos) << e.stderr_tail();
  EXPECT_GT(e.pid(), 0);
}

void shout(int lines) {
  for (int i = 0; i < lines; ++i) std::fprintf(stderr, "word %d\n", i);
}
void shout_and_die(int lines) {
  shout(lines);
  std::abort();
}

TEST(process_crash, the_tail_is_the_end_of_this_jobs_words) {
  try {
    spawn(trine::process, shout_and_die, 5000).get();
    FAIL();
  } catch (const crashed& e) {
    EXPECT_EQ(e.stderr_tail().size(), 4096U);
    EXPECT_NE(e.stderr_tail().find("word 4999\n"), std::string::npos);
  }
  // One worker, so that the same process has run both jobs.
  for (int i = 0; i < 50; ++i) {
    const std::string before = "earlier " + std::to_string(i) + "\n";
    auto first = spawn(
        trine::process,
        [](std::string text) {
          std::fputs(text.c_str(), stderr);
          return getpid();
        },
        before);
    const pid_t pid = first.get();
    try {
      spawn(trine::process, [] { std::abort(); }).get();
      FAIL();
    } catch (const crashed& e) {
      if (e.pid() == pid) {
        EXPECT_EQ(e.stderr_tail().find("earlier"), std::string::npos) << e.stderr_tail();
      }
    }
  }
}

TEST(process_crash, a_thousand_others_finish) {
  std::vector<trine::handle<int>> good;
  std::vector<trine::handle<int>> bad;
  for (int i = 0; i < 1000; ++i) {
    good.push_back(spawn(trine::process, twice, i));
    if (i % 40 == 0) bad.push_back(spawn(trine::process, die, static_cast<death>(i / 40 % 5)));
  }
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(good[static_cast<std::size_t>(i)].get(), 2 * i);
  for (auto& h : bad) EXPECT_THROW(h.get(), crashed);
}

TEST(process_crash, every_job_dies) {
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < (process_tests::sanitized ? 50 : 200); ++i)
    all.push_back(spawn(trine::process, die, death::exit));
  for (auto& h : all) EXPECT_THROW(h.get(), crashed);
  EXPECT_EQ(spawn(trine::process, twice, 21).get(), 42);
}

pid_t own_pid() { return getpid(); }

TEST(process_crash, a_stranger_kills_an_idle_worker) {
  // The next job must not be lost, whether or not the death has been noticed by then.
  for (int i = 0; i < (process_tests::sanitized ? 50 : 200); ++i) {
    const pid_t pid = spawn(trine::process, own_pid).get();
    kill(pid, SIGKILL);
    if (i % 2 == 0) {
      ASSERT_TRUE(process_tests::eventually([pid] { return !process_tests::alive(pid); }));
      EXPECT_EQ(spawn(trine::process, twice, i).get(), 2 * i);
      continue;
    }
    try {
      EXPECT_EQ(spawn(trine::process, twice, i).get(), 2 * i);
    } catch (const crashed& e) {  // it was still alive enough to begin
      EXPECT_EQ(e.pid(), pid);
    }
  }
}

int block_hard() {
  for (;;) pause();
}

TEST(process_crash, kill_ends_just_that_job) {
  for (int i = 0; i < 20; ++i) {
    auto victim = spawn(trine::process({.name = "victim"}), block_hard);
    auto other = spawn(trine::process, twice, 4);
    if (i % 2 == 0) {
      EXPECT_EQ(other.get(), 8);
    }
    victim.kill();
    try {
      victim.get();
      FAIL();
    } catch (const crashed& e) {
      EXPECT_TRUE(e.killed());
      EXPECT_EQ(e.signal(), SIGKILL);
      EXPECT_EQ(e.unit_name(), "victim");
    }
    if (i % 2 == 1) {
      EXPECT_EQ(other.get(), 8);
    }
  }
}

TEST(process_crash, kill_races_with_the_end) {
  for (int i = 0; i < 500; ++i) {
    auto a = spawn(trine::process, twice, i);
    auto b = spawn(trine::process, twice, i + 1);
    a.kill();
    try {
      EXPECT_EQ(a.get(), 2 * i);
    } catch (const crashed& e) {
      EXPECT_TRUE(e.killed());
    }
    EXPECT_EQ(b.get(), 2 * (i + 1));
  }
}

TEST(process_crash, a_queued_job_that_is_killed_never_runs) {
  std::vector<trine::handle<int>> blockers;
  for (int i = 0; i < 64; ++i) blockers.push_back(spawn(trine::process, block_hard));
  // More than any limit: the last ones wait.
  auto& last = blockers.back();
  last.kill();
  try {
    last.get();
    FAIL();
  } catch (const crashed& e) {
    EXPECT_TRUE(e.killed());
    EXPECT_EQ(e.pid(), 0);
  }
  for (auto& h : blockers) h.kill();
}

TEST(process_crash, wall_limit) {
  auto h = spawn(trine::process({.wall_limit = 50ms}), block_hard);
  try {
    h.get();
    FAIL();
  } catch (const crashed& e) {
    EXPECT_EQ(e.limit(), trine::limit_kind::wall_time);
    EXPECT_FALSE(e.killed());
  }
  EXPECT_EQ(spawn(trine::process({.wall_limit = 60s}), twice, 1).get(), 2);
}

std::size_t use_memory(std::size_t bytes) {
  std::vector<char> v(bytes, 'x');
  return v.size();
}
std::size_t use_memory_noexcept(std::size_t bytes) noexcept { return use_memory(bytes); }

TEST(process_crash, memory_limit) {
  if (process_tests::sanitized) GTEST_SKIP() << "a sanitizer has its own allocator";
  const trine::process_t p;
  EXPECT_THROW(spawn(p({.memory_limit = 32_MiB}), use_memory, 200_MiB).get(), std::bad_alloc);
  EXPECT_EQ(spawn(p({.memory_limit = 64_MiB}), use_memory, 8_MiB).get(), 8_MiB);
  try {
    spawn(p({.memory_limit = 32_MiB}), use_memory_noexcept, 200_MiB).get();
    FAIL();
  } catch (const crashed& e) {
    EXPECT_EQ(e.limit(), trine::limit_kind::memory);
  }
  // The limit was that job's alone.
  for (int i = 0; i < 8; ++i) EXPECT_EQ(spawn(p, use_memory, 200_MiB).get(), 200_MiB);
}

int crash_in_thread() {
  std::thread([] { throw std::runtime_error("from another thread"); }).join();
  return 1;
}
TEST(process_crash, an_exception_out_of_another_thread) {
  EXPECT_THROW(spawn(trine::process, crash_in_thread).get(), crashed);
}

int leave_by_pthread_exit() { pthread_exit(nullptr); }
TEST(process_crash, pthread_exit_ends_the_worker) {
  try {
    spawn(trine::process, leave_by_pthread_exit).get();
    FAIL();
  } catch (const crashed& e) {
    EXPECT_EQ(e.exit_code(), 0);
  }
}

// Leaves a thread that closes everything while the worker is idle or busy.
int close_all() {
  for (int fd = 3; fd < 100; ++fd) close(fd);
  return 7;
}
TEST(process_crash, a_job_that_closes_all_descriptors) {
  for (int i = 0; i < 20; ++i) {
    try {
      EXPECT_EQ(spawn(trine::process, close_all).get(), 7);
    } catch (const crashed&) {
    }
    EXPECT_EQ(spawn(trine::process, twice, 3).get(), 6);
  }
}

// Writes a byte all over a part of the memory that the worker shares with us, then returns, or
// waits for the parent to find out.
int scribble(std::size_t from, std::size_t size, int byte) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long begin = 0, end = 0, offset = 1;
    if (line.find("trine-channel") == std::string::npos ||
        std::sscanf(line.c_str(), "%lx-%lx %*s %lx", &begin, &end, &offset) != 3 || offset != 0)
      continue;
    std::memset(reinterpret_cast<char*>(begin) + from, byte, size);
    return 1;
  }
  return 2;
}

// A worker may never answer, as any job may; what it must not do is harm the parent, whose limits
// hold. (Fresh: what a job breaks in a warm worker may break its next job.)
TEST(process_crash, a_job_that_scribbles_over_the_channel) {
  const auto try_it = [&](std::size_t from, std::size_t size, int byte) {
    const trine::process_unit limited = trine::process({.fresh = true, .wall_limit = 500ms});
    try {
      EXPECT_EQ(spawn(limited, scribble, from, size, byte).get(), 1);
    } catch (const crashed&) {
    }
    EXPECT_EQ(spawn(trine::process, twice, 5).get(), 10);
  };
  for (std::size_t line = 0; line < 8; ++line)
    for (int byte : {0xff, 0x00, 0x01, 0x80}) try_it(64 * line, 64, byte);
  for (int i = 0; i < 10; ++i) {
    try_it(4096, 65'536, 37 * i);           // the requests
    try_it(4096 + 65'536, 65'536, 37 * i);  // the replies
  }
  try_it(0, 4096 + 2 * 65'536, 0xff);
}

}  // namespace
