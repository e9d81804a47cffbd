// trine::doctor() answers in sentences and leaves nothing behind.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>
#include <trine/doctor.hpp>

namespace {

std::ptrdiff_t open_files() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return std::distance(begin(files), end(files));
}

std::atomic<int> children_heard{0};

TEST(doctor, answers_in_sentences) {
  std::set<std::string> names;
  for (const trine::probe_result& probe : trine::doctor()) {
    EXPECT_TRUE(names.insert(probe.name).second) << probe.name << " is there twice";
    EXPECT_NE(trine::to_string(probe.state), "unknown") << probe.name;
    ASSERT_FALSE(probe.detail.empty()) << probe.name;
    EXPECT_EQ(probe.detail.back(), '.') << probe.name << ": " << probe.detail;
    ASSERT_FALSE(probe.fallback.empty()) << probe.name;
    EXPECT_EQ(probe.fallback.back(), '.') << probe.name << ": " << probe.fallback;
  }
  for (const char* name : {"kernel",
                           "io_uring",
                           "madv_guard_install",
                           "pidfd",
                           "clone3",
                           "futex_waitv",
                           "membarrier",
                           "memfd",
                           "userfaultfd",
                           "process_vm_readv",
                           "perf_event",
                           "seccomp",
                           "landlock",
                           "cgroup",
                           "user_namespace",
                           "pid_namespace",
                           "net_namespace",
                           "cpus",
                           "limit_open_files",
                           "vm_max_map_count",
                           "dev_shm",
                           "transparent_hugepages",
                           "bare_metal",
                           "overcommit"}) {
    EXPECT_EQ(names.count(name), 1U) << name;
  }
}

TEST(doctor, leaves_nothing_behind) {
  struct sigaction count {};
  struct sigaction before {};
  count.sa_handler = [](int) { children_heard.fetch_add(1); };
  ASSERT_EQ(::sigaction(SIGCHLD, &count, &before), 0);
  (void)trine::doctor();
  const std::ptrdiff_t files = open_files();
  for (int i = 0; i < 20; ++i) (void)trine::doctor();
  EXPECT_EQ(open_files(), files);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(children_heard.load(), 0);
  ::sigaction(SIGCHLD, &before, nullptr);
}

TEST(doctor, answers_the_same_to_several_threads) {
  const auto words = [] {
    std::string all;
    for (const trine::probe_result& probe : trine::doctor()) {
      all += probe.name + "=" + std::string(trine::to_string(probe.state)) + " ";
    }
    return all;
  };
  const std::string expected = words();
  std::atomic<int> different{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) different += words() == expected ? 0 : 1;
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(different.load(), 0);
}

TEST(doctor, copes_when_no_file_can_be_opened) {
  const auto starve = [] {
    const rlimit none{3, 3};
    ::setrlimit(RLIMIT_NOFILE, &none);
    for (const trine::probe_result& probe : trine::doctor()) {
      if (probe.name == "memfd") std::_Exit(probe.state == trine::probe_state::no ? 0 : 1);
    }
    std::_Exit(2);
  };
  // In a child: the limit cannot be raised again without a privilege.
  EXPECT_EXIT(starve(), testing::ExitedWithCode(0), "");
}

}  // namespace
