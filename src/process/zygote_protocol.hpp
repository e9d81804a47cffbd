// What parent and zygote say to each other, over a SOCK_SEQPACKET pair.
//
//   zygote → parent   hello     once, first: version and identity of the program it runs
//                     refused   instead of hello: why it cannot serve; it then exits
//                     forked    answers fork: the worker's pid; carries its pidfd
//                     failed    answers fork: errno
//                     exited    a worker is dead and reaped: wait status and resource usage
//   parent → zygote   fork      carries the worker's channel, the write end of its stderr pipe and
//                               its end of the socket for segments
//                     signal    sends a signal to a worker (for a parent that got no pidfd)
//
// A worker is named by `serial`, which the parent chooses and never uses twice. forked comes
// before exited of the same worker. End of file: the parent is gone or done, so the zygote kills
// its workers, reaps them and exits. End of file at the parent: the zygote is dead, and its workers
// die with it (PR_SET_PDEATHSIG).
#pragma once

#include <cstdint>
#include <type_traits>

namespace trine::process_layer {

inline constexpr std::uint32_t zygote_version = 2;

// Numbers of descriptors in a zygote, and in a worker.
inline constexpr int zygote_socket = 3;
inline constexpr int reply_event = 4;

enum class zygote_verb : std::uint32_t { hello = 1, refused, forked, failed, exited, fork, signal };

struct zygote_message {
  zygote_verb verb;
  std::uint32_t version;  // hello
  std::uint64_t serial;
  std::int32_t pid;         // forked, exited
  std::int32_t number;      // failed: errno; exited: wait status; signal: which
  std::int64_t cpu_ns;      // exited
  std::int64_t peak_bytes;  // exited
  char text[240];           // hello: identity; refused: a sentence; both end with NUL
};
static_assert(std::is_trivially_copyable_v<zygote_message>);

}  // namespace trine::process_layer
