// What depends on whether a person is watching: colour and progress.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace trine_tool {

enum class tint { plain, good, warning, bad, strong, faint };

/// Colours text when standard output is a terminal that wants it (NO_COLOR, TERM=dumb).
class painter {
 public:
  explicit painter(bool colour) noexcept : colour_(colour) {}
  [[nodiscard]] std::string operator()(tint how, std::string_view text) const;

 private:
  bool colour_;
};

/// Whether standard output is a terminal and nothing in the environment forbids colour.
[[nodiscard]] bool standard_output_has_colour();

/// One line on stderr that is rewritten in place and gone at the end; silent in a pipe.
class progress {
 public:
  /// Silent unless stderr is a terminal.
  progress();
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Shown at most ten times a second, and not at all during the first third of a second: a short
  /// operation should leave the screen alone.
  void step(std::string_view what, std::uint64_t done, std::uint64_t total);
  void clear();

 private:
  std::chrono::steady_clock::time_point next_;
  bool enabled_;
  bool shown_ = false;
};

}  // namespace trine_tool
