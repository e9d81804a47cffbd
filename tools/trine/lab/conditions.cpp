#include "conditions.hpp"

#include <sched.h>
#include <sys/utsname.h>

#include <fstream>
#include <thread>

namespace trine_tool::lab {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

std::int64_t usable_cpus() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<std::int64_t>(std::thread::hardware_concurrency());
}

std::string build() {
#if defined(__SANITIZE_THREAD__)
  return "thread sanitizer";
#elif defined(__SANITIZE_ADDRESS__)
  return "address sanitizer";
#elif defined(__OPTIMIZE__)
  return "optimised";
#else
  return "not optimised";
#endif
}

}  // namespace

facts machine_conditions() {
  utsname names{};
  const std::string kernel =
      ::uname(&names) == 0 ? std::string(names.sysname) + " " + names.release : "unknown";
  return {
    {"kernel", kernel}, {"machine", std::string(names.machine)}, {"cpu", cpu_model()},
        {"cpus", usable_cpus()},
#if defined(__clang__)
        {"compiler", std::string("clang " __clang_version__)},
#else
        {"compiler", std::string("gcc " __VERSION__)},
#endif
    {
      "build", build()
    }
  };
}

}  // namespace trine_tool::lab
