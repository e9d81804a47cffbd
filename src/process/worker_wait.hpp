// How a worker waits: for its next request, and for a stop of the job it runs. The one place in
// this layer that sleeps on a futex; no unit waits here, only the worker itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "process/channel.hpp"
#include "process/spin_budget.hpp"

namespace trine::detail {
struct core;
}

namespace trine::process_layer {

using request_ring = atomic::ring_consumer<>;

// Waits for the next request: spins as long as that has paid lately, then announces itself and
// sleeps.
//
// The kernel leaves a waker and what it wakes on one processor when the others look busy to it, as
// sleeping ones of a virtual machine do, and it does not part them while each sleeps in turn. So
// after some short turns on the sender's processor the worker moves to another, once; and rarer
// when that did not help. The joiner is told before, so that it spins meanwhile: were it asleep,
// our reply would bring it to our new processor.
class request_wait {
 public:
  void open(channel_words& words) noexcept { words_ = &words; }
  // Returns when the ring holds something.
  void wait(request_ring& ring) noexcept;
  // A job begins now, sent by a thread on that processor.
  void begin(std::uint32_t sender, std::int64_t now) noexcept;
  std::int64_t take_spun() noexcept { return spin_.take_spun(); }

 private:
  bool leave_processor() noexcept;

  static constexpr std::int64_t short_turn_ns = 100'000;
  // As many turns as a move costs.
  static constexpr unsigned first_move = 16, rarest_move = 4096;

  channel_words* words_ = nullptr;
  spin_budget spin_;
  std::uint32_t sender_ = 0;
  std::uint32_t published_ = 0;  // words_->processor
  std::int64_t last_begin_ = 0;
  unsigned turns_ = 0;  // short ones in a row on the sender's processor
  unsigned next_move_ = first_move;
};

// Brings stop requests and the deadline to the job that runs. Its thread starts when a job first
// cares about stop requests (wait::on_first_stop_interest); most jobs never do.
class job_control {
 public:
  void open(channel_words& words) noexcept { words_ = &words; }
  // Around each job, by the worker. After end() nobody touches the core any more.
  void begin(detail::core& c, std::uint32_t number) noexcept;
  void end() noexcept;
  // Starts the thread. When the system has none left, the job learns of a stop at its next
  // spawn, not in the middle of a wait. Any thread.
  void ensure_thread() noexcept;

 private:
  void watch() noexcept;

  channel_words* words_ = nullptr;
  std::atomic<bool> started_{false};
  std::mutex mutex_;  // held while the job's core is used; stop callbacks of the job run under it
  detail::core* core_ = nullptr;
  std::uint32_t number_ = 0;
};

}  // namespace trine::process_layer
