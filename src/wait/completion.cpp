#include "wait/completion.hpp"

#include <sched.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <trine/detail/fair.hpp>
#include <trine/detail/stop_point.hpp>
#include <trine/detail/unit_ends.hpp>
#include <trine/errors.hpp>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "os/block_cache.hpp"
#include "wait/alarm.hpp"
#include "wait/late_join.hpp"
#include "wait/stop.hpp"
#include "wait/unit_exit.hpp"
#include "wait/waiter.hpp"

namespace trine::wait {

std::atomic<bool> coroutines_ended{false};
std::atomic<bool> program_ends{false};
std::atomic<bool> forked_copy{false};

namespace {

// The lock bit guards the list of joiners; sections are a few instructions.
// Returns the other bits. acquire: partner is the release in unlock().
std::uint32_t lock(detail::core& c) noexcept {
  std::uint32_t seen = c.state.load(std::memory_order_relaxed);
  for (unsigned spins = 1;; ++spins) {
    if ((seen & bit_locked) == 0) {
      if (c.state.compare_exchange_weak(seen, seen | bit_locked, std::memory_order_acquire,
                                        std::memory_order_relaxed))
        return seen;
      continue;
    }
    base::relax();
    // The holder may have been preempted on this very core.
    if (spins % 128 == 0) sched_yield();
    seen = c.state.load(std::memory_order_relaxed);
  }
}

void unlock(detail::core& c, std::uint32_t bits) noexcept {
  // release: partner is the acquire in lock() and, for the done bit, in is_done().
  c.state.store(bits, std::memory_order_release);
}

void push(detail::core& c, waiter& w) noexcept {
  w.previous = nullptr;
  w.next = c.waiters;
  if (w.next != nullptr) w.next->previous = &w;
  c.waiters = &w;
  w.linked = true;
}

void erase(detail::core& c, waiter& w) noexcept {
  (w.previous != nullptr ? w.previous->next : c.waiters) = w.next;
  if (w.next != nullptr) w.next->previous = w.previous;
  w.linked = false;
}

void report_unseen(const detail::core& c) noexcept {
  // relaxed: a process that ends by itself just then may be told of or not.
  if (c.kind == unit_kind::process && program_ends.load(std::memory_order_relaxed)) return;
  std::string what;
  try {
    std::rethrow_exception(c.error);
  } catch (const cancelled&) {
    return;  // the ordinary end of a detached unit that was asked to stop
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "an exception that is not a std::exception";
  }
  std::fprintf(stderr, "trine: a detached %s (unit %llu) ended with an exception: %s\n",
               to_string(c.kind), static_cast<unsigned long long>(c.id), what.c_str());
}

}  // namespace

bool add_joiner(detail::core& c, waiter& w) noexcept {
  const std::uint32_t bits = lock(c);
  const bool ended = (bits & bit_done) != 0;
  if (!ended) push(c, w);
  unlock(c, ended ? bits : bits | bit_waiters);
  return !ended;
}

bool remove_joiner(detail::core& c, waiter& w) noexcept {
  const std::uint32_t bits = lock(c);
  if (w.linked) erase(c, w);
  unlock(c, bits);
  return (bits & bit_done) != 0;
}

bool (*join_process)(detail::core&, std::int64_t, bool) = nullptr;

void register_unit(detail::core& c, unit_kind kind, std::string_view name,
                   std::chrono::nanoseconds deadline, const std::source_location& where) noexcept {
  // Set before a scope knew the unit; its other units may be reading it.
  if (c.kind != kind) c.kind = kind;
  // A scope may have set one already; the earlier counts.
  if (deadline.count() != 0) c.deadline = std::min(c.deadline, base::deadline_after(deadline));
  const execution& me = self();
  // A forked job has no id before it has a slot.
  const bool known = me.unit != nullptr && me.slot != nullptr;
  const std::uint64_t parent = known ? me.unit->id : observe::id_of(self_slot());
  c.slot = observe::enter(kind, parent, name, &where);
  c.id = observe::id_of(c.slot);
}

void unregister_unit(detail::core& c) noexcept {
  if (c.slot == nullptr) return;
  c.parks = c.slot->parks.load(std::memory_order_relaxed);
  observe::leave(c.slot);
  c.slot = nullptr;
}

void run_body(detail::core& c) noexcept {
  c.slot->now.store(observe::state::running, std::memory_order_relaxed);
  c.ops->run(&c);
  if (c.ends != nullptr) detail::run_ends(c);
  while (exit_call* const entry = c.exits) {
    c.exits = entry->next;
    entry->call(entry);
  }
}

void complete(detail::core& c) noexcept {
  prepare_to_finish(c);
  if (finish(c)) detail::destroy(&c);
}

void prepare_to_finish(detail::core& c) noexcept {
  if (c.deadline != base::never) clear_alarm(c);
  unregister_unit(c);
  if (c.on_done != nullptr) c.on_done(&c, c.on_done_context, false);
  if (c.error != nullptr && (c.flags.fetch_or(detail::flag_ended) & detail::flag_detached) != 0)
    report_unseen(c);
}

bool finish(detail::core& c) noexcept {
  std::uint32_t nobody = 0;
  // acquire: partner is the release of who dropped the last reference under the lock.
  if (c.on_done == nullptr && c.refs.load(std::memory_order_acquire) != 0 &&
      c.state.load(std::memory_order_relaxed) == 0 &&
      // release: partner is the acquire in is_done(); the joiner sees result and error.
      c.state.compare_exchange_strong(nobody, bit_done, std::memory_order_release,
                                      std::memory_order_relaxed))
    return false;
  lock(c);
  // Done before the first claim: a joiner that is claimed before it has parked goes on at once, and
  // must find that the unit has ended. release: partner is the acquire in is_done().
  c.state.store(bit_done | bit_locked, std::memory_order_release);
  // While we hold the lock the core stays; its scope may go away as soon as it has heard.
  if (c.on_done != nullptr) c.on_done(&c, c.on_done_context, true);
  // Claimed under the lock: a joiner that gave up must take the lock to leave the list, so each
  // one in it still exists. Those that were parked stay until they are resumed.
  waiter* parked = nullptr;
  for (waiter* w = c.waiters; w != nullptr;) {
    waiter* const after = w->next;
    w->linked = false;
    if (w->claim(outcome::woken) == claimed::parked) {
      w->next = parked;
      parked = w;
    }
    w = after;
  }
  c.waiters = nullptr;
  // Under the lock, as is the drop of the last reference of a unit that is not done.
  const bool unreferenced = c.refs.load(std::memory_order_relaxed) == 0;
  unlock(c, bit_done);
  while (parked != nullptr) {
    waiter* const w = parked;
    parked = w->next;
    w->resume();
  }
  return unreferenced;
}

void complete_with(detail::core& c, std::exception_ptr error) noexcept {
  c.error = std::move(error);
  complete(c);
}

void returned_in_copy() noexcept {
  constexpr char text[] =
      "trine: a unit called fork(), and its function returned in the child, where nobody waits for "
      "it; end the child with _exit() or let it exec a program\n";
  if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) _exit(EXIT_FAILURE);
  _exit(EXIT_FAILURE);
}

}  // namespace trine::wait

namespace trine::detail {

using namespace trine::wait;

std::atomic<std::uint32_t> units_asked_to_stop{0};

bool is_done(const core* c) noexcept {
  return (c->state.load(std::memory_order_acquire) & bit_done) != 0;
}

namespace {

// The joiner's wait is over. A waiter that was not woken may still be in the list.
bool end_of_join(core& c, waiter& w, outcome o) {
  if (o == outcome::woken) return true;
  const bool ended = remove_joiner(c, w);
  if (o == outcome::stopped) throw_stopped(self().unit);
  return ended;
}

}  // namespace

bool join(core* c, std::int64_t deadline, bool interruptible) {
  fair_point();
  if (is_done(c)) return true;
  if (coroutines_ended.load(std::memory_order_relaxed)) [[unlikely]] {
    if (forked_copy.load(std::memory_order_relaxed)) {
      if (!interruptible) return false;  // a handle's destructor: it is the parent's to join
      throw usage_error(
          "trine: this process was made by fork() while the unit ran, which belongs to the parent; "
          "join it there");
    }
    if (c->kind == unit_kind::coroutine) {
      if (!interruptible) return false;
      throw usage_error(
          "trine: the program has ended and its coroutines with it; join them before main returns");
    }
  }
  execution& me = self();
  detail::core* const unit = interruptible && !unwinding(me) ? me.unit : nullptr;
  if (unit != nullptr) check_stop(*unit);
  if (c->kind == unit_kind::process && join_process != nullptr && me.sched == nullptr)
    return join_process(*c, deadline, interruptible);
  if (me.sched != nullptr && c->kind == unit_kind::coroutine) {
    late_join late(*c, unit, *me.sched, deadline);
    if (me.sched->run_now(*c, late))
      return !late.begun() || end_of_join(*c, late.get(), late.end());
  }
  waiter w;
  if (!add_joiner(*c, w)) return true;
  const outcome o = w.wait({.why = observe::reason::join,
                            .object = c,
                            .deadline = deadline,
                            .stoppable = interruptible});
  return end_of_join(*c, w, o);
}

void request_stop(core* c) noexcept {
  if (!forked_copy.load(std::memory_order_relaxed)) wait::request_stop(*c, stop_requested);
}

void detach(core* c) noexcept {
  // Of the two who set their flag, the second reports: complete() sets flag_ended after the error
  // is stored, and before the unit is done.
  if ((c->flags.fetch_or(flag_detached) & flag_ended) != 0) report_unseen(*c);
}

bool drop(core* which) noexcept {
  core& c = *which;
  std::uint32_t refs = c.refs.load(std::memory_order_relaxed);
  while (refs > 1) {
    // release: partner is the acquire of who drops the last; it sees what we did.
    if (c.refs.compare_exchange_weak(refs, refs - 1, std::memory_order_release,
                                     std::memory_order_relaxed))
      return false;
  }
  // Alone. Done and unlocked: the unit's side touches it no more.
  if (c.state.load(std::memory_order_acquire) == bit_done) {
    // acquire, for the relaxed look above: partner is the release of earlier droppers.
    return c.refs.load(std::memory_order_acquire) == 1;
  }
  // Nobody ends it here, and nobody may let go of its lock.
  if (forked_copy.load(std::memory_order_relaxed)) return false;
  const std::uint32_t bits = lock(c);
  const bool last = c.refs.fetch_sub(1, std::memory_order_acq_rel) == 1;
  // A bit that keeps finish() off its short way, on which it does not look at refs again.
  unlock(c, bits | (last && (bits & bit_done) == 0 ? bit_waiters : 0));
  return last && (bits & bit_done) != 0;
}

void destroy(core* c) noexcept {
  delete c->source.load(std::memory_order_relaxed);
  if ((c->stop.load(std::memory_order_relaxed) & (stop_requested | stop_deadline)) != 0)
    units_asked_to_stop.fetch_sub(1, std::memory_order_relaxed);
  c->ops->destroy(c);
}

void release(core* c) noexcept {
  if (drop(c)) destroy(c);
}

void* allocate_core(std::size_t size) { return os::take_block(size); }
void free_core(void* memory, std::size_t size) noexcept { os::give_block(memory, size); }

}  // namespace trine::detail
