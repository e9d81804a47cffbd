#include "process/worker_link.hpp"

#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/clock.hpp"
#include "observe/registry.hpp"
#include "os/futex.hpp"
#include "os/pidfd.hpp"
#include "wait/stop.hpp"

namespace trine::process_layer {

worker_link::worker_link(std::uint64_t its_serial, bool is_fresh, worker_ends& ends)
    : serial(its_serial),
      fresh(is_fresh),
      channel_(channel::create(ends.channel)),
      kill_at_(base::never) {
  os::pipe_ends pipe = os::make_pipe();
  errors_ = std::move(pipe.read_end);
  ends.errors = std::move(pipe.write_end);
  os::socket_pair sockets = os::make_socket_pair();
  segments_ = std::move(sockets.here);
  ends.segments = std::move(sockets.there);
  requests_ =
      atomic::ring_producer<>(channel_.words().request, channel_.request_ring(), ring_capacity);
  replies_ = atomic::ring_consumer<>(channel_.words().reply, channel_.reply_ring(), ring_capacity);
}

void worker_link::drop() noexcept {
  // acq_rel: the last one sees what the others did with it.
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void worker_link::assign(detail::process_core& c) noexcept {
  os::hold guard(lock_);
  job_ = &c;
  ++number_;
  direct_ = false;
  killed_ = kill_pending_ = wall_limit_hit_ = false;
  kill_at_ =
      c.options.wall_limit.count() > 0 ? base::deadline_after(c.options.wall_limit) : base::never;
  c.slot->now.store(observe::state::running, std::memory_order_relaxed);
  c.slot->where.store(pid_, std::memory_order_relaxed);
}

int worker_link::send_segments(const detail::process_core& c, bool& any) noexcept {
  for (const detail::segment_ref& s : c.attached.all()) {
    bool fresh_here, evicts;
    segment_name evicted;
    {
      const os::hold guard(lock_);
      try {
        fresh_here = held_.use(name_of(*s.get()), evicts, evicted);
      } catch (...) {
        return ENOMEM;
      }
    }
    if (!fresh_here) continue;
    any = true;
    int error = evicts ? send_drop(segments_.get(), evicted) : 0;
    if (error == 0) error = send_segment(segments_.get(), *s.get());
    // A worker that is dead already takes nothing; its job goes to another, or fails as it died.
    if (error == 0 || error == EPIPE || error == ECONNRESET) continue;
    const os::hold guard(lock_);
    held_.forget(name_of(*s.get()));
    return error;
  }
  return 0;
}

int worker_link::send_dropped(bool& any) noexcept {
  std::vector<segment_name> names;
  {
    const os::hold guard(lock_);
    names.swap(dropped_);
  }
  for (const segment_name& name : names) {
    any = true;
    // One that cannot be told now goes when the list is full.
    send_drop(segments_.get(), name);
  }
  return 0;
}

bool worker_link::note_dropped(std::span<const segment_name> names) noexcept {
  const os::hold guard(lock_);
  for (const segment_name& name : names) {
    if (!held_.forget(name)) continue;
    try {
      dropped_.push_back(name);
    } catch (...) {  // no memory: the worker keeps it a little longer
    }
  }
  return !dropped_.empty();
}

void worker_link::tell_dropped() noexcept {
  bool any = false;
  send_dropped(any);
  if (!any) return;
  request_header header{};
  header.kind = request_kind::segments;
  header.flags = request_segments;
  post(header);
}

int worker_link::send(detail::process_core& c, bool soon, std::string& unread_errors) noexcept {
  reset_errors(unread_errors);
  bool segments_too = false;
  send_dropped(segments_too);
  if (!c.attached.empty())
    if (const int error = send_segments(c, segments_too)) return error;
  const std::span<const std::byte> code =
      c.link.code_bytes != 0 ? std::span<const std::byte>(c.link.code, c.link.code_bytes)
                             : c.link.code_large.bytes();
  const std::span<const std::byte> arguments = c.arguments.bytes();
  const bool inline_too = arguments.size() <= inline_most;
  if (!inline_too) {
    if (!channel_.request_segment().populate(arguments.size())) return ENOMEM;
    std::memcpy(channel_.request_segment().data(), arguments.data(), arguments.size());
    was_large_ = was_large_ || arguments.size() > segment_kept;
  }
  request_header header{};
  header.number = number_;  // nobody assigns while this job is in flight
  header.kind = request_kind::job;
  if (fresh) header.flags |= request_last;
  if (segments_too) header.flags |= request_segments;
  if (c.stop.load(std::memory_order_acquire) % wait::stop_shield_unit != 0)
    header.flags |= request_stop_now;
  header.address_bytes = static_cast<std::uint32_t>(code.size());
  header.unit_id = c.id;
  header.deadline = c.deadline;
  header.memory_limit = c.options.memory_limit;
  header.payload_size = arguments.size();
  std::memcpy(header.name, c.options.name.c_str(), sizeof header.name);
  header.processor = processor_now();
  const std::size_t size = sizeof header + code.size() + (inline_too ? arguments.size() : 0);
  std::byte* at = requests_.reserve(static_cast<std::uint32_t>(size));
  if (at == nullptr) {
    // The worker's position makes no sense. It will be killed, and the job counts as not begun.
    damaged_.store(true, std::memory_order_relaxed);
    return 0;
  }
  std::memcpy(at, &header, sizeof header);
  at += sizeof header;
  std::memcpy(at, code.data(), code.size());
  if (inline_too && !arguments.empty())
    std::memcpy(at + code.size(), arguments.data(), arguments.size());
  // How the reply is to be announced, before it can come.
  {
    os::hold guard(lock_);
    if (!direct_) replies_.announce(soon ? wake_soon : wake_event);
  }
  // release: partner is the acquire in take(); all that sending touches here comes before.
  const auto hand_on = [this, number = header.number] {
    sent_.store(number, std::memory_order_release);
  };
  if (requests_.publish(hand_on) == wake_futex)
    os::futex_wake(&channel_.words().request.tail, 1, os::futex_scope::shared);
  return 0;
}

bool worker_link::busy() noexcept {
  os::hold guard(lock_);
  return job_ != nullptr;
}

bool worker_link::unassign(const detail::process_core& c) noexcept {
  os::hold guard(lock_);
  if (job_ != &c) return false;
  job_ = nullptr;
  direct_ = false;
  kill_at_ = base::never;
  return true;
}

detail::process_core* worker_link::take(reply& out, taker who) noexcept {
  os::hold guard(lock_);
  if (job_ == nullptr || revoked_ || (who == taker::keeper && direct_)) return nullptr;
  std::span<const std::byte> message;
  const atomic::ring_poll seen = replies_.poll(message);
  if (seen == atomic::ring_poll::empty) return nullptr;
  const auto refuse = [this]() -> detail::process_core* {
    damaged_.store(true, std::memory_order_relaxed);
    return nullptr;
  };
  if (seen == atomic::ring_poll::broken || message.size() < sizeof out.header) return refuse();
  std::memcpy(&out.header, message.data(), sizeof out.header);
  const std::uint64_t size = out.header.payload_size;
  if (out.header.number != number_ ||
      (out.header.kind != reply_kind::value && out.header.kind != reply_kind::exception))
    return refuse();
  if (size <= inline_most) {
    if (message.size() - sizeof out.header != size) return refuse();
    std::memcpy(inline_, message.data() + sizeof out.header, size);
    out.payload = {inline_, size};
  } else {
    if (size > channel_.reply_segment().most()) return refuse();
    was_large_ = was_large_ || size > segment_kept;
    out.no_memory = !channel_.reply_segment().extend(size);
    if (!out.no_memory) out.payload = {channel_.reply_segment().data(), size};
  }
  if ((out.header.flags & reply_segments) != 0 &&
      !receive_segments(segments_.get(), out.segments, false))
    return refuse();
  replies_.pop();
  (void)sent_.load(std::memory_order_acquire);
  unread_errors_ = (out.header.flags & reply_unread_stderr) != 0;
  kill_at_ = base::never;
  direct_ = false;
  return std::exchange(job_, nullptr);
}

detail::process_core* worker_link::revoke(bool& begun) noexcept {
  os::hold guard(lock_);
  revoked_ = true;
  // seq_cst on both: partner is the worker's store to begun, then load of revoked.
  channel_.words().revoked.store(1, std::memory_order_seq_cst);
  begun = number_ != 0 && channel_.words().begun.load(std::memory_order_seq_cst) == number_;
  direct_ = false;
  kill_at_ = base::never;
  return std::exchange(job_, nullptr);
}

void worker_link::post_quit() noexcept {
  request_header header{};
  header.kind = request_kind::quit;
  post(header);
}

void worker_link::post(const request_header& header) noexcept {
  std::byte* const at = requests_.reserve(sizeof header);
  if (at == nullptr) return;
  std::memcpy(at, &header, sizeof header);
  if (requests_.publish() == wake_futex)
    os::futex_wake(&channel_.words().request.tail, 1, os::futex_scope::shared);
}

bool worker_link::claim_direct(const detail::process_core& c, std::uint32_t& position) noexcept {
  os::hold guard(lock_);
  if (job_ != &c || direct_ || revoked_) return false;
  direct_ = true;
  replies_.awake();
  position = replies_.position();
  return true;
}

bool worker_link::unclaim_direct(const detail::process_core& c) noexcept {
  os::hold guard(lock_);
  if (job_ != &c || !direct_) return false;
  direct_ = false;
  return !replies_.announce(wake_event);
}

bool worker_link::kill_job(const detail::process_core& c) noexcept {
  os::hold guard(lock_);
  if (job_ != &c) return false;
  killed_ = true;
  send_kill();
  return true;
}

void worker_link::kill_now() noexcept {
  os::hold guard(lock_);
  send_kill();
}

bool worker_link::take_pending_kill() noexcept {
  os::hold guard(lock_);
  return pid_ != 0 && !pidfd_ && std::exchange(kill_pending_, false);
}

void worker_link::trim() noexcept {
  if (!std::exchange(was_large_, false)) return;
  channel_.request_segment().trim(segment_kept);
  channel_.reply_segment().trim(segment_kept);
}

void worker_link::send_kill() noexcept {
  if (pidfd_)
    os::send_signal(pidfd_.get(), SIGKILL);
  else
    kill_pending_ = true;
}

void worker_link::stop_job(const detail::process_core& c) noexcept {
  os::hold guard(lock_);
  if (job_ != &c) return;
  channel_words& words = channel_.words();
  words.stop_number.store(number_, std::memory_order_relaxed);
  // release: partner is the acquire in job_control::watch.
  words.control.fetch_add(1, std::memory_order_release);
  os::futex_wake(&words.control, 1, os::futex_scope::shared);
}

std::int64_t worker_link::check_limit(std::int64_t now) noexcept {
  os::hold guard(lock_);
  if (job_ == nullptr || kill_at_ > now) return kill_at_;
  wall_limit_hit_ = true;
  kill_at_ = base::never;
  send_kill();
  return base::never;
}

void worker_link::came_to_life(pid_t pid, os::unique_fd pidfd) noexcept {
  os::hold guard(lock_);
  pid_ = pid;
  pidfd_ = std::move(pidfd);
  if (job_ != nullptr) job_->slot->where.store(pid, std::memory_order_relaxed);
  if (kill_pending_ && pidfd_) os::send_signal(pidfd_.get(), SIGKILL);
}

bool worker_link::read_errors(std::string& forward) noexcept {
  os::hold guard(error_lock_);
  char buffer[4096];
  for (int i = 0; i < 16; ++i) {  // a pipe's worth
    const ssize_t n = read(errors_.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    const auto size = static_cast<std::size_t>(n);
    try {
      forward.append(buffer, size);
      tail_.append(buffer, size);
    } catch (...) {  // no memory for words: the work goes on without
    }
    if (tail_.size() > tail_size) tail_.erase(0, tail_.size() - tail_size);
  }
  return true;
}

void worker_link::reset_errors(std::string& forward) noexcept {
  if (unread_errors_) read_errors(forward);
  unread_errors_ = false;
  os::hold guard(error_lock_);
  tail_.clear();
}

std::string worker_link::error_tail() noexcept {
  os::hold guard(error_lock_);
  return std::move(tail_);
}

bool worker_link::ever_began() const noexcept {
  return channel_.words().begun.load(std::memory_order_relaxed) != 0;
}

bool worker_link::hit_memory_limit() const noexcept {
  return channel_.words().memory_hit.load(std::memory_order_relaxed) != 0;
}

}  // namespace trine::process_layer
