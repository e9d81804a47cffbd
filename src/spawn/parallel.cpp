// A parallel call that cannot begin where it is made.
#include <trine/detail/fork.hpp>

#include "coroutine/fork.hpp"
#include "coroutine/submit.hpp"
#include "process/program_state.hpp"
#include "spawn/settings.hpp"

namespace trine::detail {

void fork_elsewhere(fork_job& job) {
  if (!coroutines::on_worker()) {
    process_layer::require_running();
    spawning::apply_settings();
  }
  coroutines::run_fork(job);
}

}  // namespace trine::detail
