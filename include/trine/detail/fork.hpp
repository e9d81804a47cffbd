// Forks and joins: jobs on the stack of who forks them. No promises to users.
//
// Life of a job. It is pushed on the fork deque of the worker its unit runs on, and leaves it once:
//   popped by its unit, which runs it as a plain call; nothing was paid but two stores and a
//   compare; taken by another worker, or by the same one when it has nothing else to do: it runs
//   there as a
//     coroutine, a child of the forking unit. The joiner parks if it comes first; whoever completes
//     the job exchanges its state, wakes who is in it, and touches the job no more.
//
// Life of a loop. A fork_piece is a range of it that lies in the deque of whoever runs it, as long
// as it runs; thieves cut off the back half and run that as a piece of their own. All pieces count
// in the loop, on the stack of who called parallel_for; the last to end wakes it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include <trine/detail/fork_deque.hpp>
#include <trine/detail/fork_range.hpp>

namespace trine::coroutines {
struct stack;
}

namespace trine::detail {

struct core;

struct fork_job {
  fork_job(void (*its_run)(fork_job*), core* of, std::uintptr_t first_state = pending) noexcept
      : run(its_run), unit(of), state(first_state) {}
  fork_job(const fork_job&) = delete;
  fork_job& operator=(const fork_job&) = delete;

  // States; any other value is the waiter of who joins.
  static constexpr std::uintptr_t pending = 0;  // nobody waits, not ended
  static constexpr std::uintptr_t done = 1;
  static constexpr std::uintptr_t failed = 2;  // `error` has been made
  static constexpr std::uintptr_t piece = 3;   // this is a fork_piece

  void (*run)(fork_job*);  // may throw
  core* unit;              // who forked it; null for a thread that is no unit
  std::atomic<std::uintptr_t> state;
  // Left raw: a fork pays for what goes wrong only when it does.
  alignas(std::exception_ptr) unsigned char error[sizeof(std::exception_ptr)];
};

// What a fork asks of its worker.
struct fork_place {
  core* const* unit = nullptr;                // who runs there now
  coroutines::stack* const* stack = nullptr;  // on which stack
  bool fenced = false;                        // see fork_deque.hpp
};
using fork_side = fork_deque<fork_job, fork_atomics, fork_place>;

// The side of the worker whose thread this is; null on others. Asked anew after every call, for a
// roaming coroutine may have moved, in a way that keeps compilers from remembering the address of
// the thread-local (DESIGN §4): on x86-64 by its instruction, elsewhere out of line.
fork_side* fork_here_slow() noexcept;
inline fork_side* fork_here() noexcept {
#if defined(__x86_64__) && defined(__LP64__)
  fork_side* side;
  asm volatile(
      "movq trine_fork_side@gottpoff(%%rip), %0\n\t"
      "movq %%fs:(%0), %0"
      : "=r"(side));
  return side;
#else
  return fork_here_slow();
#endif
}

// A call that finds less stack than this goes on on a new one.
inline constexpr std::ptrdiff_t fork_stack_reserve = 256 * 1024;

// Whether forking can begin here: on a worker, with stack enough.
inline bool fork_fits(const fork_side* side) noexcept {
  if (side == nullptr) return false;
#if defined(__x86_64__) && defined(__LP64__)
  const char* here;
  asm("movq %%rsp, %0" : "=r"(here));
#else
  const char* const here = static_cast<const char*>(__builtin_frame_address(0));
#endif
  // A stack's first member is its lower end (coroutine/stack.hpp).
  return here - *reinterpret_cast<char* const*>(*side->here.stack) > fork_stack_reserve;
}

// Runs the job as a coroutine, on another stack, and waits for it without being interruptible;
// throws what it threw. For calls from a thread, and where little stack is left. Throws what spawn
// does when no coroutine can be started.
[[gnu::cold]] void fork_elsewhere(fork_job& job);

// After push has failed: makes room, and now and then lets others of this home run first. Returns
// where the job lies. Throws std::bad_alloc when there is no memory for a longer deque.
[[gnu::cold]] fork_side* fork_push_slow(fork_job* job);
// After pop has failed. True: the caller must run the job itself. False: it has run elsewhere; this
// waited for it. Throws what it threw.
[[gnu::cold]] bool fork_join_slow(fork_job* job);
// Instead of both, in a handler: runs the job or waits for it; what it throws is counted.
[[gnu::cold]] void fork_join_failed(fork_job* job) noexcept;

// How a function given as F&& is kept in a job: a small temporary by value, so that nothing refers
// to the caller's and the compiler can keep what it captured in registers.
template <class F>
using fork_held = std::conditional_t<!std::is_lvalue_reference_v<F> &&
                                         std::is_trivially_copyable_v<std::remove_reference_t<F>> &&
                                         sizeof(std::remove_reference_t<F>) <= 64,
                                     std::remove_reference_t<F>, std::remove_reference_t<F>&>;

template <class Held>
struct fork_closure final : fork_job {
  fork_closure(std::remove_reference_t<Held>& its, core* of) noexcept
      : fork_job(&call, of), f(its) {}
  Held f;
  static void call(fork_job* job) {
    using as = std::conditional_t<std::is_reference_v<Held>, Held, Held&&>;
    static_cast<void>(std::invoke(static_cast<as>(static_cast<fork_closure*>(job)->f)));
  }
};

// Runs `before` here, and f here after it or elsewhere meanwhile. f is called whatever `before`
// throws; that is then thrown.
template <class G, class Before, class F>
[[gnu::always_inline]] inline void fork_join(Before&& before, F& f) {
  fork_side* const side = fork_here();
  fork_closure<fork_held<G>> job(f, *side->here.unit);
  if (!side->push(&job)) [[unlikely]]
    fork_push_slow(&job);
  try {
    before();
  } catch (...) {
    fork_join_failed(&job);
    throw;
  }
  if (fork_here()->pop(&job) || fork_join_slow(&job))
    static_cast<void>(std::invoke(std::forward<G>(f)));
}

// ---- loops --------------------------------------------------------------------------------------

struct fork_piece;

struct fork_loop {
  fork_loop(void (*its_body)(fork_loop&, fork_piece&), core* of) noexcept
      : body(its_body), unit(of) {}
  fork_loop(const fork_loop&) = delete;
  fork_loop& operator=(const fork_loop&) = delete;

  void (*body)(fork_loop&, fork_piece&);  // runs what it can claim of the piece; may throw
  core* unit;                             // who called
  std::atomic<std::uint32_t> pieces{1};   // that have not ended; the caller's own is one
  std::atomic<bool> failed{false};        // no number is begun any more
  std::atomic<bool> locked{false};        // guards the two below
  std::uint64_t failed_at = 0;
  void* waiter = nullptr;  // set by the caller before it counts its own piece as ended
  std::exception_ptr error;
};

struct fork_piece final : fork_job {
  fork_piece(fork_loop& of, std::uint64_t from, std::uint64_t to) noexcept
      : fork_job(nullptr, of.unit, piece), loop(of), first(from), last(to) {}

  // Lies in `side` from enter to leave.
  void enter(fork_side* side) {
    in = side;
    range.begin(first, last, side->here.fenced);
    if (!side->push(this)) [[unlikely]]
      in = fork_push_slow(this);
  }
  void leave() noexcept {
    if (!fork_here()->pop(this)) leave_slow();
  }
  // Takes [i, i + count), or less when the range ends before. Returns what it took.
  std::uint64_t claim(std::uint64_t i, std::uint64_t count) noexcept {
    if (range.claim(i, i + count)) return count;
    return claim_slow(i, i + count);
  }
  bool claim(std::uint64_t i) noexcept {
    // Who arrives where the range ended at first has met no thief, so there is no need to look.
    return range.claim(i) || (i != last && claim_slow(i, i + 1) != 0);
  }

  [[gnu::cold]] std::uint64_t claim_slow(std::uint64_t i, std::uint64_t upto) noexcept;
  [[gnu::cold]] void leave_slow() noexcept;
  // After a claim of i that is not made use of: the rest of the piece is dropped.
  void give_up(std::uint64_t i) noexcept;
  // In a handler: the exception ends the loop.
  void fail() noexcept;

  fork_loop& loop;
  std::uint64_t first;
  std::uint64_t last;
  fork_range<fork_atomics> range;
  fork_side* in = nullptr;
};

// Waits until all pieces have ended; throws the exception of the lowest number that threw.
void fork_finish(fork_loop& loop);

// The caller's piece, numbers [0, count). Where forking can begin only.
template <class Loop>
inline void fork_run_loop(Loop& loop, std::uint64_t count) {
  fork_piece all(loop, 0, count);
  all.enter(fork_here());
  try {
    Loop::body_of(loop, all);
  } catch (...) {
    all.fail();
  }
  all.leave();
  // acquire: partner is the release of who counted a piece as ended.
  if (loop.pieces.load(std::memory_order_acquire) != 1 ||
      loop.failed.load(std::memory_order_relaxed))
    fork_finish(loop);
}

}  // namespace trine::detail
