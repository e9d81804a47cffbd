// The parent's end of one worker.
//
// Locks. pool::lock_ comes before worker_link::lock, which comes before error_lock. Under them
// nothing blocks, parks, or runs code of the user.
//
// The job in flight. `job` is set by who assigns (under both locks) and taken by exactly one: who
// takes its reply (take), who pronounces the worker dead (revoke), or who finds that it cannot be
// sent. Whoever takes it ends it or queues it again. While `direct` is set, one joining thread
// listens to the reply ring and is the only one, but for the keeper after the worker's death, to
// take from it and to say how it wants to be woken.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <trine/detail/process_core.hpp>

#include "os/fd.hpp"
#include "os/lock.hpp"
#include "process/channel.hpp"
#include "process/segment.hpp"
#include "process/spin_budget.hpp"

namespace trine::process_layer {

struct reply {
  reply_header header;
  std::span<const std::byte> payload;           // valid until the worker gets its next job
  bool no_memory = false;                       // the payload could not be mapped
  std::vector<detail::segment_ref> segments{};  // that came beside it; until it is decoded
};

class worker_link {
 public:
  // Makes the channel, the stderr pipe and the socket for segments. The three descriptors go to
  // the worker. Throws std::system_error.
  struct worker_ends {
    os::unique_fd channel, errors, segments;
  };
  worker_link(std::uint64_t serial, bool fresh, worker_ends& ends);

  const std::uint64_t serial;
  const bool fresh;

  void retain() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void drop() noexcept;

  // ---- the job in flight --------------------------------------------------------------------
  // Under the pool's lock.
  void assign(detail::process_core& c) noexcept;
  // By who assigned, without locks. Not 0 but errno: there is no memory for the arguments, or what
  // they share cannot be handed over; nothing was sent, and the job is the caller's to end. Nothing
  // happens if the worker was revoked meanwhile. `soon`: the spawner will probably join at once.
  int send(detail::process_core& c, bool soon, std::string& unread_errors) noexcept;
  bool busy() noexcept;
  // Takes the job back that could not be sent. False when it was taken by another.
  bool unassign(const detail::process_core& c) noexcept;
  // The job whose reply has come, null when none has. `direct`: by the joiner that claimed it;
  // `dead`: by the keeper after the worker's death.
  enum class taker : std::uint8_t { keeper, direct, dead };
  detail::process_core* take(reply& out, taker who) noexcept;
  // Gives the worker up: it will begin nothing any more. Returns the job in flight, if any;
  // `begun` says whether the worker had begun it.
  detail::process_core* revoke(bool& begun) noexcept;
  // It sent something that it cannot have sent; kill it.
  bool damaged() const noexcept { return damaged_.load(std::memory_order_relaxed); }
  void post_quit() noexcept;
  // The program needs these segments no more, so the worker need not hold them. True when it
  // should be told, by tell_dropped() or with its next job.
  bool note_dropped(std::span<const segment_name> names) noexcept;
  // By who has taken it out of the idle workers.
  void tell_dropped() noexcept;

  // ---- a joining thread ---------------------------------------------------------------------
  bool claim_direct(const detail::process_core& c, std::uint32_t& position) noexcept;
  // True when a reply has come that nobody was told of: take it.
  bool unclaim_direct(const detail::process_core& c) noexcept;
  const std::atomic<std::uint32_t>& reply_word() const noexcept { return replies_.word(); }
  // Says that a sleeper on reply_word() wants a wake. False when the reply is there.
  bool announce_sleep(std::uint32_t position) noexcept {
    return replies_.announce(wake_futex, position);
  }
  // Where it was when it last began a job, or processor_moving. A hint.
  std::uint32_t processor() const noexcept {
    return channel_.words().processor.load(std::memory_order_relaxed);
  }
  spin_budget joiner_spin;  // of the joiner that claimed

  // ---- ending it ------------------------------------------------------------------------------
  // Kills the process if `c` is still in flight. True when so.
  bool kill_job(const detail::process_core& c) noexcept;
  void stop_job(const detail::process_core& c) noexcept;
  // Whatever it does.
  void kill_now() noexcept;
  // By the keeper: whether a kill waits that only the zygote can do (there is no pidfd).
  bool take_pending_kill() noexcept;
  // The time limit of the job in flight, base::never if none; kills when it has passed.
  std::int64_t check_limit(std::int64_t now) noexcept;

  // Gives back what large payloads took, when the worker has nothing to do.
  void trim() noexcept;

  // ---- stderr ---------------------------------------------------------------------------------
  // Reads what is there, appends it to `forward`. False at end of file.
  bool read_errors(std::string& forward) noexcept;
  std::string error_tail() noexcept;

  // ---- the pool's, under its lock ---------------------------------------------------------------
  bool doomed = false;  // gets no new job
  bool idle = false;
  worker_link* idle_next = nullptr;
  worker_link* idle_previous = nullptr;

  // ---- the keeper's -----------------------------------------------------------------------------
  void came_to_life(pid_t pid, os::unique_fd pidfd) noexcept;
  pid_t pid() const noexcept { return pid_; }
  int pidfd() const noexcept { return pidfd_.get(); }
  int stderr_fd() const noexcept { return errors_.get(); }
  bool forked = false;
  bool orphaned = false;  // its zygote is gone, so nobody will say how it died
  bool dead = false;
  std::int64_t dead_at = 0;
  bool status_known = false;
  int status = 0;
  std::int64_t cpu_ns = -1, peak_bytes = -1;

  // What revoke's caller needs for the crash report; under no lock once revoked.
  bool was_killed() const noexcept { return killed_; }
  bool hit_wall_limit() const noexcept { return wall_limit_hit_; }
  bool hit_memory_limit() const noexcept;
  bool ever_began() const noexcept;

 private:
  int send_segments(const detail::process_core& c, bool& any) noexcept;
  int send_dropped(bool& any) noexcept;
  void post(const request_header& header) noexcept;
  void send_kill() noexcept;
  void reset_errors(std::string& forward) noexcept;

  static constexpr std::size_t tail_size = 4096;

  std::atomic<std::uint32_t> refs_{1};
  channel channel_;
  atomic::ring_producer<> requests_;  // who assigned
  // The number of the job that was sent last. Who sends next may be another thread; that it comes
  // after is known to the hardware by way of the worker, and to the language by this.
  std::atomic<std::uint32_t> sent_{0};
  os::unique_fd errors_;
  os::unique_fd segments_;

  os::lock lock_;
  // guarded by lock_
  detail::process_core* job_ = nullptr;
  std::uint32_t number_ = 0;
  bool direct_ = false;
  bool revoked_ = false;
  bool killed_ = false;
  bool kill_pending_ = false;  // wanted before its process was known
  bool wall_limit_hit_ = false;
  std::int64_t kill_at_;
  pid_t pid_ = 0;
  os::unique_fd pidfd_;
  atomic::ring_consumer<> replies_;
  held_set held_;                      // what the worker holds for us
  std::vector<segment_name> dropped_;  // of those, what it is to let go

  std::atomic<bool> damaged_{false};
  bool was_large_ = false;      // a payload was beyond what is kept; owned as the next
  bool unread_errors_ = false;  // set by who took the last reply, read by who assigns the next

  os::lock error_lock_;
  std::string tail_;  // guarded by error_lock_

  std::byte inline_[inline_most];  // of the reply taken last
};

}  // namespace trine::process_layer
