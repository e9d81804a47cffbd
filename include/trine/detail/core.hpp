// The part of a unit that handle, scheduler and unit share. No promises to users.
//
// Life of a core. The layer of its kind (coroutine, thread, process) runs it once: run_body() →
// complete(). It is destroyed when it is done and nobody refers to it: by complete() when there is
// no reference left, else by who drops the last one. `refs` counts the references of others, first
// the handle's; that the unit is not done yet is a reference of its own and costs no count. While
// it is not done a reference may be taken anew only by who can see that its on_done has not run.
//
// Who may touch what: everything above "written while it runs" is set by the spawner before the
// unit is submitted and then only read. error and the result are written by the unit's side
// before complete() and read after the done bit is seen (release by complete, acquire by join).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <stop_token>

#include <trine/detail/deadline.hpp>
#include <trine/unit.hpp>

namespace trine::observe {
struct slot;
}
namespace trine::wait {
class waiter;
struct exit_call;
}  // namespace trine::wait

namespace trine::detail {

struct core;
struct unit_end;

// What differs between jobs of different types.
struct core_ops {
  // Runs the body; stores result or error; destroys the closure. Never throws.
  void (*run)(core*) noexcept;
  // Destroys the object and gives its memory back.
  void (*destroy)(core*) noexcept;
};

// core::flags
inline constexpr std::uint8_t flag_roaming = 1;
inline constexpr std::uint8_t flag_pinned = 2;    // has a home before it starts
inline constexpr std::uint8_t flag_detached = 4;  // nobody will ask for the error
inline constexpr std::uint8_t flag_ended = 8;     // has an error and ended

struct core {
  explicit core(const core_ops* its_ops) noexcept : ops(its_ops) {}
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  const core_ops* ops;
  std::atomic<std::uint32_t> refs{1};
  // Bits of wait/completion.hpp: done, locked, has waiters.
  std::atomic<std::uint32_t> state{0};
  wait::waiter* waiters = nullptr;  // guarded by the locked bit

  // Link of the one queue it is in before it starts, of its home's inbox of stop requests after.
  core* next = nullptr;
  observe::slot* slot = nullptr;
  std::uint64_t id = 0;
  std::int64_t deadline = no_deadline;  // CLOCK_MONOTONIC, nanoseconds
  // A scope's bookkeeping. Called by complete() twice: before the done bit, when it may run user
  // code, and after it, when it must not.
  void (*on_done)(core*, void* context, bool done) noexcept = nullptr;
  void* on_done_context = nullptr;
  core* scope_next = nullptr;  // links of its scope's list
  core* scope_previous = nullptr;
  bool scope_asked = false;  // in which of the two; guarded by the scope's lock
  unit_kind kind = unit_kind::thread;
  std::atomic<std::uint8_t> flags{0};
  std::uint8_t stack_class = 0;
  std::atomic<std::int16_t> home{-1};  // its worker, from its start on

  // written while it runs
  std::atomic<std::uint32_t> stop{0};              // bits of wait/stop.hpp
  std::atomic<wait::waiter*> parked{nullptr};      // the stoppable wait it is in
  std::atomic<std::stop_source*> source{nullptr};  // made when someone asks for a token
  wait::exit_call* exits = nullptr;                // wait/unit_exit.hpp; the unit's own
  unit_end* ends = nullptr;                        // detail/unit_ends.hpp; the unit's own
  std::exception_ptr error;
  std::uint32_t parks = 0;                                  // copied from the registry at the end
  std::int32_t ran_at = 0;                                  // tid, or pid of a process
  std::int64_t cpu_ns = -1, wall_ns = -1, peak_bytes = -1;  // -1: not measured
};

// Memory for cores, aligned to core_alignment: a small cache per thread before malloc. Throws
// std::bad_alloc.
inline constexpr std::size_t core_alignment = 64;
void* allocate_core(std::size_t size);
void free_core(void* memory, std::size_t size) noexcept;

inline void retain(core* c) noexcept { c->refs.fetch_add(1, std::memory_order_relaxed); }
// Drops one reference; the last destroys, which may run user code (the result's destructor).
void release(core* c) noexcept;
// The same in two steps: when drop returns true nobody else refers to it, and the caller must
// destroy it.
bool drop(core* c) noexcept;
void destroy(core* c) noexcept;
// Ends a unit whose start failed, and drops the handle's reference.
void abandon(core* c) noexcept;

// Waits until the unit has ended. Blocks only the caller's unit. Returns false when the deadline
// (CLOCK_MONOTONIC ns) came first. Throws `cancelled` when the waiting unit is asked to stop,
// unless uninterruptible.
bool join(core* c, std::int64_t deadline, bool interruptible);
bool is_done(const core* c) noexcept;
// Asks the unit to stop; returns at once. Any thread.
void request_stop(core* c) noexcept;
// The handle lets go without joining: an error is reported on stderr instead.
void detach(core* c) noexcept;
// Ends a process unit's process. Throws usage_error for other kinds.
void kill(core* c);

// Registers the unit and hands it to the layer of its kind. On failure throws and leaves the
// caller the owner of both references.
void start(core* c, const coroutine_options& options, const std::source_location& where);
void start(core* c, const thread_options& options, const std::source_location& where);

}  // namespace trine::detail
