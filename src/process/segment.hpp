// Segments between processes (see trine/detail/segment.hpp).
//
// Identity. A segment has a random name of 128 bits; each process has a table of those it refers
// to. Bytes that name a segment mean something only to a process that has it, so nobody can reach
// one by guessing.
//
// Ways. Each worker has a socket to its parent (SOCK_SEQPACKET) for descriptors:
//   parent → worker   hold   name, size, the descriptor; before the request that needs it
//                     drop   name: the worker's table lets go (its jobs may still hold it)
//   worker → parent   hold   before the reply that needs it
// The header of a request or reply says that there is something to read. The parent keeps the list
// of what each worker holds for it (`held_set`), bounded, and is the only one to say `drop`: when
// the list is full, or when the segment's last reference in the parent has gone. So an argument
// that a worker has seen costs nothing but its bytes, and a worker that sleeps does not keep memory
// alive that nobody needs.
//
// What comes from a worker is not trusted: a file that is not sealed against resizing, or is
// smaller than it says, is refused; a worker cannot make the parent fault.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <trine/detail/segment.hpp>

#include "os/fd.hpp"
#include "os/lock.hpp"
#include "os/message_socket.hpp"

namespace trine::process_layer {

struct segment_name {
  std::uint64_t high = 0, low = 0;
  bool operator==(const segment_name&) const = default;
};

enum class segment_verb : std::uint32_t { hold = 1, drop = 2 };

struct segment_message {
  segment_verb verb;
  segment_name name;
  std::uint64_t size;
};

// 0, or errno. Marks the segment as one whose end others want to hear of.
int send_segment(int socket, detail::segment& s) noexcept;
int send_drop(int socket, const segment_name& name) noexcept;

segment_name name_of(const detail::segment& s) noexcept;

// Takes every message that waits on the socket; what is to be held goes to `held`, what is to be
// dropped goes from it. `trusted`: from the parent. False when the other side sent nonsense.
bool receive_segments(int socket, std::vector<detail::segment_ref>& held, bool trusted) noexcept;

// Which segments a worker holds for its parent, the one used last at the end.
class held_set {
 public:
  static constexpr std::size_t most = 2 * detail::most_attachments;
  // True when it was not there: it must be sent. `evicted` is to be dropped then, if `evicts`.
  bool use(const segment_name& name, bool& evicts, segment_name& evicted);
  // True when it was there.
  bool forget(const segment_name& name) noexcept;

 private:
  std::vector<segment_name> names_;
};

// Segments that were sent to some worker and have lost their last reference here since the last
// call. The hook is called, from any thread, when there is the first of them.
std::vector<segment_name> take_dead_segments() noexcept;
extern std::atomic<void (*)() noexcept> on_dead_segment;

}  // namespace trine::process_layer
