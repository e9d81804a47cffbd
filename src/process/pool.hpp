// The pool: the process units that wait, the workers that run them, and who gets what.
//
//   start ─▶ queued ──assign──▶ running (on one worker) ──▶ ended
//              ▲                    │
//              └── its worker died before it began (at most `most_attempts` times)
//
// Warm jobs go to an idle worker, the one that was used last; else they queue, and the keeper
// starts workers up to the limit. Fresh jobs queue for workers of their own, at most `most_fresh`
// at once. Whoever takes a reply gives the worker its next job, so a busy pool needs no dispatcher.
//
// Everything here is called by any thread. Workers are made and buried by the keeper only.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <trine/detail/process_core.hpp>

#include "os/fd.hpp"
#include "os/lock.hpp"
#include "process/failure.hpp"
#include "process/worker_link.hpp"

namespace trine::process_layer {

inline constexpr std::size_t most_queued = 1'000'000;
inline constexpr std::size_t most_fresh = 64;
inline constexpr unsigned most_attempts = 5;

// A FIFO of units through process_link.
class unit_queue {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  void push_back(detail::process_core& c) noexcept;
  void push_front(detail::process_core& c) noexcept;
  detail::process_core* pop_front() noexcept;
  void erase(detail::process_core& c) noexcept;

 private:
  detail::process_core* first_ = nullptr;
  detail::process_core* last_ = nullptr;
  std::size_t size_ = 0;
};

class pool {
 public:
  pool();

  // The unit is registered. Throws, and has done nothing, when the queue is full or the program
  // ends.
  void submit(detail::process_core& c);
  void kill(detail::process_core& c) noexcept;
  void stop(detail::process_core& c) noexcept;
  // The worker that runs the unit, with a reference for the caller; null when none does.
  worker_link* worker_of(detail::process_core& c) noexcept;

  // Ends the unit with what its worker sent, and gives the worker its next job.
  void finish(worker_link& w, detail::process_core& c, const reply& r) noexcept;
  // Ends a unit that no worker will run.
  void end_with(detail::process_core& c, std::exception_ptr error) noexcept;

  // ---- for the keeper --------------------------------------------------------------------------
  int event() const noexcept { return event_.get(); }
  void poke() noexcept { os::signal_event(event_.get()); }
  // Which kind of worker is missing.
  enum class want : std::uint8_t { nothing, warm, fresh };
  want wanted() noexcept;
  // Gives the worker a queued job, if there still is one, and lists it. False: it is not needed.
  bool adopt(worker_link& w, detail::process_core*& job) noexcept;
  // Sends the job that adopt or a take assigned.
  void send(worker_link& w, detail::process_core& c, bool soon = false) noexcept;
  // The program has let these segments go: idle workers are told now, the others with their next
  // job.
  void drop_segments(worker_link& w, std::span<const segment_name> names) noexcept;
  // The worker gets no more jobs.
  void doom(worker_link& w) noexcept;
  // The worker is gone: forgets it. Its job, if any, goes to the front of the queue again, or is
  // the caller's to end.
  void forget(worker_link& w, detail::process_core* job, bool again) noexcept;
  // A queued job that no worker could be made for; queue_again or end it.
  detail::process_core* take_queued(bool fresh) noexcept;
  void queue_again(detail::process_core& c) noexcept;
  // All queued jobs end with this error.
  void fail_queued(const failure& why) noexcept;
  // From now on every job ends with this error at once.
  void refuse_for_ever(const failure& why) noexcept;
  // The program ends: no new jobs. All idle workers, to be told.
  std::vector<worker_link*> close() noexcept;
  // What other threads read from a worker's stderr.
  std::string take_errors() noexcept;

  // ---- settings and counters -------------------------------------------------------------------
  void set_limit(std::size_t n) noexcept;
  struct counts {
    std::size_t warm = 0, fresh = 0, idle = 0, queued = 0;
    std::uint64_t started = 0, died = 0;
  };
  counts count() noexcept;

 private:
  // `ended` has left the worker.
  void next_job(worker_link& w, detail::process_core& ended) noexcept;
  // To the idle ones, when there is no job; as the one used last, or behind all others.
  void give_job(worker_link& w, bool used) noexcept;
  detail::process_core* next_queued(bool fresh) noexcept;
  void push_again(detail::process_core& c) noexcept;
  void assign(worker_link& w, detail::process_core& c) noexcept;
  void push_idle(worker_link& w, bool used) noexcept;
  void remove_idle(worker_link& w) noexcept;
  void add_errors(std::string text) noexcept;

  os::unique_fd event_;

  os::lock lock_;
  // guarded by lock_
  unit_queue warm_queue_, fresh_queue_;
  worker_link* idle_ = nullptr;       // the one used last
  worker_link* idle_last_ = nullptr;  // the one that has rested longest
  std::size_t idle_count_ = 0;
  std::size_t warm_ = 0, fresh_ = 0;  // workers that exist
  std::size_t limit_;
  bool closed_ = false;
  failure refusal_;  // empty: none
  std::string errors_;
  std::uint64_t started_ = 0, died_ = 0;
};

}  // namespace trine::process_layer
