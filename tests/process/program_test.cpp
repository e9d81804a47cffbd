// What a whole program sees: its start, its end, its children, fork. Each test runs this test
// program again as a helper, with one of the DISABLED_ tests below.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "process/process.hpp"
#include "process/support.hpp"

namespace {

using namespace std::chrono_literals;
using process_tests::alive;
using process_tests::children_of;
using process_tests::eventually;
using process_tests::run_helper;
using trine::spawn;

int twice(int n) { return 2 * n; }
int block_hard() {
  for (;;) pause();
}

// ---- static constructors and destructors
// ---------------------------------------------------------

struct early {
  early() {
    if (std::getenv("TRINE_TEST_STATIC_THREAD") != nullptr)
      thread = std::make_unique<std::thread>([] { pause(); });
    if (std::getenv("TRINE_TEST_STATIC_EXIT") != nullptr &&
        std::getenv("TRINE_TEST_SECOND_START") != nullptr)
      _exit(9);
    // A library's constructor must not mistake the zygote's marker for its own setting.
    marker_seen = std::getenv("TRINE_ZYGOTE") != nullptr;
    if (std::getenv("TRINE_TEST_STATIC_SPAWN") == nullptr) return;
    try {
      spawn(trine::thread, twice, 1).get();
    } catch (const trine::usage_error& e) {
      message = e.what();
    }
  }
  ~early() {
    if (thread != nullptr) thread->detach();  // it never ends
    if (!spawn_at_the_end) return;
    try {
      spawn(trine::process, twice, 1).get();
    } catch (const trine::usage_error& e) {
      std::fputs(e.what(), stderr);
    }
  }
  std::unique_ptr<std::thread> thread;
  std::string message;
  bool marker_seen = false;
  bool spawn_at_the_end = false;
} the_early;

TEST(helper, DISABLED_static_thread) {
  for (int i = 0; i < 3; ++i) {
    try {
      spawn(trine::process, twice, 1).get();
      FAIL();
    } catch (const trine::usage_error& e) {
      std::puts(e.what());
    }
  }
}
TEST(process_program, static_constructors_that_start_threads_are_refused) {
  const auto r = run_helper("helper.DISABLED_static_thread", {"TRINE_TEST_STATIC_THREAD=1"});
  EXPECT_EQ(r.status, 0) << r.output;
  EXPECT_NE(r.output.find("static constructors start threads"), std::string::npos) << r.output;
}

TEST(helper, DISABLED_static_exit) {
  setenv("TRINE_TEST_SECOND_START", "1", 1);
  try {
    spawn(trine::process, twice, 1).get();
    FAIL();
  } catch (const std::system_error& e) {
    std::puts(e.what());
  }
}
TEST(process_program, static_constructors_that_exit_are_reported) {
  const auto r = run_helper("helper.DISABLED_static_exit", {"TRINE_TEST_STATIC_EXIT=1"});
  EXPECT_EQ(r.status, 0) << r.output;
  EXPECT_NE(r.output.find("exited with code 9"), std::string::npos) << r.output;
}

TEST(helper, DISABLED_static_spawn) { std::puts(the_early.message.c_str()); }
TEST(process_program, spawn_before_main_is_refused) {
  const auto r = run_helper("helper.DISABLED_static_spawn", {"TRINE_TEST_STATIC_SPAWN=1"});
  EXPECT_EQ(r.status, 0) << r.output;
  EXPECT_NE(r.output.find("trine: spawn was called before main"), std::string::npos) << r.output;
}

TEST(helper, DISABLED_spawn_at_the_end) {
  EXPECT_EQ(spawn(trine::process, twice, 1).get(), 2);
  the_early.spawn_at_the_end = true;
}
TEST(process_program, spawn_after_main_is_refused) {
  const auto r = run_helper("helper.DISABLED_spawn_at_the_end");
  EXPECT_EQ(r.status, 0) << r.output;
  EXPECT_NE(r.output.find("trine: spawn was called after main"), std::string::npos) << r.output;
}

bool marker_was_seen() { return the_early.marker_seen || std::getenv("TRINE_ZYGOTE") != nullptr; }
TEST(process_program, the_marker_is_gone_before_static_constructors) {
  EXPECT_FALSE(spawn(trine::process, marker_was_seen).get());
}

TEST(process_program, the_marker_set_by_hand) {
  const auto r = run_helper("helper.DISABLED_static_spawn", {"TRINE_ZYGOTE=1"});
  EXPECT_NE(r.status, 0);
  EXPECT_NE(r.output.find("TRINE_ZYGOTE is set"), std::string::npos) << r.output;
}

// ---- fork
// ----------------------------------------------------------------------------------------

TEST(process_program, a_forked_child_is_refused) {
  EXPECT_EQ(spawn(trine::process, twice, 2).get(), 4);
  auto running = spawn(trine::process, block_hard);
  const pid_t child = fork();
  if (child == 0) {
    int code = 0;
    try {
      running.get();
    } catch (const trine::usage_error&) {
      ++code;
    }
    running = {};  // would ask it to stop and join it
    for (int kind = 0; kind < 3; ++kind) {
      try {
        if (kind == 0) spawn(trine::process, twice, 1).get();
        if (kind == 1) spawn(trine::thread, twice, 1).get();
        if (kind == 2) spawn(trine::coroutine, twice, 1).get();
      } catch (const trine::usage_error& e) {
        if (std::strstr(e.what(), "fork") != nullptr) ++code;
      }
    }
    std::_Exit(code);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 4 << 8);
  running.kill();
  EXPECT_THROW(running.get(), trine::crashed);
  EXPECT_EQ(spawn(trine::process, twice, 3).get(), 6);
}

TEST(helper, DISABLED_fork_then_exit) {
  EXPECT_EQ(spawn(trine::process, twice, 2).get(), 4);
  const pid_t zygote = trine::process_layer::count().zygote;
  const pid_t child = fork();
  if (child == 0) std::exit(0);  // runs atexit handlers: must leave the parent's pool alone
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(spawn(trine::process, twice, 3).get(), 6);
  EXPECT_EQ(trine::process_layer::count().zygote, zygote);
}
TEST(process_program, a_forked_child_that_exits_leaves_the_pool_alone) {
  const auto r = run_helper("helper.DISABLED_fork_then_exit");
  EXPECT_EQ(r.status, 0) << r.output;
}

TEST(helper, DISABLED_fork_first) {
  const pid_t child = fork();
  const bool good = spawn(trine::process, twice, 2).get() == 4;
  if (child == 0) std::_Exit(good ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(good);
  EXPECT_EQ(status, 0);
}
TEST(process_program, a_child_forked_before_first_use_has_a_runtime_of_its_own) {
  const auto r = run_helper("helper.DISABLED_fork_first");
  EXPECT_EQ(r.status, 0) << r.output;
}

// ---- the end
// -------------------------------------------------------------------------------------

// Writes the pids of everything below it to stdout, then waits.
TEST(helper, DISABLED_family) {
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < 3; ++i) all.push_back(spawn(trine::process, block_hard));
  all.push_back(spawn(trine::process, [] { return spawn(trine::process, block_hard).get(); }));
  auto pid = spawn(trine::process({.fresh = true}), getpid);
  pid.get();
  std::vector<pid_t> family;
  // guardian, zygote, four workers; below one of them guardian, zygote, worker.
  eventually([&] {
    family.clear();
    for (pid_t a : children_of(getpid())) {
      family.push_back(a);
      for (pid_t b : children_of(a)) {
        family.push_back(b);
        for (pid_t c : children_of(b)) {
          family.push_back(c);
          for (pid_t d : children_of(c)) {
            family.push_back(d);
            for (pid_t e : children_of(d)) {
              family.push_back(e);
              for (pid_t f : children_of(e)) family.push_back(f);
            }
          }
        }
      }
    }
    return family.size() >= 9;
  });
  std::string line = "\nfamily";
  for (pid_t p : family) line += " " + std::to_string(p);
  line += "\n";
  EXPECT_EQ(write(1, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  if (std::getenv("TRINE_TEST_EXIT") != nullptr) std::exit(0);  // handles and all
  if (std::getenv("TRINE_TEST_EXEC") != nullptr) execl("/bin/true", "true", nullptr);
  kill(getpid(), SIGKILL);
}

std::vector<pid_t> family_of(const std::string& output) {
  std::vector<pid_t> pids;
  const auto at = output.find("\nfamily ");
  if (at == std::string::npos) return pids;
  const char* p = output.c_str() + at + 8;
  char* end = nullptr;
  for (long n = std::strtol(p, &end, 10); end != p; n = std::strtol(p, &end, 10)) {
    pids.push_back(static_cast<pid_t>(n));
    p = end;
  }
  return pids;
}

void expect_all_gone(const std::vector<std::string>& environment) {
  const auto r = run_helper("helper.DISABLED_family", environment);
  const auto pids = family_of(r.output);
  EXPECT_GE(pids.size(), 9U) << r.output;
  for (pid_t p : pids) EXPECT_TRUE(eventually([p] { return !alive(p); })) << p;
}

TEST(process_program, killed_it_leaves_nothing) {
  for (int i = 0; i < 3; ++i) expect_all_gone({});
}
TEST(process_program, exit_leaves_nothing) { expect_all_gone({"TRINE_TEST_EXIT=1"}); }
TEST(process_program, exec_leaves_nothing) { expect_all_gone({"TRINE_TEST_EXEC=1"}); }

TEST(helper, DISABLED_exit_reaps) {
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < 3; ++i) all.push_back(spawn(trine::process, twice, i));
  for (auto& h : all) h.get();
  spawn(trine::process, block_hard).detach();
}
TEST(process_program, exit_leaves_no_zombie) {
  // What the helper does not reap would become ours.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  const auto r = run_helper("helper.DISABLED_exit_reaps");
  EXPECT_EQ(r.status, 0) << r.output;
  int status;
  EXPECT_EQ(waitpid(-1, &status, WNOHANG), -1);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

// ---- nothing left to start with
// -------------------------------------------------------------------

TEST(helper, DISABLED_no_processes) {
  try {
    spawn(trine::process, twice, 1).get();
    std::puts("it ran");
  } catch (const std::system_error& e) {
    std::puts(e.what());
  }
}
TEST(process_program, no_process_to_be_had) {
  if (process_tests::sanitized) GTEST_SKIP() << "sanitizers need threads too";
  // An unused user with room for the helper and its threads, and for the guardian, at most.
  for (rlim_t room : {1U, 2U, 3U, 4U}) {
    const auto r = run_helper("helper.DISABLED_no_processes", {}, [room] {
      const rlimit limit{room, room};
      if (setrlimit(RLIMIT_NPROC, &limit) != 0 || setresuid(61234, 61234, 61234) != 0) _exit(77);
    });
    if (r.status == 77 << 8) GTEST_SKIP() << "needs root";
    EXPECT_EQ(r.status, 0) << r.output;
    EXPECT_TRUE(r.output.find("ulimit -u") != std::string::npos ||
                r.output.find("it ran") != std::string::npos)
        << room << r.output;
    if (room < 4) {
      EXPECT_EQ(r.output.find("it ran"), std::string::npos) << room;
    }
  }
}

// From here on this process may start threads, and no process.
void forbid_processes() {
  constexpr unsigned thread_flag = 0x10000;  // CLONE_THREAD
  constexpr auto refuse = [](unsigned error) {
    return sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  };
  constexpr auto unless = [](std::size_t number) {
    return sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
  };
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      unless(SYS_clone3),
      refuse(ENOSYS),  // its flags cannot be seen; libc goes on with clone
#ifdef SYS_fork
      unless(SYS_fork),
      refuse(EPERM),
      unless(SYS_vfork),
      refuse(EPERM),
#endif
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, thread_flag, 1, 0),
      refuse(EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof(filter) / sizeof(*filter), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    _exit(77);
}
TEST(process_program, forbidden_to_start_a_process) {
  const auto r = run_helper("helper.DISABLED_no_processes", {}, forbid_processes);
  if (r.status == 77 << 8) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_EQ(r.status, 0) << r.output;
  EXPECT_NE(r.output.find("a sandbox or a policy forbids"), std::string::npos) << r.output;
}

TEST(process_program, no_descriptors_to_be_had) {
  if (process_tests::sanitized) GTEST_SKIP() << "sanitizers need descriptors too";
  for (rlim_t room : {4U, 6U, 8U, 10U, 12U, 14U}) {
    const auto r = run_helper("helper.DISABLED_no_processes", {}, [room] {
      const rlimit limit{room, room};
      setrlimit(RLIMIT_NOFILE, &limit);
    });
    EXPECT_TRUE(r.output.find("trine: ") != std::string::npos ||
                r.output.find("it ran") != std::string::npos)
        << room << " " << r.status << r.output;
  }
}

TEST(helper, DISABLED_few_descriptors) {
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(spawn(trine::process({.fresh = i % 2 == 0}), twice, i));
  int good = 0, bad = 0;
  for (auto& h : all) {
    try {
      h.get();
      ++good;
    } catch (const std::system_error&) {
      ++bad;
    }
  }
  std::printf("good %d bad %d\n", good, bad);
}
TEST(process_program, few_descriptors) {
#if defined(TRINE_ASAN)
  GTEST_SKIP() << "the check of a vptr looks at memory through a pipe, and fails without one";
#endif
  const auto r = run_helper("helper.DISABLED_few_descriptors", {}, [] {
    const rlimit limit{64, 64};
    setrlimit(RLIMIT_NOFILE, &limit);
  });
  EXPECT_EQ(r.status, 0) << r.output;
  EXPECT_NE(r.output.find("good "), std::string::npos) << r.output;
}

// ---- standard streams that are closed
// -------------------------------------------------------------

TEST(helper, DISABLED_closed_streams) {
  close(0);
  close(1);
  close(2);
  if (spawn(trine::process, twice, 4).get() != 8) std::_Exit(5);
  if (spawn(trine::process, [] { return open("/dev/null", 0); }).get() < 3) std::_Exit(6);
  try {
    spawn(trine::process, [] {
      std::fputs("words", stderr);
      std::abort();
    }).get();
  } catch (const trine::crashed& e) {
    std::_Exit(e.stderr_tail() == "words" ? 0 : 7);
  }
}
TEST(process_program, closed_standard_streams) {
  const auto r = run_helper("helper.DISABLED_closed_streams");
  EXPECT_EQ(r.status, 0) << r.output;
}

TEST(helper, DISABLED_stderr_without_reader) {
  int ends[2];
  if (pipe(ends) != 0) std::_Exit(2);
  dup2(ends[1], 2);
  // Fills the pipe that is our stderr, which nobody reads: nothing may hang. That is promised for
  // as much as the keeper keeps (256 KiB, then it reads no more): five times 41 KB of shouts stay
  // below it and above what our pipe holds (64 KiB), whichever worker runs them.
  const auto shout = [] {
    for (int i = 0; i < 1000; ++i) std::fputs("0123456789012345678901234567890123456789\n", stderr);
    return 1;
  };
  for (int i = 0; i < 5; ++i)
    if (spawn(trine::process({.fresh = true}), shout).get() != 1) std::_Exit(3);
  if (spawn(trine::process, twice, 1).get() != 2) std::_Exit(4);
  std::_Exit(0);
}
TEST(process_program, a_stderr_that_nobody_reads) {
  const auto r = run_helper("helper.DISABLED_stderr_without_reader");
  EXPECT_EQ(r.status, 0) << r.output;
}

}  // namespace
