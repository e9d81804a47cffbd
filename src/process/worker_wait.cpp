#include "process/worker_wait.hpp"

#include <pthread.h>
#include <sched.h>
#include <algorithm>

#include <trine/detail/core.hpp>

#include "base/clock.hpp"
#include "os/block_signals.hpp"
#include "os/futex.hpp"
#include "wait/stop.hpp"

namespace trine::process_layer {
constexpr std::size_t control_stack = 256 * 1024;

namespace {

// The processors this thread may use besides that one.
cpu_set_t others_than(std::uint32_t processor, cpu_set_t& all) noexcept {
  cpu_set_t others;
  CPU_ZERO(&others);
  if (sched_getaffinity(0, sizeof all, &all) != 0) return others;
  others = all;
  CPU_CLR(processor - 1, &others);
  return others;
}

}  // namespace

void request_wait::begin(std::uint32_t sender, std::int64_t now) noexcept {
  sender_ = sender;
  std::uint32_t here = processor_now();
  turns_ = here == sender && here != 0 && now - last_begin_ < short_turn_ns ? turns_ + 1 : 0;
  last_begin_ = now;
  if (turns_ == next_move_) {
    cpu_set_t all;
    const cpu_set_t others = others_than(sender, all);
    if (CPU_COUNT(&others) != 0) here = processor_moving;
    next_move_ = std::min(next_move_ * 2, rarest_move);
    turns_ = 0;
  }
  if (here == published_) return;
  published_ = here;
  words_->processor.store(here, std::memory_order_relaxed);
}

// Some 60 µs.
bool request_wait::leave_processor() noexcept {
  if (published_ != processor_moving) return false;
  cpu_set_t all;
  const cpu_set_t others = others_than(sender_, all);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return false;
  sched_setaffinity(0, sizeof all, &all);
  return true;
}

void request_wait::wait(request_ring& ring) noexcept {
  const auto ready = [&ring] { return !ring.empty(); };
  if (leave_processor()) {
    spin_.start_trial();
    if (spin_.spin(ready)) {
      next_move_ = first_move;
      return;
    }
  } else if (sender_ != processor_now() ? spin_.spin(ready) : ready()) {
    return;
  }
  const std::int64_t start = base::now_ns();
  while (ring.announce(wake_futex))
    os::futex_wait(ring.word(), ring.position(), base::never, os::futex_scope::shared);
  ring.awake();
  spin_.slept(base::now_ns() - start);
}

void job_control::begin(detail::core& c, std::uint32_t number) noexcept {
  {
    std::lock_guard guard(mutex_);
    core_ = &c;
    number_ = number;
  }
  // It may have come before the job began.
  if (words_->stop_number.load(std::memory_order_acquire) == number)
    wait::request_stop(c, wait::stop_requested);
  // The thread must learn of this job's deadline.
  if (c.deadline != detail::no_deadline && started_.load(std::memory_order_relaxed)) {
    words_->control.fetch_add(1, std::memory_order_release);
    os::futex_wake(&words_->control, 1, os::futex_scope::shared);
  }
}

void job_control::end() noexcept {
  std::lock_guard guard(mutex_);
  core_ = nullptr;
}

void job_control::ensure_thread() noexcept {
  if (started_.load(std::memory_order_relaxed) || started_.exchange(true)) return;
  os::block_signals blocked;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, control_stack);  // a memory limit may be in force
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const auto body = [](void* self) -> void* {
    pthread_setname_np(pthread_self(), "trine-control");
    static_cast<job_control*>(self)->watch();
    return nullptr;
  };
  if (pthread_create(&thread, &attributes, body, this) != 0) started_.store(false);
  pthread_attr_destroy(&attributes);
}

void job_control::watch() noexcept {
  for (;;) {
    // acquire: partner is the parent's increment after it set stop_number. Read first: a change
    // after this makes the wait below return at once.
    const std::uint32_t seen = words_->control.load(std::memory_order_acquire);
    std::int64_t next = base::never;
    {
      std::lock_guard guard(mutex_);
      if (core_ != nullptr) {
        if (words_->stop_number.load(std::memory_order_acquire) == number_)
          wait::request_stop(*core_, wait::stop_requested);
        if (core_->deadline != detail::no_deadline &&
            (core_->stop.load(std::memory_order_relaxed) & wait::stop_deadline) == 0) {
          if (base::now_ns() >= core_->deadline)
            wait::request_stop(*core_, wait::stop_deadline);
          else
            next = core_->deadline;
        }
      }
    }
    os::futex_wait(words_->control, seen, next, os::futex_scope::shared);
  }
}

}  // namespace trine::process_layer
