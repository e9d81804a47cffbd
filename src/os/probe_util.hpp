// Small helpers shared by the probes.
#pragma once

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trine/doctor.hpp"

namespace trine::os {

/// Closes what a probe opened, whichever way the probe returns.
class probe_fd {
 public:
  explicit probe_fd(long fd) noexcept : fd_(static_cast<int>(fd)) {}
  ~probe_fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  probe_fd(const probe_fd&) = delete;
  probe_fd& operator=(const probe_fd&) = delete;
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// The first 256 KiB of a file, or nothing when it cannot be read.
std::optional<std::string> read_text(const std::string& path);

/// The first line of a file without its newline and outer blanks, or nothing.
std::optional<std::string> read_line(const std::string& path);

std::vector<std::string> split(std::string_view text, char separator);
bool contains_word(std::string_view text, std::string_view word);

/// "refused (Operation not permitted)", "not in this kernel (Function not implemented)", ...
std::string refusal(int error);

/// 1536 -> "1.5 KiB".
std::string human_bytes(unsigned long long bytes);

/// What limits how many CPUs the cgroups of this process may use; 0 when nothing does.
double cgroup_cpu_quota();

inline probe_result answer(std::string name, probe_state state, std::string detail,
                           std::string fallback) {
  return {std::move(name), state, std::move(detail), std::move(fallback)};
}

}  // namespace trine::os
