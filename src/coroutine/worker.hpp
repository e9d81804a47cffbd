// A worker: one OS thread that runs coroutines.
//
// Stacks (DESIGN §1.4). The worker's loop can stand on any stack. It runs a fresh job as a plain
// call. If the job parks, the stack stays with it, and the loop begins anew on another stack, from
// the worker's cache. When the loop switches to a parked coroutine, the stack it stood on holds
// nothing any more and goes to the cache. Before a fresh job starts there is always a spare stack
// in the cache, so that parking never fails; a job for which none can be made ends with
// std::system_error.
//
// A join of a fresh job that pick() would choose next runs it at once: a call on a stack of the
// cache (run_now, struct joining). The joiner is on none of the queues below then; it is parked
// only if the job leaves its stack, by settle_joiners(), which leave() calls before it picks. What
// chooses whom to switch to must go through leave(), or be a yield that finds joining_ null.
//
// Queues, and who may touch them:
//   queue_    fresh jobs (and roaming coroutines that are ready); owner pushes, anyone takes
//   pinned_   fresh jobs with this home                            owner
//   ready_    parked coroutines that may go on                     owner
//   wakes_    parked coroutines woken by other threads             anyone pushes, owner takes
//   jobs_     pinned jobs from other threads                       anyone pushes, owner takes
//   forks_    jobs its coroutines have forked                      owner pushes, anyone takes
//   stops_    coroutines of this home that were asked to stop      anyone pushes, owner takes
//   timers_   deadlines of parked coroutines                       owner
// pick() is fair between them: it alternates, and every few picks looks at clock, inboxes and the
// runtime's queue of jobs from outside first.
#pragma once

#include <locale.h>
#include <pthread.h>
#include <atomic>
#include <cstdint>
#include <vector>

#include <trine/detail/core.hpp>

#include "atomic/inbox.hpp"
#include "atomic/run_queue.hpp"
#include "base/cpu.hpp"
#include "coroutine/context.hpp"
#include "coroutine/fork.hpp"
#include "coroutine/stack.hpp"
#include "coroutine/timer_wheel.hpp"
#include "os/advise.hpp"
#include "wait/late_join.hpp"

namespace trine::coroutines {

class runtime;
class worker;

// One that waits: waiter::frame.
struct parked final : suspended, timer {
  parked(const wait::execution& me, wait::waiter* for_what, bool is_roaming) noexcept
      : suspended(me.unit, me.slot), waits(for_what), roaming(is_roaming) {}

  wait::waiter* waits;
  bool roaming;
};

// A coroutine that joins a unit which its worker runs at once, above it, on another stack
// (run_now). Lives on the joiner's stack. They nest: a worker has a chain of them, the innermost
// first, and what runs on the CPU is the unit of the innermost. When that leaves its stack, all of
// them are settled: each joiner is parked like any other from then on.
struct joining {
  joining(const wait::execution& me, detail::core& c, wait::late_join& w, bool is_roaming,
          joining* next) noexcept
      : joiner(me, nullptr, is_roaming), unit(c), wait(w), outer(next) {}

  parked joiner;
  detail::core& unit;
  wait::late_join& wait;
  joining* outer;
  bool* settled = nullptr;  // on the unit's stack: this frame may be gone when the unit ends
};

// What queue_ holds: a core that has not started, or (lowest bit set) a suspended.
using runnable = std::uintptr_t;

// The last node's link is anything.
template <class Node>
class fifo {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  Node* first() const noexcept { return first_; }
  // The first, which the caller has looked at, goes out, another in at the end.
  void rotate(const Node* first, Node* in) noexcept {
    if (first == last_) {  // does not read what was just written
      first_ = in;
    } else {
      last_->next = in;
      first_ = first->next;
    }
    asm volatile("" ::: "memory");  // not both in one vector register: that takes longer
    last_ = in;
  }
  void push(Node* node) noexcept {
    (first_ == nullptr ? first_ : last_->next) = node;
    last_ = node;
  }
  Node* pop() noexcept {
    Node* const node = first_;
    if (node != nullptr) first_ = node == last_ ? nullptr : node->next;
    return node;
  }

 private:
  Node* first_ = nullptr;
  Node* last_ = nullptr;
};

class alignas(base::cache_line) worker final : public wait::scheduler {
 public:
  worker(runtime& pool, unsigned index) noexcept : pool_(pool), index_(index) {}

  // wait::scheduler
  void park(wait::waiter& w, std::int64_t deadline) noexcept override;
  void resume(wait::waiter& w) noexcept override;
  void yield() noexcept override;
  void let_overdue_run() noexcept override;
  bool run_now(detail::core& c, wait::late_join& l) noexcept override;

  // Whether a fresh job that goes to its queue might be one too many.
  bool crowded() const noexcept;
  // A fresh job. From this worker's own coroutines only.
  void push_own(detail::core& c) noexcept;
  // A job with this home, from any thread.
  void push_pinned(detail::core& c) noexcept;
  // A coroutine of this home that was asked to stop; takes over one reference. Any thread.
  void push_stop(detail::core& c) noexcept;
  // Ends the worker's sleep if it sleeps. Any thread.
  void wake() noexcept;

  // Before the thread starts: its first two stacks. False, with errno, when there is no memory.
  bool prepare() noexcept;
  // The thread's life.
  [[noreturn]] void run() noexcept;

  unsigned index() const noexcept { return index_; }
  // Lets others run; on threads that are no worker's, of the system.
  static void yield_here() noexcept;
  // The worker whose thread this is, null on others. Out of line (DESIGN §4, TLS).
  static worker* here() noexcept;
  static void set_here(worker* w) noexcept;

  // For the runtime and other workers.
  bool asleep() const noexcept { return sleep_.load(std::memory_order_seq_cst) == sleeping; }
  std::uint32_t steal(runnable* out, std::uint32_t limit) noexcept {
    return queue_.steal(out, limit);
  }
  std::uint32_t stealable() const noexcept { return queue_.size(); }
  fork_queue& forks() noexcept { return forks_; }
  std::uint32_t taken() const noexcept { return queue_.taken(); }

  // For the monitor. How often it has looked at clock and outside: a worker that is awake and does
  // not is busy with one coroutine, or with a few long ones.
  std::uint32_t looks() const noexcept {
    // acquire: partner is the release in poll(); execution_ is seen once it has looked.
    return looks_.load(std::memory_order_acquire);
  }
  // Has it look at its next pick, and the coroutine it runs yield at its next Trine call.
  void hurry() noexcept;
  // The unit that runs there now, or just has; null for none. Only after the first look.
  observe::slot* running() const noexcept { return execution_->slot; }
  // For the handler of faults, on this worker's own thread.
  const stack* standing_on() const noexcept { return current_; }

  // The running coroutine takes the thread for itself, for good: from here on it waits as a thread
  // does, and no other coroutine of this home runs any more. At exit(), and in the child of fork().
  static void become_thread() noexcept;

  pthread_t thread{};

 private:
  static constexpr std::uint32_t awake = 0;
  static constexpr std::uint32_t sleeping = 1;
  // Bounds of the cache of stacks.
  static constexpr unsigned most_cached = 64;
  static_assert(most_cached <= os::most_ranges);
  static constexpr std::size_t most_cached_bytes = std::size_t{64} << 20;
  static constexpr std::int32_t most_picks_between_polls = 32;

  struct choice {
    suspended* parked = nullptr;
    detail::core* fresh = nullptr;
    bool none() const noexcept { return parked == nullptr && fresh == nullptr; }
  };

  static void loop_entry(void* self) noexcept;
  [[noreturn]] static void loop() noexcept;
  choice pick() noexcept;
  choice pick_fresh() noexcept;
  void poll() noexcept;
  void be_on_time() noexcept;
  void take_inboxes() noexcept;
  bool mail() const noexcept { return (wakes_.glance() | jobs_.glance() | stops_.glance()) != 0; }
  void fire_timers() noexcept;
  void start(detail::core& c) noexcept;
  static void no_stack_for(detail::core& c) noexcept;
  void make_ready(parked& s) noexcept;
  void push_runnable(runnable r) noexcept;

  bool may_run_now(detail::core& c) noexcept;
  static bool run_joined(void* self) noexcept;
  [[noreturn]] static void loop_on() noexcept;
  void settle_joiners() noexcept;

  // Leaves the current stack: to what pick() says, keeping `me` to come back to. False: that was
  // `me` itself. Else, on whatever worker it is now, arrived(me.on) must follow.
  bool leave(suspended& me) noexcept;
  bool leave_now(suspended& me) noexcept;
  // A coroutine keeps what it sets by uselocale(); each begins with the program's. One compare at
  // a switch; where the word is not known, each switch counts as from another locale.
  bool has_own_locale() const noexcept { return *locale_ != program_locale_; }
  bool leave_with_locale(suspended& me) noexcept;
  void set_stage_for(const suspended& next) noexcept;
  // Takes the exceptions that are being handled off the thread, into `own`; null when there are
  // none.
  const wait::exception_state* take_exceptions(wait::exception_state& own) noexcept;
  void yield_fast() noexcept;
  void yield_by_pick() noexcept;
  void switch_to(suspended* me, const suspended* next, stack* to_stack, void* to_sp) noexcept;
  void arrived(stack* on) noexcept;
  void cache_discarded() noexcept;

  bool have_spare() noexcept;
  bool have_two_spares() noexcept;
  void release_spent() noexcept;
  stack* take_cached(unsigned stack_class) noexcept;
  void cache(stack* s) noexcept;
  // Gives back what deep runs left in the cached stacks; costs nothing when none has been run on.
  void trim_cache() noexcept;
  void keep_warm(stack* s) noexcept;

  void idle() noexcept;
  bool search() noexcept;
  bool look_for_work(bool settled) noexcept;
  bool nothing_to_do() noexcept;
  bool others_awake() const noexcept;
  void pass_on() noexcept;

  runtime& pool_;
  const unsigned index_;
  wait::execution* execution_ = nullptr;
  wait::exception_state* exceptions_ = nullptr;
  int* errno_ = nullptr;
  const locale_t* locale_ = nullptr;   // this thread's, in the C library (os/thread_locale.hpp)
  locale_t program_locale_ = nullptr;  // what is there for who has set none
  stack* current_ = nullptr;
  detail::core* assigned_ = nullptr;  // a fresh job the next loop starts with
  stack* discarded_ = nullptr;        // left for good by the loop; to be cached
  suspended* leaving_ = nullptr;      // still on its stack, choosing whom to switch to
  joining* joining_ = nullptr;        // those whose joins run here, the innermost

  fifo<suspended> ready_;
  fifo<detail::core> pinned_;
  fifo<detail::core> spent_;  // perhaps to be destroyed, which runs user code: by the loop only
  std::uint32_t tick_ = 0;
  // Picks before the next look at clock and outside. The monitor may set it to 0; if the owner's
  // own store takes that back, the monitor's next tick does it again.
  base::relaxed<std::int32_t> picks_left_ = 0;
  std::int32_t poll_every_ = most_picks_between_polls;
  std::int64_t now_ = 0;  // the clock at the last look
  timer_wheel timers_;
  stack* cached_[stack_classes] = {};
  unsigned cached_count_ = 0;
  std::size_t cached_bytes_ = 0;
  bool worn_ = false;                // some cached stack has been run on since the last trim
  std::int64_t trim_at_ = 0;         // not before
  std::vector<std::uint32_t> seen_;  // taken() of each worker at the last look

  alignas(base::cache_line) fork_queue forks_;
  alignas(base::cache_line) atomic::run_queue<runnable> queue_;
  alignas(base::cache_line) atomic::inbox<wait::resume_link> wakes_;
  atomic::inbox<detail::core> jobs_;
  atomic::inbox<detail::core> stops_;
  std::atomic<std::uint32_t> sleep_{awake};
  std::atomic<std::uint32_t> looks_{0};
  std::atomic<bool> overdue_{false};
};

}  // namespace trine::coroutines
