#include "conditions.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>

namespace bench {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos)
      return line.substr(colon + 2);
  }
  return "unknown CPU";
}

int usable_cores() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
}

std::string kernel() {
  utsname names{};
  return ::uname(&names) == 0 ? fmt::format("{} {}", names.sysname, names.release) : "unknown";
}

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

// The first line a command prints; empty when it fails.
std::string first_line(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::array<char, 256> bytes{};
  if (!pipe || std::fgets(bytes.data(), bytes.size(), pipe.get()) == nullptr) return {};
  std::string line(bytes.data());
  while (!line.empty() && line.back() == '\n') line.pop_back();
  return line;
}

std::string commit() {
  const std::string git = "git -C '" TRINE_SOURCE_DIR "' ";
  const std::string id = first_line(git + "rev-parse --short=12 HEAD 2>/dev/null");
  if (id.empty()) return "unknown";
  const bool clean = first_line(git + "status --porcelain 2>/dev/null").empty();
  return clean ? id : id + "+changes";
}

std::string load() {
  double averages[3] = {};
  if (::getloadavg(averages, 3) != 3) return "unknown";
  return fmt::format("{:.2f} {:.2f} {:.2f}", averages[0], averages[1], averages[2]);
}

}  // namespace

conditions current_conditions() {
  return {.cpu = cpu_model(),
          .cores = usable_cores(),
          .kernel = kernel(),
          .compiler = compiler(),
          .flags = TRINE_BENCH_FLAGS,
          .commit = commit(),
          .load = load(),
          .date = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)))};
}

std::string to_string(const conditions& facts) {
  return fmt::format("{} | {}, {} cores | {} | {} {} | commit {} | load {}", facts.date, facts.cpu,
                     facts.cores, facts.kernel, facts.compiler, facts.flags, facts.commit,
                     facts.load);
}

}  // namespace bench
