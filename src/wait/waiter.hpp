// The waiter: the one way to wait (DESIGN §1.5).
//
// A waiter lives on the stack of whoever waits, for one wait. Every primitive works like this:
//
//   wait::waiter w;                        // captures who waits here: a thread or a coroutine
//   { hold guard(lock); list.push(w); }    // wakers can find it from now on
//   wait::outcome o = w.wait({...});       // parks; returns once
//   if (o is not woken) { hold guard(lock); list.erase_if_linked(w); }
//
// The word decides, once, how the wait ends:
//
//   armed ──claim──▶ outcome               the waiter has not parked and will not
//   armed ──wait───▶ parked ──claim──▶ outcome, and the claimer must then call resume()
//
// A coroutine's waiter is parked from the start: its home cannot run it before it has left its
// stack, so there is nothing to commit, and a claim that comes early only lets it leave and return.
// Between publishing a waiter and wait() the unit must not park elsewhere: the waiter has no frame
// yet.
//
// claim() is one compare-and-swap, so of a waker, a timer and a stop request exactly one wins, and
// the losers touch the waiter no more. A claimer that found it armed must not touch it either. One
// that found it parked owns it until resume(): the frame cannot go away before. A waker that
// holds the primitive's lock claims under the lock (the waiter cannot leave the list then) and
// resumes after releasing it. Where the one that goes on may end the primitive at once, it claims
// by claim_held(): then nobody goes on before resume(), armed or parked.
//
// A coroutine's resume is a hand-over to its home worker, which runs it from another stack than the
// one it parked on; so it can never be resumed before it has left its stack. A thread may look at
// its word at any time; a claim that finds it parked therefore leaves the pending bit in the word,
// and the thread goes on only when resume() has taken it out. The futex wake that follows needs no
// more than the address, which the kernel allows even after the frame is gone.
#pragma once

#include <atomic>
#include <cstdint>

#include <trine/detail/waiter_list.hpp>

#include "base/clock.hpp"
#include "base/relaxed.hpp"
#include "observe/registry.hpp"

namespace trine::detail {
struct core;
}

namespace trine::wait {

class waiter;
class late_join;

// How a wait ended. Values from first_case on are the waker's own (which case of a select).
enum class outcome : std::uint32_t {
  armed = 0,
  parked = 1,
  woken = 2,
  timed_out = 3,
  stopped = 4,
  first_case = 16
};

enum class claimed : std::uint8_t { lost, armed, parked };

// Who runs units on a thread. Null for threads: they park on a futex.
class scheduler {
 public:
  // Called by the running coroutine. Switches away until resumed; the word holds an outcome then.
  // Wakes itself with timed_out at the deadline.
  virtual void park(waiter& w, std::int64_t deadline) noexcept = 0;
  // Called by any thread, once, after a claim that found it parked.
  virtual void resume(waiter& w) noexcept = 0;
  // Called by the running coroutine: lets others run.
  virtual void yield() noexcept = 0;
  // Called by the running coroutine, at the head of any operation, while some worker is overdue
  // (trine/detail/fair.hpp): lets others run if it is this one.
  virtual void let_overdue_run() noexcept {}
  // Called by the running coroutine, which is about to wait for `c` (wait/late_join.hpp). True: `c`
  // was run at once; it has ended, or has left its stack and the wait was begun, and is over.
  // False: nothing happened.
  virtual bool run_now(detail::core&, late_join&) noexcept { return false; }

 protected:
  ~scheduler() = default;
};

// The exceptions a thread is handling: __cxa_eh_globals of the Itanium C++ ABI.
struct exception_state {
  void* caught = nullptr;
  unsigned uncaught = 0;
};
exception_state* this_thread_exceptions() noexcept;

// Who runs on this OS thread now. The coroutine layer swaps unit and slot when it switches.
struct execution {
  detail::core* unit = nullptr;  // null on threads Trine did not make
  scheduler* sched = nullptr;    // null: a thread
  // Null until a plain thread first parks or asks. The monitor glances at a worker's.
  base::relaxed<observe::slot*> slot = nullptr;
  const exception_state* exceptions = nullptr;  // of this thread; null until asked for
};

// Whether an exception unwinds here: a destructor that waits then must not throw another. Cheaper
// than std::uncaught_exceptions, which asks for the thread-local each time.
bool unwinding(execution& me) noexcept;

// Out of line, so that no compiler keeps a thread-local's address across a switch (DESIGN §4).
execution& self() noexcept;
// The registry slot of who runs here; a plain thread or a forked unit enters the registry now.
observe::slot* self_slot() noexcept;
// The coroutine layer's: enters a unit that has no slot yet. Set when its workers start.
extern std::atomic<observe::slot* (*)(detail::core&) noexcept> enter_late;

// A second word a thread may sleep on as well; when it no longer holds `expected`, wait() returns
// armed. Only for threads, and only where os::has_futex_waitv().
struct also {
  const std::atomic<std::uint32_t>* word = nullptr;
  std::uint32_t expected = 0;
};

struct wait_for {
  observe::reason why = observe::reason::other;
  const void* object = nullptr;
  std::int64_t deadline = base::never;
  // A stop request (or the unit's own deadline) ends the wait with outcome stopped.
  bool stoppable = true;
  also second = {};
};

// The scheduler's part of a waiter, apart from what the primitive keeps in it: links of its own,
// and the suspended context. A task's wait (src/task/driver.hpp) uses all of it, a coroutine's
// `next`. The constructor keeps it from being an aggregate, so that a waiter may use its padding.
struct resume_link {
  resume_link() noexcept {}
  resume_link* next = nullptr;
  resume_link* previous = nullptr;
  void* frame = nullptr;
  std::uint32_t info = 0;
};

class waiter : public resume_link {
  // First: it fits in the padding of the link.
  std::atomic<std::uint32_t> word_;

 public:
  waiter() noexcept : waiter(self().sched) {}
  // For one that `sched` resumes, null for a thread.
  explicit waiter(scheduler* sched) noexcept
      : word_(static_cast<std::uint32_t>(sched != nullptr ? outcome::parked : outcome::armed)),
        sched_(sched) {}
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  // Parks the caller until claimed. Returns at once when it already is.
  outcome wait(const wait_for& what) noexcept;

  // Ends the wait with `o`. Any thread; see above for who may touch what after.
  claimed claim(outcome o) noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while (seen <= static_cast<std::uint32_t>(outcome::parked)) {
      // release: what the waker wrote before is seen by the waiter, whose partner is the acquire
      // in wait(). acquire: a claimer that finds it parked sees the frame the waiter left for it.
      const bool parked = seen == static_cast<std::uint32_t>(outcome::parked);
      const std::uint32_t value = static_cast<std::uint32_t>(o) | (parked ? pending | asleep : 0);
      if (word_.compare_exchange_weak(seen, value, std::memory_order_acq_rel,
                                      std::memory_order_relaxed))
        return parked ? claimed::parked : claimed::armed;
    }
    return claimed::lost;
  }
  // The same for a waker that is not done with the primitive yet: the waiter goes on only after
  // resume(), which must follow when this returns true.
  bool claim_held(outcome o) noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while (seen <= static_cast<std::uint32_t>(outcome::parked)) {
      const bool parked = seen == static_cast<std::uint32_t>(outcome::parked);
      // Orders as in claim().
      if (word_.compare_exchange_weak(
              seen, static_cast<std::uint32_t>(o) | pending | (parked ? asleep : 0),
              std::memory_order_acq_rel, std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  // After a claim that found it parked, or claim_held().
  void resume() noexcept;
  // Both. True when this call decided the wait.
  bool wake(outcome o = outcome::woken) noexcept {
    const claimed c = claim(o);
    if (c == claimed::parked) resume();
    return c != claimed::lost;
  }

  outcome current() const noexcept {
    return static_cast<outcome>(word_.load(std::memory_order_acquire) & ~(pending | asleep));
  }
  scheduler* sched() const noexcept { return sched_; }

  // Ends the wait with `o` before it began; for the unit itself, before wait(). The claim of
  // another that came first stands.
  void claim_before_wait(outcome o) noexcept {
    if (claim(o) != claimed::lost) skip_ = true;
  }

  // Whether the above has ended it: there is nobody who resumes it.
  bool ended_before_wait() const noexcept { return skip_; }

  // A thread's: armed → parked. False when an outcome came first.
  bool commit() noexcept {
    std::uint32_t expected = 0;
    // acq_rel: release publishes the frame to the claimer (its acquire); on failure acquire.
    return word_.compare_exchange_strong(expected, static_cast<std::uint32_t>(outcome::parked),
                                         std::memory_order_acq_rel, std::memory_order_acquire);
  }

  // Links of the primitive's list, guarded by the primitive's lock.
  waiter* next = nullptr;
  waiter* previous = nullptr;
  // The primitive's own (a mutex marks a waiter that has lost once, a channel its element).
  void* data = nullptr;

 private:
  scheduler* sched_;

 public:
  std::uint32_t tag = 0;
  bool linked = false;

 private:
  static constexpr std::uint32_t pending = 1U << 31;  // claimed, and resume() is to come
  static constexpr std::uint32_t asleep = 1U << 30;   // a thread may sleep: resume() must wake it

  // Whether a thread may go on.
  static bool settled(std::uint32_t word) noexcept {
    return word > static_cast<std::uint32_t>(outcome::parked) && (word & pending) == 0;
  }
  void park_thread(std::int64_t deadline, const also& second) noexcept;

  bool skip_ = false;  // claimed by the unit itself: there is nobody to resume it
};

using detail::waiter_list;

}  // namespace trine::wait
