// A core whose body runs in another process. No promises to users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

#include <trine/detail/core.hpp>
#include <trine/detail/segment.hpp>
#include <trine/serialize.hpp>

namespace trine::detail {

struct process_core;

// Runs in the worker: decodes the arguments, calls the function, encodes the result. Throws what
// the function throws. `function` is the user's function as an address of this process, null
// for a lambda without captures, whose type the entry knows.
using process_entry = void (*)(byte_reader& arguments, byte_writer& result, const void* function);

// What the process layer keeps with each of its units; guarded by its pool's lock. A unit waits in
// one queue, then belongs to one worker.
struct process_link {
  process_core* next = nullptr;
  process_core* previous = nullptr;
  void* worker = nullptr;
  enum : std::uint8_t { idle, queued, running, ended } stage = idle;
  std::uint8_t attempts = 0;    // workers that died before they began it
  std::uint8_t code_bytes = 0;  // of `code`; 0: see code_large
  std::byte code[22];           // entry and function, as names that mean the same in a worker
  byte_buffer code_large;
};

struct process_core : core {
  using core::core;

  process_entry entry = nullptr;
  const void* function = nullptr;
  // Stores the result that a worker sent. Runs in the parent; throws wire_error on bad bytes.
  void (*decode_result)(process_core*, byte_reader&) = nullptr;
  byte_buffer arguments;  // encoded by spawn
  attachments attached;   // the shared objects among them; kept until the unit has ended
  process_options options;
  process_link link;
};

void start(process_core* c, const process_options& options, const std::source_location& where);

}  // namespace trine::detail
