// What a select is without the types of its elements. No promises to users.
#pragma once

#include <cstddef>
#include <cstdint>

#include <trine/detail/channel_core.hpp>
#include <trine/detail/deadline.hpp>

namespace trine::detail {

struct select_case {
  enum kind : std::uint8_t { receives, sends, timer, otherwise };

  channel_core* channel = nullptr;
  std::int64_t deadline = no_deadline;  // of a timer
  kind what = otherwise;
  std::uint8_t order = 0;  // cases[i].order: the i-th case in the order of locking
  channel_wait wait;
};

// Lets one case happen and returns its position; see trine/select.hpp.
std::size_t select_among(select_case* cases, std::size_t count);

}  // namespace trine::detail
