// Forked jobs that run elsewhere than where they were forked (contract: trine/detail/fork.hpp).
//
// Such a job gets a core of its own and is from then on a coroutine like any other: it goes through
// a worker's queue, and its completion (the hook of core::on_done) ends the job. It takes a slot in
// the registry when it first parks or asks for its id. A callback on the stop token of the unit
// that forked it passes stop requests on; that unit outlives it, for it waits for the job.
#pragma once

#include <trine/detail/core.hpp>
#include <trine/detail/fork.hpp>

#include "atomic/fork_deque.hpp"

namespace trine::coroutines {

struct fork_slow {
  static void process_fence() noexcept;
  static void pause(unsigned n) noexcept;
};
using fork_queue = atomic::fork_deque<detail::fork_side, fork_slow>;

// Takes the oldest job, or half of the oldest loop, for the calling worker to run; null when there
// is none. `own`: the deque is the calling worker's.
detail::core* take_fork(fork_queue& from, bool own) noexcept;

// Makes fork_here() find the deque on this thread.
void set_fork_side(fork_queue* side) noexcept;

// Runs the job on a stack of its own and waits for it; throws what it threw. Any thread or unit.
void run_fork(detail::fork_job& job);

}  // namespace trine::coroutines
