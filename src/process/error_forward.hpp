// What workers write to stderr, on its way to ours. Never blocks: a terminal that is stopped or a
// pipe that nobody reads must not stop the keeper, so what does not fit waits here, up to a bound;
// workers then block in their own writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trine::process_layer {

class error_forward {
 public:
  // Writes what can be written now.
  void add(std::string_view text) noexcept;
  void flush() noexcept;
  bool waiting() const noexcept { return !backlog_.empty(); }
  // Time to stop reading from workers.
  bool full() const noexcept { return backlog_.size() >= most; }
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  static constexpr std::size_t most = 256 * 1024;
  static constexpr std::size_t most_at_all = 1024 * 1024;  // the last words of dead workers

  std::string backlog_;
  std::uint64_t dropped_ = 0;
};

}  // namespace trine::process_layer
