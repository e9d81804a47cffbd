// What robust_mutex, shared_semaphore and shared_channel keep in memory that processes share. No
// promises to users; src/process/shared_*.cpp has the protocols.
//
// Everything here may be seen half-way by a process whose partner was killed at any instruction,
// and must make sense then. Zeros are a valid beginning of each.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include <trine/detail/segment.hpp>

namespace trine::detail {

// Who holds it, in one word, so that a lock is never held by nobody: process id and flags in the
// low half (on which waiters sleep), the start time of that process in the high half.
struct robust_state {
  std::atomic<std::uint64_t> word{0};
  std::atomic<std::uint64_t> unit{0};     // the unit that holds it; written by it
  std::atomic<std::uint32_t> waiters{0};  // too high when waiters were killed
};

enum class robust_outcome : std::uint8_t { locked, owner_died, not_recoverable, timed_out, mine };

// Never interrupted by a stop request. deadline: CLOCK_MONOTONIC ns; 0: do not wait.
robust_outcome lock_robust(robust_state& s, std::int64_t deadline) noexcept;
// False: this process does not hold it.
bool unlock_robust(robust_state& s) noexcept;
// Whether the calling unit holds it.
bool holds_robust(const robust_state& s) noexcept;
// By the holder. False: this process does not hold it.
bool make_consistent(robust_state& s) noexcept;
bool is_inconsistent(const robust_state& s) noexcept;

struct semaphore_state {
  std::atomic<std::uint32_t> count{0};
  std::atomic<std::uint32_t> waiters{0};
};

// False at the deadline. Throws cancelled or timed_out when the unit is stopped.
bool acquire_shared(semaphore_state& s, std::int64_t deadline);
// False: the count would overflow.
bool release_shared(semaphore_state& s, std::uint32_t n) noexcept;

// Something that happens, for waiters of several processes: they read `seq`, look at what they wait
// for, and wait for `seq` to change.
struct shared_event_state {
  std::atomic<std::uint32_t> seq{0};
  std::atomic<std::uint32_t> waiters{0};
};

struct channel_cursor {
  std::uint64_t taken = 0, sent = 0;  // elements
  std::uint64_t taken_bytes = 0, sent_bytes = 0;
};

// The bytes of the ring follow it.
struct alignas(64) shared_channel_state {
  std::uint64_t capacity, bytes, element;  // set by who made it, before anyone else sees it
  robust_state lock;
  // Guarded by lock, and changed by one store: the new cursor is written beside the old one, then
  // `current` says which is right. Who dies before that has done nothing.
  channel_cursor cursors[2];
  std::atomic<std::uint32_t> current{0};
  std::atomic<std::uint32_t> closed{0};
  shared_event_state arrivals, departures;
};

segment_ref make_shared_channel(std::uint64_t capacity, std::uint64_t bytes, std::uint64_t element);
// Throws wire_error when it is not a channel of such elements.
void check_shared_channel(const segment_ref& s, std::uint64_t element);
enum class channel_outcome : std::uint8_t { done, closed, timed_out };
// Throws wire_error for an element larger than the channel, or a channel that was written over;
// cancelled or timed_out when the unit is stopped.
channel_outcome send_shared(const segment_ref& s, std::span<const std::byte> element,
                            std::int64_t deadline);
channel_outcome receive_shared(const segment_ref& s, byte_buffer& element, std::int64_t deadline);
void close_shared(const segment_ref& s) noexcept;
std::uint64_t size_of_shared(const segment_ref& s) noexcept;

inline constexpr std::int64_t do_not_wait = 0;

}  // namespace trine::detail
