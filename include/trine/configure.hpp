// Set-up, which no program needs: sizes that are otherwise chosen from the machine.
//
//   int main() {
//     trine::configure({.workers = 4, .processes = 8});
//     …
//
// The environment says the same for one run: TRINE_WORKERS, TRINE_PROCESSES. What configure() sets
// wins over the environment. A value that cannot be used is an error at the first spawn.
#pragma once

namespace trine {

struct settings {
  // Threads that run coroutines, 1 … 1024; 0: one for each CPU the program may use.
  unsigned workers = 0;
  // The most warm worker processes, 1 … 1024; 0: the default of the process layer.
  unsigned processes = 0;
};

// Before the first spawn. Throws std::invalid_argument for a value out of range, usage_error when
// units have been spawned already. Any thread.
void configure(const settings& wanted);

// How many coroutine workers there are, or will be.
unsigned worker_count();

}  // namespace trine
