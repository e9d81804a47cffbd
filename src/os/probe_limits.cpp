// How much there is of everything: limits of the process and of the system.
#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>

#include "os/probe.hpp"
#include "os/probe_util.hpp"

namespace trine::os {
namespace {

std::string limit_text(rlim_t value, bool bytes) {
  if (value == RLIM_INFINITY) return "unlimited";
  return bytes ? human_bytes(value) : std::to_string(value);
}

struct limit_question {
  const char* name;
  int resource;
  bool bytes;
  rlim_t enough;  // below it the answer is "degraded"
  const char* fallback;
};

constexpr limit_question limit_questions[] = {
    {"limit_open_files", RLIMIT_NOFILE, false, 1024,
     "Fewer sockets and processes at a time; raise it with ulimit -n."},
    {"limit_processes", RLIMIT_NPROC, false, 1024,
     "Fewer threads and processes at a time; raise it with ulimit -u."},
    {"limit_locked_memory", RLIMIT_MEMLOCK, true, 8ULL << 20,
     "Buffers are not registered with io_uring."},
    {"limit_stack", RLIMIT_STACK, true, 1ULL << 20,
     "The stacks of threads and coroutines have sizes of their own."},
    {"limit_address_space", RLIMIT_AS, true, 64ULL << 30,
     "Stacks are reserved in smaller pieces, so fewer coroutines fit."},
    {"limit_core_file", RLIMIT_CORE, true, 0,
     "Crashes are reported by Trine's own handler, which needs no core file."},
};

probe_result ask_limit(const limit_question& question) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(question.resource), &limit) != 0) {
    return answer(question.name, probe_state::no, "getrlimit: " + refusal(errno) + ".",
                  question.fallback);
  }
  const bool enough = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= question.enough;
  return answer(question.name, enough ? probe_state::yes : probe_state::degraded,
                "Soft limit " + limit_text(limit.rlim_cur, question.bytes) + ", hard limit " +
                    limit_text(limit.rlim_max, question.bytes) + ".",
                question.fallback);
}

struct sysctl_question {
  const char* name;
  const char* path;
  const char* spoken;
  long long enough;
  const char* fallback;
};

constexpr sysctl_question sysctl_questions[] = {
    {"vm_max_map_count", "/proc/sys/vm/max_map_count", "mappings for each process", 65530,
     "Guards by MADV_GUARD_INSTALL need no mapping; without them fewer coroutines fit."},
    {"kernel_pid_max", "/proc/sys/kernel/pid_max", "process and thread ids", 32768,
     "Fewer threads and processes at a time."},
    {"kernel_threads_max", "/proc/sys/kernel/threads-max", "threads in the system", 8192,
     "Fewer threads and processes at a time."},
};

probe_result ask_sysctl(const sysctl_question& question) {
  const auto text = read_line(question.path);
  if (!text) {
    return answer(question.name, probe_state::no, std::string(question.path) + " cannot be read.",
                  question.fallback);
  }
  const bool enough = std::strtoll(text->c_str(), nullptr, 10) >= question.enough;
  return answer(question.name, enough ? probe_state::yes : probe_state::degraded,
                "At most " + *text + " " + question.spoken + ".", question.fallback);
}

probe_result ask_overcommit() {
  const std::string fallback =
      "Stacks are reserved without commitment; where that is counted, fewer coroutines fit.";
  const auto mode = read_line("/proc/sys/vm/overcommit_memory");
  if (!mode) {
    return answer("overcommit", probe_state::no, "vm.overcommit_memory cannot be read.", fallback);
  }
  if (*mode == "2") {
    return answer("overcommit", probe_state::degraded,
                  "Strict (vm.overcommit_memory is 2): reserved memory counts as used.", fallback);
  }
  return answer("overcommit", probe_state::yes,
                *mode == "1" ? "Always allowed (vm.overcommit_memory is 1)."
                             : "Heuristic (vm.overcommit_memory is 0).",
                fallback);
}

}  // namespace

std::vector<probe_result> probe_limits() {
  std::vector<probe_result> results;
  for (const limit_question& question : limit_questions) results.push_back(ask_limit(question));
  for (const sysctl_question& question : sysctl_questions) results.push_back(ask_sysctl(question));
  results.push_back(ask_overcommit());
  return results;
}

}  // namespace trine::os
