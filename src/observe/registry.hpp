// The registry of units: who exists, in what state, waiting for what and since when.
//
// A fixed number of slots in one mapping that another process can map or read while this one
// hangs. A slot is written by the side that owns the unit at that moment (spawner, then the
// thread it runs on) with relaxed stores; a reader copies a slot and checks that the id was the
// same before and after, so it may miss a change but never mixes two units. When all slots are
// taken a unit runs all the same: it is counted in `refused` and shares one slot nobody lists.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>
#include <string_view>

#include <trine/unit.hpp>

namespace trine::observe {

enum class state : std::uint8_t { free, queued, running, ready, parked };

// What a parked unit waits for.
enum class reason : std::uint8_t {
  nothing,
  join,
  sleep,
  mutex,
  condition,
  semaphore,
  channel,
  select,
  event,
  io,
  worker,
  other,
  task
};
const char* to_string(state s) noexcept;
const char* to_string(reason r) noexcept;

struct alignas(64) slot {
  std::atomic<std::uint64_t> id;  // 0: free
  std::atomic<std::uint64_t> parent;
  std::atomic<const char*> file;
  std::atomic<const void*> frame;  // of a parked coroutine: its suspended context, for debuggers
  std::atomic<std::uint32_t> line;
  std::atomic<unit_kind> kind;
  std::atomic<state> now;
  std::atomic<reason> why;
  std::atomic<bool> foreign;        // a thread that Trine did not make
  std::atomic<std::int64_t> since;  // CLOCK_MONOTONIC ns of the last park; 0: has not parked
  std::atomic<const void*> object;  // what it waits for
  std::atomic<std::uint32_t> parks;
  std::atomic<std::int32_t> where;  // tid, or pid of a process, or the worker of a coroutine
  std::atomic<std::uint64_t> name[4];
  std::atomic<std::uint32_t> next_free;
  std::uint32_t generation;  // of the owner; part of the next id
  // A run of more than 100 ms without a Trine call, of the unit with this id; see mark_long_run.
  std::atomic<std::uint64_t> long_run_id;
  std::atomic<std::int64_t> long_run_since;  // CLOCK_MONOTONIC ns
  std::atomic<const char*> function;
};
static_assert(sizeof(slot) == 128);

inline constexpr std::uint32_t slot_count = 1U << 21;
// Memory goes back to the kernel by the group, 16 KiB; 4 MiB of free ones are kept.
inline constexpr std::uint32_t group_slots = 128;
inline constexpr std::uint32_t group_count = slot_count / group_slots;

// Takes a slot and fills it; state queued. Never fails (see above). Any thread.
slot* enter(unit_kind kind, std::uint64_t parent, std::string_view name,
            const std::source_location* where) noexcept;
// A slot for a unit that is not in the registry (yet); shared, and never listed.
slot* unlisted() noexcept;
// Gives the slot back. Nobody may write to it after.
void leave(slot* s) noexcept;

// The id under which the unit of this slot is known; unique in this process for its life.
std::uint64_t id_of(const slot* s) noexcept;

// Grows in a child of fork(), whose registry starts empty: slots taken before are not its own.
std::uint32_t epoch() noexcept;

// By the monitor of coroutine workers, who does not own the slot: it may have changed hands, but
// then the id is another's and no reader heeds the mark.
void mark_long_run(slot& s, std::uint64_t id, std::int64_t since) noexcept;
void unmark_long_run(slot& s) noexcept;

std::uint64_t refused() noexcept;

// In a process forked from one that had a registry: gives it one of its own, empty. One thread.
void renew() noexcept;

// For readers: the slots, and which groups of them to look at: those below used_groups() that are
// occupied(). Reading others would only make the kernel bring their pages back.
const slot* slots() noexcept;
std::uint32_t used_groups() noexcept;
bool occupied(std::uint32_t group) noexcept;
// For debug/trine-gdb.py, which finds the slots by it in a live process or a core file.
struct debugger_view {
  const slot* slots;
  const std::atomic<std::uint32_t>* used_groups;
  const std::atomic<std::uint8_t>* occupied;
  std::uint32_t group_slots;
};
extern debugger_view the_debugger_view;

// The memfd behind the registry, -1 when it is private memory: the slots, then one byte for each
// group, not zero when it is occupied.
int registry_fd() noexcept;

}  // namespace trine::observe
