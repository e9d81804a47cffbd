// The waits of tasks: the part between a frame and its driver (trine/detail/awaiter.hpp).
#include <sched.h>
#include <new>

#include <trine/co.hpp>
#include <trine/detail/awaiter.hpp>
#include <trine/detail/core.hpp>
#include <trine/errors.hpp>

#include "base/cpu.hpp"
#include "observe/registry.hpp"
#include "task/driver.hpp"
#include "wait/completion.hpp"

namespace trine::detail {

using tasks::driver;
using tasks::home_of;
using tasks::resume_link;
using tasks::sleep_link;
using wait::outcome;

namespace {

// Whoever claimed it is about to post it: a few instructions of another thread, which may have been
// preempted.
void await_post(driver& home, const resume_link& link) noexcept {
  for (unsigned spins = 1; !home.posted(link); ++spins) {
    base::relax();
    if (spins % 128 == 0) sched_yield();
  }
}

driver& home_of_waiter(wait::waiter& w) noexcept { return *static_cast<driver*>(w.sched()); }

}  // namespace

// ---- primitives ---------------------------------------------------------------------------------

task_wait::task_wait() noexcept {
  static_assert(sizeof(wait::waiter) == sizeof(storage_));
  static_assert(alignof(wait::waiter) == alignof(void*));
  new (storage_) wait::waiter(nullptr);
}

bool task_wait::enter(promise_base& who, std::coroutine_handle<> frame, const task_wait_ops& ops,
                      void* object, void* timer, std::int64_t deadline) {
  driver& home = home_of(who);
  auto* const w = new (storage_) wait::waiter(&home);
  if (ops.stoppable && home.must_stop(static_cast<tasks::scope&>(*who.scope))) {
    w->claim(outcome::stopped);
    return false;
  }
  auto* const due = static_cast<tasks::timer*>(timer);
  if (due != nullptr && deadline != base::never) {
    due->of = w;
    due->deadline = deadline;
    home.add_timer(*due);
  }
  // Before wakers can find it.
  home.enter(*w, who, frame, tasks::info_wait | (ops.stoppable ? 0 : tasks::info_shielded), ops.why,
             object);
  bool waits = false;
  try {
    waits = ops.begin(object, *w);
  } catch (...) {
    if (due != nullptr) home.cancel(*due);
    home.leave(*w);
    throw;
  }
  if (waits) return true;
  if (due != nullptr) home.cancel(*due);
  home.leave(*w);
  w->claim(outcome::woken);
  return false;
}

bool task_wait::suspend(promise_base& who, std::coroutine_handle<> frame, const task_wait_ops& ops,
                        void* object) {
  return enter(who, frame, ops, object, nullptr, base::never);
}

bool task_wait::finish(const task_wait_ops& ops, void* object) {
  wait::waiter& w = waiter();
  const outcome how = w.current();
  if (w.info != 0) {
    if (how == outcome::timed_out || how == outcome::stopped) ops.leave(object, w);
    home_of_waiter(w).leave_registry(w);
  }
  if (how == outcome::stopped) home_of_waiter(w).throw_stopped();
  return how != outcome::timed_out;
}

void task_wait::abandon(const task_wait_ops& ops, void* object) noexcept {
  wait::waiter& w = waiter();
  if (w.resume_link::frame == nullptr) return;
  driver& home = home_of_waiter(w);
  if (w.claim(outcome::stopped) == wait::claimed::lost) await_post(home, w);
  const outcome how = w.current();
  if (how == outcome::timed_out || how == outcome::stopped) {
    ops.leave(object, w);
  } else if (ops.undo != nullptr) {
    ops.undo(object, w);
  }
  home.leave(w);
}

bool timed_task_wait::suspend(promise_base& who, std::coroutine_handle<> frame,
                              const task_wait_ops& ops, void* object, std::int64_t deadline) {
  static_assert(sizeof(tasks::timer) == sizeof(timer_));
  return enter(who, frame, ops, object, new (timer_) tasks::timer, deadline);
}

bool timed_task_wait::finish(const task_wait_ops& ops, void* object) {
  wait::waiter& w = waiter();
  if (w.info != 0) home_of_waiter(w).cancel(*reinterpret_cast<tasks::timer*>(timer_));
  return task_wait::finish(ops, object);
}

void timed_task_wait::abandon(const task_wait_ops& ops, void* object) noexcept {
  wait::waiter& w = waiter();
  if (w.resume_link::frame == nullptr) return;
  home_of_waiter(w).cancel(*reinterpret_cast<tasks::timer*>(timer_));
  task_wait::abandon(ops, object);
}

// ---- sleeping and yielding ----------------------------------------------------------------------

sleep_wait::sleep_wait(std::int64_t deadline) noexcept {
  static_assert(sizeof(sleep_link) == sizeof(storage_));
  auto* const link = new (storage_) sleep_link;
  link->due.deadline = deadline;
  link->due.of = link;
}

namespace {
sleep_link& sleep_of(void* storage) noexcept { return *static_cast<sleep_link*>(storage); }

struct yield_link : resume_link {
  driver* home = nullptr;
};
}  // namespace

bool sleep_wait::suspend(promise_base& who, std::coroutine_handle<> frame) {
  sleep_link& link = sleep_of(storage_);
  driver& home = home_of(who);
  link.home = &home;
  if (home.must_stop(static_cast<tasks::scope&>(*who.scope))) {
    link.info = tasks::info_stopped;
    return false;
  }
  if (link.due.deadline != base::never) home.add_timer(link.due);
  home.enter(link, who, frame, 0, observe::reason::sleep, nullptr);
  return true;
}

void sleep_wait::finish() {
  sleep_link& link = sleep_of(storage_);
  const bool stopped = (link.info & tasks::info_stopped) != 0;
  if ((link.info & tasks::info_posted) != 0) {
    link.home->cancel(link.due);
    link.home->leave_registry(link);
  }
  if (stopped) link.home->throw_stopped();
}

sleep_wait::~sleep_wait() {
  sleep_link& link = sleep_of(storage_);
  if (link.frame == nullptr) return;
  link.home->cancel(link.due);
  link.home->leave(link);
}

yield_wait::yield_wait() noexcept {
  static_assert(sizeof(yield_link) == sizeof(storage_));
  new (storage_) yield_link;
}

yield_wait::~yield_wait() {
  auto& link = *reinterpret_cast<yield_link*>(storage_);
  if (link.frame == nullptr) return;
  os::hold guard(link.home->lock());
  tasks::ring::take_out(link);
}

void yield_wait::suspend(promise_base& who, std::coroutine_handle<> frame) noexcept {
  auto& link = *reinterpret_cast<yield_link*>(storage_);
  link.home = &home_of(who);
  link.frame = frame.address();
  link.home->post_yield(link);
}

// ---- handles ------------------------------------------------------------------------------------

namespace {

core& core_of(void* object) noexcept { return *static_cast<core*>(object); }

const task_wait_ops join_ops = {
    [](void* object, wait::waiter& w) {
      core& c = core_of(object);
      if (c.kind == unit_kind::coroutine &&
          wait::coroutines_ended.load(std::memory_order_relaxed) && !is_done(&c))
        throw usage_error(
            "trine: the program has ended and its coroutines with it; join them before main "
            "returns");
      return wait::add_joiner(c, w);
    },
    [](void* object, wait::waiter& w) noexcept { wait::remove_joiner(core_of(object), w); },
    nullptr, observe::reason::join, true};

}  // namespace

bool join_wait::begin(promise_base& who, std::coroutine_handle<> frame, core* unit) {
  return suspend(who, frame, join_ops, unit);
}
void join_wait::end(core* unit) { finish(join_ops, unit); }
void join_wait::leave(core* unit) noexcept { abandon(join_ops, unit); }

timed_join_wait::~timed_join_wait() { abandon(join_ops, unit_); }
bool timed_join_wait::begin(promise_base& who, std::coroutine_handle<> frame) {
  return suspend(who, frame, join_ops, unit_, deadline_);
}
wait_result timed_join_wait::await_resume() { return wait_result(finish(join_ops, unit_)); }

}  // namespace trine::detail
