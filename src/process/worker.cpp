#include "process/worker.hpp"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <iostream>
#include <system_error>
#include <vector>

#include <trine/detail/stop_point.hpp>

#include "base/clock.hpp"
#include "observe/registry.hpp"
#include "os/fd.hpp"
#include "os/futex.hpp"
#include "process/process.hpp"
#include "process/program_state.hpp"
#include "process/segment.hpp"
#include "process/worker_job.hpp"
#include "process/worker_wait.hpp"
#include "process/zygote_protocol.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine::process_layer {
namespace {

// A system call costs about as much as a tiny job. Below the first a job cannot have written
// anything; below the second its processor time is its time.
constexpr std::int64_t no_write_ns = 300;
constexpr std::int64_t brief_ns = 20'000;

std::int64_t cpu_now() noexcept {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

std::int64_t peak_now() noexcept {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used.ru_maxrss * 1024LL;
}

void flush_output() noexcept {
  std::fflush(stdout);
  try {
    std::cout.flush();
  } catch (...) {  // the program made std::cout throw; the job's result counts all the same
  }
}

[[noreturn]] void leave() noexcept {
  note_main_ended();  // ends the pool of this process, when its jobs spawned process units
  flush_output();
  _exit(0);
}

[[noreturn]] void fail(const char* sentence) noexcept {
  std::fprintf(stderr, "trine: %s\n", sentence);
  std::abort();
}

class worker {
 public:
  worker(int file, int segments);
  [[noreturn]] void serve() noexcept;
  job_control& control() noexcept { return control_; }

 private:
  void run(const request_header& request, std::span<const std::byte> rest) noexcept;
  void measure(reply_header& header, std::int64_t began) noexcept;
  void send(const reply_header& header, std::span<const std::byte> result) noexcept;
  bool send_segments(const detail::attachments& given, const detail::attachments& made,
                     reply_header& header) noexcept;
  std::uint32_t await_joiner() noexcept;

  channel channel_;
  request_ring requests_;
  atomic::ring_producer<> replies_;
  request_wait waiting_;
  spin_budget joiner_{5'000};
  job_control control_;
  result_buffer result_;
  const int segments_;
  std::vector<detail::segment_ref> held_;  // what the parent wants us to hold for it
  std::int64_t cpu_before_ = 0;            // of this process, after the last job
  std::int64_t peak_ = 0;
  const std::int32_t pid_ = getpid();
};

worker* the_worker = nullptr;

worker::worker(int file, int segments)
    : channel_(channel::attach(file)), result_(channel_.reply_segment()), segments_(segments) {
  close(file);
  requests_ = request_ring(channel_.words().request, channel_.request_ring(), ring_capacity);
  replies_ = atomic::ring_producer<>(channel_.words().reply, channel_.reply_ring(), ring_capacity);
  control_.open(channel_.words());
  waiting_.open(channel_.words());
  peak_ = peak_now();
  cpu_before_ = cpu_now();
}

void worker::serve() noexcept {
  for (;;) {
    waiting_.wait(requests_);
    std::span<const std::byte> message;
    request_header header;
    // The parent is trusted; but a job's stray write may have hit the ring.
    if (requests_.poll(message) != atomic::ring_poll::message || message.size() < sizeof header)
      fail("a worker process found its requests damaged; did a job write outside its memory?");
    std::memcpy(&header, message.data(), sizeof header);
    if (header.kind == request_kind::quit) leave();
    if ((header.flags & request_segments) != 0) receive_segments(segments_, held_, true);
    if (header.kind == request_kind::segments) {
      requests_.pop();
      continue;
    }
    run(header, message.subspan(sizeof header));
    if ((header.flags & request_last) != 0) leave();
    // After the reply, while the parent looks at it.
    cpu_before_ = cpu_now();
    waiting_.take_spun();
  }
}

void worker::run(const request_header& request, std::span<const std::byte> rest) noexcept {
  channel_words& words = channel_.words();
  // From here on the job counts as begun. seq_cst on both: partner is worker_link::revoke(), which
  // sets revoked and then looks at begun; weaker, the parent could give a job to another worker
  // while this one, whose zygote has just died, still begins it.
  words.begun.store(request.number, std::memory_order_seq_cst);
  if (words.revoked.load(std::memory_order_seq_cst) != 0) _exit(1);
  const std::int64_t began = base::now_ns();
  waiting_.begin(request.processor, began);
  byte_writer result = result_.writer();
  reply_header header{};
  header.number = request.number;
  header.pid = pid_;
  detail::attachments given, made;
  result.attach_to(&made);
  header.kind = run_job(request, rest, channel_.request_segment(), result, words, control_, given);
  if (!made.empty() && !send_segments(given, made, header)) {
    result.clear();
    write_exception(result, std::make_exception_ptr(std::system_error(
                                errno, std::generic_category(),
                                "trine: the shared memory in this result cannot be handed back")));
    header.kind = reply_kind::exception;
  }
  header.payload_size = result.size();
  requests_.pop();
  flush_output();
  measure(header, began);
  send(header, result.bytes());
}

// What the parent gave with this job it has itself; the rest goes by the socket.
bool worker::send_segments(const detail::attachments& given, const detail::attachments& made,
                           reply_header& header) noexcept {
  for (const detail::segment_ref& s : made.all()) {
    if (given.contains(s.get())) continue;
    header.flags |= reply_segments;
    if (const int error = send_segment(segments_, *s.get())) {
      errno = error;
      return false;
    }
  }
  return true;
}

void worker::measure(reply_header& header, std::int64_t began) noexcept {
  header.wall_ns = base::now_ns() - began;
  header.cpu_ns = header.wall_ns;
  if (header.wall_ns > brief_ns) {
    const std::int64_t before = cpu_before_ + waiting_.take_spun();
    const std::int64_t used = cpu_now() - before;
    header.cpu_ns = used > 0 ? used : 0;
    peak_ = peak_now();
  }
  header.peak_bytes = peak_;
  int unread = 0;
  if (header.wall_ns > no_write_ns && ioctl(STDERR_FILENO, FIONREAD, &unread) == 0 && unread > 0)
    header.flags |= reply_unread_stderr;
}

void worker::send(const reply_header& header, std::span<const std::byte> result) noexcept {
  const bool inline_too = result.size() <= inline_most;
  const std::size_t size = sizeof header + (inline_too ? result.size() : 0);
  // One job is in flight at a time, so the ring has room.
  std::byte* const at = replies_.reserve(static_cast<std::uint32_t>(size));
  if (at == nullptr)
    fail("a worker process found its replies damaged; did a job write outside its memory?");
  std::memcpy(at, &header, sizeof header);
  if (inline_too && !result.empty()) std::memcpy(at + sizeof header, result.data(), result.size());
  std::uint32_t how = replies_.publish();
  if (how == wake_soon) how = await_joiner();
  if (how == wake_futex) {
    os::futex_wake(&channel_.words().reply.tail, 1, os::futex_scope::shared);
  } else if (how == wake_event && !os::signal_event(reply_event)) {
    fail("a job closed a descriptor that is not its own (4), so its result cannot be announced");
  }
}

// A thread that joins takes the reply itself, and waking the keeper for it would only cost. Returns
// how to wake the parent now.
std::uint32_t worker::await_joiner() noexcept {
  atomic::ring_words<>& ring = channel_.words().reply;
  const std::uint32_t tail = ring.tail.load(std::memory_order_relaxed);
  joiner_.spin([&] {
    return ring.head.load(std::memory_order_relaxed) == tail ||
           ring.sleeper.load(std::memory_order_relaxed) != wake_soon;
  });
  // Whoever takes the claim or gives it back looks at the ring after it has said so; what is said
  // now, after the reply was published, is therefore the whole truth.
  const std::uint32_t how = ring.sleeper.load(std::memory_order_seq_cst);
  if (ring.head.load(std::memory_order_relaxed) == tail) return 0;
  return how == wake_soon ? wake_event : how;
}

void become_worker(const worker_start& start) noexcept {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != start.parent) _exit(1);
  prctl(PR_SET_NAME, "trine-worker");
  if (std::strncmp(start.title, "trine-zygote", 12) == 0)
    std::memcpy(start.title, "trine-worker", 12);
  dup2(start.stderr_pipe, STDERR_FILENO);
  close(start.stderr_pipe);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  observe::renew();
  wait::self() = {};
  note_main_entered();
}

}  // namespace

bool is_worker_unit(const detail::core& c) noexcept { return &c == current_job(); }

void worker_main(const worker_start& start) noexcept {
  become_worker(start);
  try {
    the_worker = new worker(start.channel, start.segments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    _exit(1);
  }
  install_hooks();
  // Every look counts here: the hook makes requests arrive.
  detail::units_asked_to_stop.fetch_add(1, std::memory_order_relaxed);
  wait::on_first_stop_interest = [] { the_worker->control().ensure_thread(); };
  the_worker->serve();
}

}  // namespace trine::process_layer
