// Seeing: which units exist, what each does, what it waits for and since when.
//
//   std::fputs(trine::dump().c_str(), stderr);
//
// The registry is bounded (two million units at a time) and always kept. Reading it never stops or
// blocks a unit; each line is consistent in itself, the whole is not one instant.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <trine/unit.hpp>

namespace trine {

struct unit_info {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  // 0: none, or it has ended
  unit_kind kind = unit_kind::thread;
  bool foreign = false;  // a thread that Trine did not make
  std::string name;
  std::string state;             // queued, running, ready, parked
  std::string waiting_for;       // join, sleep, mutex, …; empty when it does not wait
  const void* object = nullptr;  // what it waits for
  std::chrono::steady_clock::time_point since{};  // when it parked last; epoch: never
  // Set while a coroutine has run for more than 100 ms without a call to Trine, which keeps others
  // of its home waiting: since when. Epoch: not so.
  std::chrono::steady_clock::time_point running_since{};
  // Whether it has been asked to stop, and when: one that goes on ignores it, and delays its scope.
  bool asked_to_stop = false;
  std::chrono::steady_clock::time_point asked_since{};
  std::uint32_t parks = 0;
  int where = 0;  // thread id, process id, or the coroutine's worker
  std::string file;
  std::string function;
  unsigned line = 0;
};

// All units of this process, by id. Thread safe; never blocks. Throws std::bad_alloc.
std::vector<unit_info> units();

// The same as text, one line each, for people. Thread safe; never blocks. Throws std::bad_alloc.
std::string dump();

// Units that found the registry full: they run, but are not listed.
std::uint64_t units_refused() noexcept;

}  // namespace trine
