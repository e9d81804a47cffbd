#include "process/program_state.hpp"

#include <pthread.h>
#include <cstdlib>
#include <mutex>

#include <trine/errors.hpp>

#include "process/start_hook.hpp"
#include "wait/completion.hpp"
#include "wait/waiter.hpp"

namespace trine::process_layer {
namespace {

std::atomic<unsigned> the_depth{0};

void forget_parent() noexcept {
  const program_state before = the_state.load(std::memory_order_relaxed);
  if (before != program_state::running && before != program_state::foreign) return;
  the_state.store(program_state::forked, std::memory_order_relaxed);
  wait::coroutines_ended.store(true, std::memory_order_relaxed);
  wait::forked_copy.store(true, std::memory_order_relaxed);
  wait::self().slot = nullptr;  // it is the parent's; this thread gets one of its own
  if (in_forked_child != nullptr) in_forked_child();
}

void watch_forks() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, forget_parent); });
}

// Runs before the destructors of globals, because it is registered after they were constructed.
void end_of_main() { note_main_ended(); }

}  // namespace

void (*at_program_end)() = nullptr;
void (*in_forked_child)() = nullptr;

void require_running_slow() {
  program_state seen = the_state.load(std::memory_order_acquire);
  if (seen == program_state::unknown) {
    // The hook has not run: either it is about to (we are in the constructor of a shared library,
    // which runs before it), or this host never calls it.
    seen = start_hook_is_effective() ? program_state::before_main : program_state::foreign;
    if (seen == program_state::foreign) {
      watch_forks();
      program_state unknown = program_state::unknown;
      if (!the_state.compare_exchange_strong(unknown, seen, std::memory_order_acq_rel))
        seen = unknown;
    }
  }
  switch (seen) {
    case program_state::ready: {
      watch_forks();
      // A race of two first spawns is fine; one with the end of main must not undo it.
      the_state.compare_exchange_strong(seen, program_state::running, std::memory_order_acq_rel);
      return;
    }
    case program_state::running:
    case program_state::foreign:
      return;
    case program_state::unknown:
    case program_state::before_main:
      throw usage_error(
          "trine: spawn was called before main, from a static constructor; nothing can run yet. "
          "Spawn from main or later, for instance on first use in a function");
    case program_state::ended:
      throw usage_error(
          "trine: spawn was called after main had ended, from a static destructor or a thread that "
          "outlived it; join your units before main returns");
    case program_state::forked:
      throw usage_error(
          "trine: this process was made by fork() while Trine was running, and its threads stayed "
          "behind in the parent; spawn from the parent, or let the child exec a program first");
  }
}

void require_process_units() {
  require_running();
  if (the_state.load(std::memory_order_relaxed) != program_state::foreign) return;
  if (executable_is_static())
    throw usage_error(
        "trine: process units cannot be had in a fully static executable, which has no place for "
        "Trine's start hook (threads and coroutines work); link it without -static (libtrine.a and "
        "-static-libstdc++ are fine)");
  throw usage_error(
      "trine: process units need an executable that is linked to Trine, because worker processes "
      "are made by starting it once more; this program only loaded Trine as a plug-in (threads "
      "and coroutines work). Link the executable to Trine, or run the job there");
}

void note_main_entered() noexcept {
  the_state.store(program_state::ready, std::memory_order_release);
  std::atexit(end_of_main);
  at_quick_exit(end_of_main);
}

void note_main_ended() noexcept {
  const program_state before = the_state.exchange(program_state::ended, std::memory_order_acq_rel);
  wait::program_ends.store(true, std::memory_order_relaxed);
  // The child of a fork leaves alone what belongs to its parent.
  if (before == program_state::running && at_program_end != nullptr) at_program_end();
}

unsigned nesting_depth() noexcept { return the_depth.load(std::memory_order_relaxed); }
void set_nesting_depth(unsigned depth) noexcept {
  the_depth.store(depth, std::memory_order_relaxed);
}

}  // namespace trine::process_layer
