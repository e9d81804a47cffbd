#include "wait/waiter.hpp"

#include <cxxabi.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cpu.hpp"
#include "os/futex.hpp"
#include "wait/owner.hpp"
#include "wait/stop.hpp"

namespace trine::wait {
namespace {

// A plain thread that entered the registry leaves it when it ends. Destructors of thread_locals may
// wait after that, so what they read has no destructor itself.
struct foreign_slot {
  observe::slot* slot = nullptr;
  std::uint32_t epoch = 0;
  bool over = false;  // left: from now on the thread is not listed
};

thread_local constinit execution t_self;
thread_local constinit foreign_slot t_foreign;

// Before a plain thread enters.
void leave_at_thread_end() noexcept {
  struct guard {
    ~guard() {
      t_foreign.over = true;
      if (t_foreign.slot == nullptr || t_foreign.epoch != observe::epoch()) return;
      if (t_self.slot == t_foreign.slot) t_self.slot = nullptr;
      observe::leave(t_foreign.slot);
    }
  };
  thread_local const guard at_end;
  (void)at_end;
}

}  // namespace

__attribute__((noinline)) execution& self() noexcept {
  execution* here = &t_self;
  // Keeps the compiler from proving anything about the address and calling less often.
  asm volatile("" : "+r"(here));
  return *here;
}

exception_state* this_thread_exceptions() noexcept {
  return reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
}

bool unwinding(execution& me) noexcept {
  if (me.exceptions == nullptr) me.exceptions = this_thread_exceptions();
  return me.exceptions->uncaught != 0;
}

std::atomic<observe::slot* (*)(detail::core&) noexcept> enter_late{nullptr};

observe::slot* self_slot() noexcept {
  execution& me = self();
  if (me.slot == nullptr && me.unit != nullptr) {
    // relaxed: a unit without a slot was started by the layer that had set it.
    if (auto* const enter = enter_late.load(std::memory_order_relaxed)) {
      me.slot = enter(*me.unit);
      if (me.slot != nullptr) return me.slot;
    }
  }
  // In a child of fork() the slot of the parent's thread is nobody's.
  const bool stale = t_foreign.slot != nullptr && t_foreign.epoch != observe::epoch();
  if (me.slot == nullptr || (stale && me.slot == t_foreign.slot)) {
    // The slot may be another unit's by now. Not kept, so that the thread leaves no mark.
    if (t_foreign.over) return observe::unlisted();
    if (t_foreign.slot == nullptr || stale) {
      leave_at_thread_end();
      char name[16] = {};
      pthread_getname_np(pthread_self(), name, sizeof(name));
      t_foreign.slot = observe::enter(unit_kind::thread, 0, name, nullptr);
      t_foreign.epoch = observe::epoch();
      constexpr auto relaxed = std::memory_order_relaxed;
      t_foreign.slot->foreign.store(true, relaxed);
      t_foreign.slot->now.store(observe::state::running, relaxed);
      t_foreign.slot->where.store(static_cast<std::int32_t>(syscall(SYS_gettid)), relaxed);
    }
    // A thread of the runtime between two units keeps the slot for the next such moment.
    me.slot = t_foreign.slot;
  }
  return me.slot;
}

outcome waiter::wait(const wait_for& what) noexcept {
  // Only a thread may go on at once: a coroutine that was claimed is being resumed.
  // acquire: partner is the claimer's release; what the waker wrote is seen.
  if (sched_ == nullptr && settled(word_.load(std::memory_order_acquire))) return current();
  execution& me = self();
  detail::core* const unit = what.stoppable && !unwinding(me) ? me.unit : nullptr;
  std::int64_t deadline = what.deadline;
  bool unit_deadline = false;
  if (unit != nullptr) deadline = enter_wait(*unit, *this, deadline, unit_deadline);
  observe::slot* const slot = me.slot != nullptr ? me.slot.get() : self_slot();
  constexpr auto relaxed = std::memory_order_relaxed;
  slot->why.store(what.why, relaxed);
  slot->object.store(what.object, relaxed);
  slot->parks.store(slot->parks.load(relaxed) + 1, relaxed);
  slot->now.store(observe::state::parked, relaxed);
  if (skip_) {
    // asked to stop before it began
  } else if (sched_ != nullptr) {
    sched_->park(*this, deadline);
  } else {
    slot->since.store(base::now_ns(), relaxed);
    park_thread(deadline, what.second);
  }
  slot->now.store(observe::state::running, relaxed);
  // Armed only with a second word: it changed first. An outcome cannot come any more, as commit was
  // taken back in park_thread.
  return leave_wait(unit, *this, unit_deadline);
}

void waiter::park_thread(std::int64_t deadline, const also& second) noexcept {
  // On two cores the partner often answers within a microsecond or two, and a sleep costs ten
  // times that. Nothing else runs on this thread, so a short look costs only its own time.
  // With a second word the caller has looked long enough already.
  const int looks = second.word == nullptr && base::several_cpus() ? 100 : 1;
  for (int i = 0; i < looks; ++i) {
    if (settled(word_.load(std::memory_order_acquire))) return;
    if (second.word != nullptr && second.word->load(std::memory_order_acquire) != second.expected)
      return;
    base::relax();
  }
  commit();
  for (;;) {
    // acquire: partner is the claimer's release; what the waker wrote is seen.
    std::uint32_t seen = word_.load(std::memory_order_acquire);
    if (settled(seen)) return;
    if (seen > static_cast<std::uint32_t>(outcome::parked)) {
      // Claimed; the claimer is about to resume us and may touch this frame until it has.
      if ((seen & asleep) != 0 ||
          // relaxed: the claimer needs no more than the bit, which says that we sleep.
          word_.compare_exchange_strong(seen, seen | asleep, std::memory_order_relaxed,
                                        std::memory_order_relaxed))
        os::futex_wait(word_, seen | asleep, base::never);
      continue;
    }
    bool in_time;
    if (second.word != nullptr) {
      if (second.word->load(std::memory_order_acquire) != second.expected) {
        std::uint32_t expected = static_cast<std::uint32_t>(outcome::parked);
        // Back to armed, unless a claimer was faster; then its outcome stands.
        if (word_.compare_exchange_strong(expected, 0, std::memory_order_acq_rel,
                                          std::memory_order_acquire))
          return;
        continue;
      }
      in_time = os::futex_wait_two(word_, seen, *second.word, second.expected, deadline);
    } else {
      in_time = os::futex_wait(word_, seen, deadline);
    }
    // A timer and a waker race by the same claim as any two wakers.
    if (!in_time && claim(outcome::timed_out) == claimed::parked) {
      word_.store(static_cast<std::uint32_t>(outcome::timed_out), std::memory_order_relaxed);
      return;
    }
  }
}

void waiter::resume() noexcept {
  if (sched_ != nullptr) {
    sched_->resume(*this);
    return;
  }
  // release: the thread's frame may go away from here on; what we did with it is done before. A
  // read-modify-write, as the thread may be about to say that it sleeps.
  if ((word_.fetch_and(~(pending | asleep), std::memory_order_release) & asleep) != 0)
    os::futex_wake(&word_, 1);
}

}  // namespace trine::wait

namespace trine::detail {

using wait::waiter;

// In this file for the sake of one call instead of two: each lock of a mutex asks.
__attribute__((noinline)) std::uint32_t this_unit_mark() noexcept {
  const observe::slot* slot = wait::t_self.slot;
  if (slot == nullptr) [[unlikely]] {
    // A forked job has no slot before it parks.
    if (wait::t_self.sched != nullptr || wait::t_foreign.over) return 0;
    slot = wait::self_slot();
  }
  return wait::mark_of(slot);
}

void waiter_list::push_back(waiter& w) noexcept {
  w.next = nullptr;
  w.previous = last_;
  w.linked = true;
  (last_ != nullptr ? last_->next : first_) = &w;
  last_ = &w;
}

void waiter_list::push_front(waiter& w) noexcept {
  w.previous = nullptr;
  w.next = first_;
  w.linked = true;
  (first_ != nullptr ? first_->previous : last_) = &w;
  first_ = &w;
}

void waiter_list::insert_after(waiter* before, waiter& w) noexcept {
  if (before == nullptr) return push_front(w);
  w.previous = before;
  w.next = before->next;
  w.linked = true;
  (w.next != nullptr ? w.next->previous : last_) = &w;
  before->next = &w;
}

waiter* waiter_list::pop_front() noexcept {
  waiter* const w = first_;
  if (w != nullptr) erase(*w);
  return w;
}

void waiter_list::erase(waiter& w) noexcept {
  (w.previous != nullptr ? w.previous->next : first_) = w.next;
  (w.next != nullptr ? w.next->previous : last_) = w.previous;
  w.linked = false;
}

}  // namespace trine::detail
