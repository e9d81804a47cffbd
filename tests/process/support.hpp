// What the tests of process units share. Headers only: the serial tests are a program of their own.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <trine/trine.hpp>

#ifdef TRINE_TSAN
// The last owner of an exception frees it. What orders that after the others' use is a counter in
// libstdc++, which is not built with TSan.
extern "C" [[gnu::used]] inline const char* __tsan_default_suppressions() {
  return "race:std::__exception_ptr::exception_ptr::_M_release\n";
}
#endif

namespace process_tests {

// Threads, address space and timing under a sanitizer differ too much for some checks.
inline constexpr bool sanitized =
#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
    true;
#else
    false;
#endif

// Spins, giving the processor away, until the condition holds; false after 20 seconds.
inline bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

inline std::size_t open_descriptors() {
  DIR* dir = opendir("/proc/self/fd");
  std::size_t n = 0;
  while (readdir(dir) != nullptr) ++n;
  closedir(dir);
  return n - 3;  // . and .. and its own
}

// Mappings whose line in /proc/self/maps contains the text.
inline std::size_t mappings_of(std::string_view text) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  std::size_t n = 0;
  while (std::getline(maps, line))
    if (line.find(text) != std::string::npos) ++n;
  return n;
}

// Children of a process, alive or zombie.
inline std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  DIR* dir = opendir("/proc");
  while (const dirent* e = readdir(dir)) {
    const pid_t pid = std::atoi(e->d_name);
    if (pid <= 0) continue;
    std::ifstream stat("/proc/" + std::string(e->d_name) + "/stat");
    std::stringstream text;
    text << stat.rdbuf();
    const std::string line = text.str();
    const auto end = line.rfind(')');
    if (end == std::string::npos) continue;
    char state = 0;
    int ppid = 0;
    if (std::sscanf(line.c_str() + end + 1, " %c %d", &state, &ppid) == 2 && ppid == parent)
      found.push_back(pid);
  }
  closedir(dir);
  return found;
}

// And no zombie.
inline bool alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::stringstream text;
  text << stat.rdbuf();
  const std::string line = text.str();
  const auto end = line.rfind(')');
  return end != std::string::npos && end + 2 < line.size() && line[end + 2] != 'Z' &&
         line[end + 2] != 'X';
}

// This test program once more, running one of its DISABLED_ tests as a helper.
struct program_result {
  int status = -1;
  std::string output;  // stdout and stderr
};
inline program_result run_helper(const std::string& test,
                                 const std::vector<std::string>& environment = {},
                                 const std::function<void()>& in_child = {}) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return {};
  const std::string filter = "--gtest_filter=" + test;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(pipe_fds[1], 1);
    dup2(pipe_fds[1], 2);
    for (const std::string& e : environment) putenv(const_cast<char*>(e.c_str()));
    // What runs the tests may have left descriptors open; the helper's limits count its own.
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    if (in_child) in_child();
    execl("/proc/self/exe", "helper", filter.c_str(), "--gtest_also_run_disabled_tests",
          static_cast<char*>(nullptr));
    _exit(126);
  }
  close(pipe_fds[1]);
  program_result r;
  char buffer[4096];
  ssize_t n;
  while ((n = read(pipe_fds[0], buffer, sizeof buffer)) > 0)
    r.output.append(buffer, static_cast<std::size_t>(n));
  close(pipe_fds[0]);
  waitpid(pid, &r.status, 0);
  return r;
}

}  // namespace process_tests
