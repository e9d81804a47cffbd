// Which process, for certain: a pid may be used again, a pid with its start time is not.
#pragma once

#include <sys/types.h>
#include <cstdint>

namespace trine::process_layer {

struct process_identity {
  std::uint32_t pid = 0;
  std::uint32_t started = 0;  // low bits of the start time in clock ticks; 0: unknown
  bool operator==(const process_identity&) const = default;
};

// This process. Costs a load after the first call; right in children of fork() too.
process_identity this_process() noexcept;

// False when it has certainly ended (a zombie has). Without /proc a pid that lives counts.
bool is_alive(const process_identity& who) noexcept;

}  // namespace trine::process_layer
