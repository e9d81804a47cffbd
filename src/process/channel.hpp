// The channel between this process and one worker: two rings of messages and two segments for
// payloads, in one shared memory.
//
//   words │ request ring │ reply ring │ … │ request segment │ reply segment
//
// The parent writes requests and reads replies; the worker the other way round. A payload of at
// most `inline_most` bytes follows its header in the ring; a larger one lies at the start of the
// segment of its direction, which its writer owns from the moment the job before is done (both
// sides know: one job is in flight at a time) until it publishes the header, and its reader from
// then until the job is done. Segments keep their pages for the next job ("warm"), beyond
// `segment_kept` only until the worker is idle.
//
// Wake-ups. The worker sleeps on the request ring's tail (wake_futex). For replies the parent says
// how it wants to be told: wake_futex while a thread of it sleeps on the reply ring's tail,
// wake_event while only the keeper listens (the worker then writes the eventfd it inherited),
// wake_soon the same, but a thread will probably come and join, so the worker looks for some
// microseconds whether the reply is taken before it wakes the keeper; 0 while a thread spins on
// the ring.
//
// What a worker sends is not trusted: headers and inline payloads are copied before they are
// looked at, sizes are checked. Large payloads are decoded where they lie, by a reader that is safe
// with any bytes; a sandbox's pool will copy those too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "atomic/spsc_ring.hpp"
#include "os/shared_memory.hpp"

namespace trine::process_layer {

inline constexpr std::uint32_t wake_futex = 1;
inline constexpr std::uint32_t wake_event = 2;
inline constexpr std::uint32_t wake_soon = 3;

inline constexpr std::uint32_t inline_most = 16 * 1024;
inline constexpr std::size_t segment_kept = std::size_t{64} << 20;

// segments: nothing but what the flag says, and no reply.
enum class request_kind : std::uint32_t { job = 1, quit = 2, segments = 3 };

// request_header::flags
inline constexpr std::uint32_t request_stop_now = 1;  // asked to stop before it began
inline constexpr std::uint32_t request_last = 2;      // exit after this job
inline constexpr std::uint32_t request_segments = 4;  // look at the socket first

struct request_header {
  request_kind kind;
  std::uint32_t number;  // of the job, in this channel; from 1
  std::uint32_t flags;
  std::uint32_t address_bytes;  // two encoded code_addresses follow: entry, function
  std::uint64_t unit_id;
  std::int64_t deadline;       // CLOCK_MONOTONIC ns, the same clock in every process
  std::uint64_t memory_limit;  // 0: none
  std::uint64_t payload_size;  // the arguments
  char name[32];
  std::uint32_t processor;  // of who sends: processor_now()
  std::uint32_t reserved;
};

enum class reply_kind : std::uint32_t { value = 1, exception = 2 };

// reply_header::flags
inline constexpr std::uint32_t reply_unread_stderr = 1;  // the pipe was not empty at the end
inline constexpr std::uint32_t reply_segments = 2;       // look at the socket first

struct reply_header {
  reply_kind kind;
  std::uint32_t number;
  std::uint32_t flags;
  std::int32_t pid;
  std::uint64_t payload_size;
  std::int64_t cpu_ns, wall_ns, peak_bytes;
};

inline constexpr std::uint32_t ring_capacity = 64 * 1024;
static_assert(sizeof(reply_header) + inline_most + 64 < ring_capacity / 2);

inline constexpr std::uint32_t processor_moving = 0xffffffff;

// The first page. Written by who is named; zeros at the start.
struct channel_words {
  atomic::ring_words<> request;
  atomic::ring_words<> reply;
  // The parent's: a counter the worker's control thread sleeps on, and the number of the job that
  // was asked to stop.
  alignas(64) std::atomic<std::uint32_t> control;
  std::atomic<std::uint32_t> stop_number;
  // The parent's: it has given this worker up, so the worker must begin nothing any more.
  std::atomic<std::uint32_t> revoked;
  // The worker's: the job it has begun; whether that ran into its memory limit.
  alignas(64) std::atomic<std::uint32_t> begun;
  std::atomic<std::uint32_t> memory_hit;
  // The worker's: processor_now() when it last began a job, or that it will move to another after
  // it; apart from what it writes each time.
  alignas(64) std::atomic<std::uint32_t> processor;
};
static_assert(sizeof(channel_words) <= 4096);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

class channel {
 public:
  channel() noexcept = default;
  // The parent's: new shared memory. `file` becomes its descriptor, to pass to the worker and then
  // to close. Throws std::system_error.
  static channel create(os::unique_fd& file);
  // The worker's. Throws std::system_error.
  static channel attach(int file);

  channel_words& words() const noexcept { return *reinterpret_cast<channel_words*>(fixed_.data()); }
  std::byte* request_ring() const noexcept { return fixed_.data() + 4096; }
  std::byte* reply_ring() const noexcept { return fixed_.data() + 4096 + ring_capacity; }
  os::window& request_segment() noexcept { return request_segment_; }
  os::window& reply_segment() noexcept { return reply_segment_; }

 private:
  channel(int file, std::uint64_t file_size);

  os::window fixed_;
  os::window request_segment_;
  os::window reply_segment_;
};

}  // namespace trine::process_layer
