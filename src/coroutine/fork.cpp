#include "coroutine/fork.hpp"

#include <sched.h>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <trine/detail/fair.hpp>
#include <trine/parallel.hpp>
#include <type_traits>

#include "base/cpu.hpp"
#include "coroutine/runtime.hpp"
#include "coroutine/worker.hpp"
#include "observe/registry.hpp"
#include "os/asymmetric_fence.hpp"
#include "wait/completion.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

// Found by name, in the instruction of fork_here().
extern "C" {
extern __thread trine::detail::fork_side* trine_fork_side;
[[gnu::used, gnu::tls_model("initial-exec")]] __thread trine::detail::fork_side* trine_fork_side =
    nullptr;
}

namespace trine::coroutines {
namespace {

using detail::fork_job;
using detail::fork_loop;
using detail::fork_piece;

static_assert(std::is_standard_layout_v<stack> && offsetof(stack, low) == 0, "see fork_fits");

std::atomic<std::uint64_t> the_suppressed{0};
void count_suppressed() noexcept { the_suppressed.fetch_add(1, std::memory_order_relaxed); }

struct pass_on_stop {
  detail::core* to;
  detail::core* from;
  void operator()() const noexcept {
    const bool asked = (from->stop.load(std::memory_order_relaxed) & wait::stop_requested) != 0;
    // A callback of the child's own token is user code; the child may end meanwhile.
    detail::retain(to);
    wait::request_stop(*to, asked ? wait::stop_requested : wait::stop_deadline);
    detail::release(to);
  }
};

struct fork_core final : detail::core {
  fork_core(detail::core* parent, std::uint64_t parent_id);

  static void run(detail::core* c) noexcept;
  static void destroy(detail::core* c) noexcept;
  static void ended(detail::core* c, void*, bool done) noexcept;
  static constexpr detail::core_ops ops_of{&run, &destroy};

  fork_job* job = nullptr;         // or
  std::optional<fork_piece> part;  // the piece of a loop
  // The spawned unit above it, whose name and place it shows.
  detail::core* root = nullptr;
  std::uint64_t root_id;
  std::optional<std::stop_callback<pass_on_stop>> stop_above;
};

fork_core::fork_core(detail::core* parent, std::uint64_t parent_id)
    : core(&ops_of), root_id(parent_id) {
  kind = unit_kind::coroutine;
  stack_class = static_cast<std::uint8_t>(class_for(default_stack_size));
  // Nobody has a handle on it.
  refs.store(0, std::memory_order_relaxed);
  on_done = &ended;
  slot = observe::unlisted();
  if (parent == nullptr) return;
  root = parent->ops == &ops_of ? static_cast<fork_core*>(parent)->root : parent;
  if (root != nullptr) root_id = root->id;
  deadline = parent->deadline;
  stop_above.emplace(wait::stop_source_of(*parent).get_token(), pass_on_stop{this, parent});
  // seq_cst: see stop_source_of. No user code runs here, for nobody has a token of ours yet.
  if (const std::uint32_t asked = parent->stop.load(std::memory_order_seq_cst) &
                                  (wait::stop_requested | wait::stop_deadline);
      asked != 0)
    stop.fetch_or(asked, std::memory_order_seq_cst);
}

fork_core* make_core(detail::core* parent, std::uint64_t parent_id) {
  void* const memory = detail::allocate_core(sizeof(fork_core));
  try {
    return new (memory) fork_core(parent, parent_id);
  } catch (...) {
    detail::free_core(memory, sizeof(fork_core));
    throw;
  }
}

void fork_core::destroy(detail::core* c) noexcept {
  auto* const self = static_cast<fork_core*>(c);
  self->~fork_core();
  detail::free_core(self, sizeof(fork_core));
}

void fork_core::run(detail::core* c) noexcept {
  auto& self = *static_cast<fork_core*>(c);
  // Not in the registry yet; wait::self_slot enters it.
  self.slot = nullptr;
  wait::self().slot = nullptr;
  if (self.part) {
    fork_piece& part = *self.part;
    try {
      part.enter(detail::fork_here());
      try {
        part.loop.body(part.loop, part);
      } catch (...) {
        part.fail();
      }
      part.leave();
    } catch (...) {  // no memory to enter it
      self.error = std::current_exception();
    }
  } else {
    try {
      self.job->run(self.job);
    } catch (...) {
      self.error = std::current_exception();
    }
  }
  self.stop_above.reset();
}

// Ends the job: nothing of it is touched after the exchange, for the joiner goes on then.
void end_job(fork_job& job, std::exception_ptr error) noexcept {
  const std::uintptr_t how = error != nullptr ? fork_job::failed : fork_job::done;
  if (error != nullptr) new (job.error) std::exception_ptr(std::move(error));
  // release: partner is the acquire in wait_for; what the job did is seen. acquire: the waiter is.
  const std::uintptr_t before = job.state.exchange(how, std::memory_order_acq_rel);
  if (before != fork_job::pending) reinterpret_cast<wait::waiter*>(before)->wake();
}

void set_error(fork_loop& loop, std::uint64_t at, std::exception_ptr error) noexcept {
  for (unsigned n = 1; loop.locked.exchange(true, std::memory_order_acquire); ++n)
    fork_slow::pause(n);
  if (loop.error != nullptr) count_suppressed();
  if (loop.error == nullptr || at < loop.failed_at) {
    std::swap(loop.error, error);
    loop.failed_at = at;
  }
  loop.locked.store(false, std::memory_order_release);
  loop.failed.store(true, std::memory_order_relaxed);
}

void end_piece(fork_loop& loop) noexcept {
  // release: partner is the acquire in fork_finish and fork_run_loop. acquire: the waiter is seen.
  if (loop.pieces.fetch_sub(1, std::memory_order_acq_rel) == 1)
    static_cast<wait::waiter*>(loop.waiter)->wake();
}

void fork_core::ended(detail::core* c, void*, bool done) noexcept {
  if (!done) return;
  auto& self = *static_cast<fork_core*>(c);
  if (self.part) {
    fork_loop& loop = self.part->loop;
    // Only when it never began.
    if (self.error != nullptr) set_error(loop, self.part->first, std::move(self.error));
    end_piece(loop);
  } else {
    end_job(*self.job, std::move(self.error));
  }
}

// wait/waiter.hpp: a forked unit takes its slot when it first needs one.
observe::slot* enter_late(detail::core& c) noexcept {
  if (c.ops != &fork_core::ops_of) return nullptr;
  auto& self = static_cast<fork_core&>(c);
  observe::slot* const s = observe::enter(unit_kind::coroutine, self.root_id, {}, nullptr);
  constexpr auto relaxed = std::memory_order_relaxed;
  if (self.root != nullptr && self.root->slot != nullptr) {
    const observe::slot& above = *self.root->slot;
    s->file.store(above.file.load(relaxed), relaxed);
    s->function.store(above.function.load(relaxed), relaxed);
    s->line.store(above.line.load(relaxed), relaxed);
    for (int i = 0; i < 4; ++i) s->name[i].store(above.name[i].load(relaxed), relaxed);
  }
  s->now.store(observe::state::running, relaxed);
  s->where.store(c.home.load(relaxed), relaxed);
  c.slot = s;
  c.id = observe::id_of(s);
  return s;
}

void wait_for(fork_job& job) noexcept {
  wait::waiter w;
  std::uintptr_t seen = fork_job::pending;
  // release: the waiter is seen by who ends the job. acquire: partner is the exchange in end_job.
  if (job.state.compare_exchange_strong(seen, reinterpret_cast<std::uintptr_t>(&w),
                                        std::memory_order_acq_rel, std::memory_order_acquire))
    w.wait({.why = observe::reason::join, .object = &job, .stoppable = false});
}

// After wait_for: the error, taken out of the job.
std::exception_ptr error_of(fork_job& job) noexcept {
  if (job.state.load(std::memory_order_acquire) != fork_job::failed) return nullptr;
  auto* const raw = std::launder(reinterpret_cast<std::exception_ptr*>(job.error));
  std::exception_ptr error = std::move(*raw);
  std::destroy_at(raw);
  return error;
}

fork_queue& queue_of(detail::fork_side* side) noexcept { return static_cast<fork_queue&>(*side); }

bool may_roam(const detail::core* unit) noexcept {
  return unit != nullptr &&
         (unit->flags.load(std::memory_order_relaxed) & detail::flag_roaming) != 0;
}

}  // namespace

void fork_slow::process_fence() noexcept { os::heavy_fence(); }

void fork_slow::pause(unsigned n) noexcept {
  base::relax();
  // A thief holds the lock across its fence, and may have been preempted on this very core.
  if (n % 64 == 0) sched_yield();
}

void set_fork_side(fork_queue* side) noexcept {
  trine_fork_side = side;
  wait::enter_late.store(&enter_late, std::memory_order_relaxed);
}

detail::core* take_fork(fork_queue& from, bool own) noexcept {
  using verdict = fork_queue::verdict;
  fork_job* job = nullptr;
  fork_loop* loop = nullptr;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  from.steal(own, [&](fork_job* oldest) {
    if (oldest->state.load(std::memory_order_relaxed) != fork_job::piece) {
      job = oldest;
      return verdict::taken;
    }
    auto& part = static_cast<fork_piece&>(*oldest);
    bool spent = false;
    const bool here = own && !may_roam(part.unit);
    if (!part.range.cut<fork_slow>(first, last, spent, here))
      return spent ? verdict::spent : verdict::kept;
    loop = &part.loop;
    // relaxed: the piece it was cut from counts until its owner has taken the lock after us.
    loop->pieces.fetch_add(1, std::memory_order_relaxed);
    return verdict::kept;
  });
  if (job == nullptr && loop == nullptr) return nullptr;
  try {
    fork_core* const c = make_core(job != nullptr ? job->unit : loop->unit, 0);
    c->job = job;
    if (loop != nullptr) c->part.emplace(*loop, first, last);
    return c;
  } catch (...) {
    if (job != nullptr) {
      end_job(*job, std::current_exception());
    } else {
      set_error(*loop, first, std::current_exception());
      end_piece(*loop);
    }
    return nullptr;
  }
}

void run_fork(detail::fork_job& job) {
  job.unit = wait::self().unit;
  runtime& pool = runtime::get();
  fork_core* const c = make_core(job.unit, observe::id_of(wait::self_slot()));
  c->job = &job;
  if (worker* const here = worker::here()) {
    here->push_own(*c);
  } else {
    pool.inject(reinterpret_cast<runnable>(static_cast<detail::core*>(c)));
  }
  wait_for(job);
  if (const std::exception_ptr error = error_of(job)) std::rethrow_exception(error);
}

}  // namespace trine::coroutines

namespace trine::detail {

using namespace coroutines;

__attribute__((noinline)) fork_side* fork_here_slow() noexcept {
  fork_side* side = trine_fork_side;
  asm volatile("" : "+r"(side));
  return side;
}

fork_side* fork_push_slow(fork_job* job) {
  // The first fork since this worker slept: somebody must look for what it forks.
  if (runtime* const pool = runtime::existing()) pool->expect_watcher();
  // Or the worker is overdue (worker::hurry).
  fair_point();
  fork_side* const side = fork_here();
  do {
    if (!queue_of(side).make_room()) throw std::bad_alloc();
  } while (!side->push(job));
  return side;
}

bool fork_join_slow(fork_job* job) {
  if (wait::forked_copy.load(std::memory_order_relaxed)) wait::returned_in_copy();
  if (queue_of(fork_here()).pop_slow(job)) return true;
  wait_for(*job);
  if (const std::exception_ptr error = error_of(*job)) std::rethrow_exception(error);
  return false;
}

void fork_join_failed(fork_job* job) noexcept {
  fork_side* const side = fork_here();
  if (side->pop(job) || queue_of(side).pop_slow(job)) {
    try {
      job->run(job);
    } catch (...) {
      count_suppressed();
    }
    return;
  }
  wait_for(*job);
  if (error_of(*job) != nullptr) count_suppressed();
}

std::uint64_t fork_piece::claim_slow(std::uint64_t i, std::uint64_t upto) noexcept {
  fork_queue& queue = queue_of(in);
  queue.lock();
  const std::uint64_t end = range.end_of(i, upto);
  queue.unlock();
  return end >= upto ? upto - i : end > i ? end - i : 0;
}

void fork_piece::leave_slow() noexcept {
  fork_queue& here = queue_of(fork_here());
  if (!here.pop_slow(this) && &here != in) queue_of(in).remove(this);
}

void fork_piece::give_up(std::uint64_t i) noexcept {
  fork_queue& queue = queue_of(in);
  queue.lock();
  range.drop(i);
  queue.unlock();
}

void fork_piece::fail() noexcept {
  const std::uint64_t next = range.next_now();
  give_up(next);
  set_error(loop, next - 1, std::current_exception());
}

void fork_finish(fork_loop& loop) {
  wait::waiter w;
  loop.waiter = &w;
  // release: the waiter is seen by who ends the last piece. acquire: what the pieces did is seen.
  if (loop.pieces.fetch_sub(1, std::memory_order_acq_rel) != 1)
    w.wait({.why = observe::reason::join, .object = &loop, .stoppable = false});
  if (loop.error != nullptr) std::rethrow_exception(std::move(loop.error));
}

}  // namespace trine::detail

namespace trine {

std::uint64_t suppressed_exceptions() noexcept {
  return coroutines::the_suppressed.load(std::memory_order_relaxed);
}

}  // namespace trine
