// Where the program is in its life, as far as spawning goes.
//
//   before_main ──main entered──▶ ready ──first spawn──▶ running ──exit()──▶ ended
//        │                          (a fork() by the user while running: the child is forked)
//        └─ in a zygote the state stays before_main; its workers start at ready
//
// A host that is not linked to Trine (python that loads a module, valgrind) never runs our start
// hook: foreign. Threads and coroutines work there; process units cannot, because nothing tells
// when main begins and a second start of the host's executable would not become a zygote.
#pragma once

#include <atomic>
#include <cstdint>

namespace trine::process_layer {

enum class program_state : std::uint32_t {
  unknown,      // nothing has been asked yet, and the hook has not run
  before_main,  // the hook has run or is sure to run; main has not begun
  ready,        // in main, nothing spawned yet
  running,      // in main
  ended,        // main has returned, or exit() was called
  forked,       // the child of a fork() that the user did while the runtime ran
  foreign       // the hook does not run in this host
};

inline std::atomic<program_state> the_state{program_state::unknown};

// Throws usage_error, in words, when a unit cannot be spawned now. Every spawn of any kind calls
// it first.
void require_running_slow();
inline void require_running() {
  // relaxed: the state orders nothing; a thread that spawns got here after main began.
  if (the_state.load(std::memory_order_relaxed) != program_state::running) [[unlikely]]
    require_running_slow();
}

// Throws usage_error when process units cannot be had in this program.
void require_process_units();

// In the child of a fork() by the user, what units and pools there are belongs to the parent, and
// locks may be held by threads that do not exist.
inline bool in_forked_copy() noexcept {
  return the_state.load(std::memory_order_relaxed) == program_state::forked;
}

// For the start hook and the worker.
void note_main_entered() noexcept;
// At the end of main, before the destructors of globals: the process layer's shutdown.
void note_main_ended() noexcept;
// Set by the process layer when its pool starts; called once at the end of main.
extern void (*at_program_end)();
// Set by the same, called in the child of a user's fork: lets go of what is the parent's.
extern void (*in_forked_child)();

// How deep this process is nested below the user's program: 0 there, 1 in its workers, …
unsigned nesting_depth() noexcept;
void set_nesting_depth(unsigned depth) noexcept;
inline constexpr unsigned most_nesting = 32;

}  // namespace trine::process_layer
