#include "os/probe_util.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace trine::os {

std::optional<std::string> read_text(const std::string& path) {
  constexpr std::size_t most = 256 * 1024;
  const probe_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return std::nullopt;
  std::string text;
  std::array<char, 4096> chunk{};
  while (text.size() < most) {
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<std::string> read_line(const std::string& path) {
  std::optional<std::string> text = read_text(path);
  if (!text) return std::nullopt;
  std::string line = text->substr(0, text->find('\n'));
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos) return std::string();
  return line.substr(first, line.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

bool contains_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const auto border = [&](std::size_t i) {
      return i >= text.size() || text[i] == ' ' || text[i] == ',' || text[i] == '\n' ||
             text[i] == '\t';
    };
    if ((at == 0 || border(at - 1)) && border(at + word.size())) return true;
  }
  return false;
}

std::string refusal(int error) {
  const std::string reason = std::generic_category().message(error);
  if (error == ENOSYS) return "not in this kernel, or hidden by the container (" + reason + ")";
  if (error == EPERM || error == EACCES) return "refused here (" + reason + ")";
  return "failed here (" + reason + ")";
}

std::string human_bytes(unsigned long long bytes) {
  static constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  const bool whole = value == static_cast<double>(static_cast<unsigned long long>(value));
  std::snprintf(text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text.data();
}

}  // namespace trine::os
