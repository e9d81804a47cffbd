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

// Returns when the ring holds something. Spins as long as that has paid lately, then announces
// itself and sleeps.
void wait_for_request(request_ring& ring, spin_budget& spin) noexcept;

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
