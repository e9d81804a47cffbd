// Control groups: which version is mounted, what it controls, and whether we may write to ours.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "os/probe.hpp"
#include "os/probe_util.hpp"

namespace trine::os {
namespace {

struct cgroup_mount {
  bool second_version = false;
  std::string point;
  std::string options;  // v1: names the controllers
};

std::vector<cgroup_mount> cgroup_mounts() {
  std::vector<cgroup_mount> mounts;
  for (const std::string& line : split(read_text("/proc/self/mounts").value_or(""), '\n')) {
    const std::vector<std::string> fields = split(line, ' ');
    if (fields.size() < 4) continue;
    if (fields[2] == "cgroup2") mounts.push_back({true, fields[1], ""});
    if (fields[2] == "cgroup") mounts.push_back({false, fields[1], fields[3]});
  }
  return mounts;
}

/// The path of this process below the mount of a controller ("" for version 2).
std::string own_path(std::string_view controller) {
  for (const std::string& line : split(read_text("/proc/self/cgroup").value_or(""), '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view names = std::string_view(line).substr(first + 1, second - first - 1);
    if (controller.empty() ? names.empty() : contains_word(names, controller)) {
      const std::string path = line.substr(second + 1);
      return path == "/" ? "" : path;
    }
  }
  return "";
}

/// Where this process is; in a container the path may only be visible as the mount itself.
std::string own_directory(const cgroup_mount& mount, std::string_view controller) {
  std::string directory = mount.point + own_path(controller);
  return ::access((directory + "/cgroup.procs").c_str(), F_OK) == 0 ? directory : mount.point;
}

bool writable(const std::string& directory, const char* file) {
  return ::access(directory.c_str(), W_OK) == 0 &&
         ::access((directory + "/" + file).c_str(), W_OK) == 0;
}

probe_result answer_for_second_version(const cgroup_mount& mount, const std::string& fallback) {
  const std::string directory = own_directory(mount, "");
  const std::string controllers = read_line(directory + "/cgroup.controllers").value_or("");
  const bool complete = contains_word(controllers, "memory") && contains_word(controllers, "cpu") &&
                        contains_word(controllers, "pids");
  const bool ours = writable(directory, "cgroup.procs") &&
                    ::access((directory + "/cgroup.subtree_control").c_str(), W_OK) == 0;
  const std::string detail =
      "Version 2 at " + directory +
      ", controllers: " + (controllers.empty() ? "none" : controllers) + "; " +
      (ours ? "writable by this process." : "not delegated to this process.");
  return answer("cgroup", complete && ours ? probe_state::yes : probe_state::degraded, detail,
                fallback);
}

double quota_of(const std::string& quota, const std::string& period) {
  const double most = std::strtod(quota.c_str(), nullptr);  // "max" and "-1" mean none
  const double each = std::strtod(period.c_str(), nullptr);
  return most > 0 && each > 0 ? most / each : 0;
}

double quota_in(const cgroup_mount& mount, const std::string& directory) {
  if (!mount.second_version) {
    return quota_of(read_line(directory + "/cpu.cfs_quota_us").value_or(""),
                    read_line(directory + "/cpu.cfs_period_us").value_or(""));
  }
  const std::vector<std::string> fields =
      split(read_line(directory + "/cpu.max").value_or(""), ' ');
  return fields.size() == 2 ? quota_of(fields[0], fields[1]) : 0;
}

}  // namespace

probe_result probe_cgroup() {
  const std::string fallback =
      "Limits are set by setrlimit for each process, and killing a tree is best effort.";
  const std::vector<cgroup_mount> mounts = cgroup_mounts();
  if (mounts.empty()) {
    return answer("cgroup", probe_state::no, "No cgroup file system is mounted.", fallback);
  }
  const bool first_has_memory = std::any_of(mounts.begin(), mounts.end(), [](const auto& mount) {
    return !mount.second_version && contains_word(mount.options, "memory");
  });
  if (!first_has_memory) {
    for (const cgroup_mount& mount : mounts) {
      if (mount.second_version) return answer_for_second_version(mount, fallback);
    }
  }
  std::string found;
  bool ours = true;
  for (const cgroup_mount& mount : mounts) {
    for (const char* controller : {"memory", "cpu", "pids"}) {
      if (mount.second_version || !contains_word(mount.options, controller)) continue;
      found += std::string(found.empty() ? "" : " ") + controller;
      ours = ours && writable(own_directory(mount, controller), "cgroup.procs");
    }
  }
  const std::string what = found.empty() ? "none of memory, cpu, pids" : found;
  return answer("cgroup", probe_state::degraded,
                "Version 1 only, controllers: " + what +
                    (ours && !found.empty() ? "; writable by this process."
                                            : "; not writable by this process."),
                fallback);
}

double cgroup_cpu_quota() {
  double least = 0;
  for (const cgroup_mount& mount : cgroup_mounts()) {
    if (!mount.second_version && !contains_word(mount.options, "cpu")) continue;
    // A group above ours may be the tighter one.
    std::string directory = own_directory(mount, mount.second_version ? "" : "cpu");
    while (directory.size() >= mount.point.size()) {
      const double quota = quota_in(mount, directory);
      if (quota > 0 && (least <= 0 || quota < least)) least = quota;
      directory.resize(directory.rfind('/') == std::string::npos ? 0 : directory.rfind('/'));
    }
  }
  return least;
}

}  // namespace trine::os
