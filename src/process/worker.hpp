// The worker: a forked zygote that runs jobs, one at a time, until it is told to quit.
//
// Each job is a unit of kind process: this_unit knows the id, the name and the deadline that the
// parent gave it. What a job leaves behind in globals stays for the next, except in a fresh worker.
// A worker ends by _exit, when its parent dies (PR_SET_PDEATHSIG), or by whatever the job does.
#pragma once

#include <sys/types.h>

namespace trine::detail {
struct core;
}

namespace trine::process_layer {

struct worker_start {
  pid_t parent;     // the zygote
  int channel;      // descriptor of the shared memory
  int stderr_pipe;  // becomes stderr
  int segments;     // socket for descriptors of shared memory
  char* title;      // argv[0]
};

[[noreturn]] void worker_main(const worker_start& start) noexcept;

// Whether it is the unit of the job that runs in this worker (and so no unit that this process
// has spawned).
bool is_worker_unit(const detail::core& c) noexcept;

}  // namespace trine::process_layer
