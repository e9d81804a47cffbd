#include "task/driver.hpp"

#include <sched.h>
#include <new>
#include <utility>

#include <trine/detail/fair.hpp>
#include <trine/errors.hpp>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "observe/registry.hpp"
#include "wait/stop.hpp"

namespace trine::tasks {

// ---- scopes -------------------------------------------------------------------------------------

scope::scope(driver& d) noexcept : detail::task_scope{&d} {}

scope::scope(driver& d, scope& above) noexcept : detail::task_scope{&d}, parent(&above) {
  os::hold guard(d.lock_);
  stopped = above.stopped;
  next = above.children;
  if (next != nullptr) next->previous = this;
  above.children = this;
}

scope::~scope() {
  if (parent == nullptr) return;
  os::hold guard(static_cast<driver*>(home)->lock_);
  (previous != nullptr ? previous->next : parent->children) = next;
  if (next != nullptr) next->previous = previous;
  // Only when it is destroyed before its tasks have ended, with them: they may still leave.
  parent->parked.take_all(parked);
  for (scope* c = children; c != nullptr;) {
    scope* const after = c->next;
    c->parent = parent;
    c->previous = nullptr;
    c->next = parent->children;
    if (c->next != nullptr) c->next->previous = c;
    parent->children = c;
    c = after;
  }
}

// ---- running ------------------------------------------------------------------------------------

driver::driver() noexcept
    : unit_(wait::self().unit),
      stoppable_(unit_ != nullptr && !wait::unwinding(wait::self())),
      id_(observe::id_of(wait::self_slot())),
      where_(wait::self_slot()->where.load(std::memory_order_relaxed)),
      now_(base::now_ns()),
      root_(*this) {}

driver::~driver() {
  // A task that waits here would be woken by a driver that is gone.
  TRINE_CHECK(waiting_ == 0);
}

void driver::run(std::coroutine_handle<> root, detail::promise_base& promise) {
  promise.scope = &root_;
  promise.after = detail::promise_base::root;
  next_ = root;
  if (wait::on_first_stop_interest != nullptr) wait::on_first_stop_interest();
  while (!done_) {
    const std::coroutine_handle<> frame = choose();
    transfers_ = 0;
    ++resumed_;
    detail::fair_point();
    frame.resume();
  }
}

std::coroutine_handle<> driver::choose() {
  for (;;) {
    if (next_) return std::exchange(next_, {});
    if (starting_ != nullptr) {
      detail::task_group& group = *starting_;
      const std::coroutine_handle<> child = detail::driver_access::start_next(group);
      // Before its last child runs: that may end the group, and whoever owns it goes on.
      if (detail::driver_access::all_started(group))
        starting_ = detail::driver_access::below(group);
      return child;
    }
    if (!batch_.empty()) {
      resume_link& link = *batch_.first();
      ring::take_out(link);
      return std::coroutine_handle<>::from_address(std::exchange(link.frame, nullptr));
    }
    refill();
  }
}

void driver::refill() {
  // Others of this home first, when a task has asked for that or many have run.
  wait::scheduler* const sched = wait::self().sched;
  if (yielded_ || (sched != nullptr && resumed_ >= most_between_yields)) {
    resumed_ = 0;
    if (sched != nullptr) {
      sched->yield();
    } else if (yielded_) {
      sched_yield();
    }
    yielded_ = false;
  }
  must_stop(root_);
  fire_timers();
  {
    os::hold guard(lock_);
    batch_.take_all(ready_);
  }
  if (batch_.empty()) sleep();
}

void driver::sleep() {
  if (waiting_ == 0)
    throw usage_error(
        "trine: every task waits for one that was destroyed before it had ended; keep a task until "
        "it has ended");
  wait::waiter w;
  {
    os::hold guard(lock_);
    if (!ready_.empty()) return;
    sleeper_ = &w;
  }
  resumed_ = 0;
  const wait::outcome how = w.wait({.why = observe::reason::task,
                                    .object = this,
                                    .deadline = timers_ != nullptr ? timers_->next() : base::never,
                                    .stoppable = stoppable_ && !root_.stopped});
  {
    os::hold guard(lock_);
    sleeper_ = nullptr;
  }
  now_ = base::now_ns();
  if (how == wait::outcome::stopped) stop(root_);
}

void driver::park(wait::waiter&, std::int64_t) noexcept {
  base::fail("a task does not park by its waiter", __FILE__, __LINE__);
}
void driver::yield() noexcept {
  base::fail("a task does not yield by its driver", __FILE__, __LINE__);
}

// ---- waking -------------------------------------------------------------------------------------

void driver::post(resume_link& link) noexcept {
  ring::take_out(link);
  link.info |= info_posted;
  ready_.push(link);
}

void driver::resume(wait::waiter& w) noexcept {
  wait::waiter* mine = nullptr;
  {
    os::hold guard(lock_);
    post(w);
    if (sleeper_ != nullptr) {
      // Claimed under the lock: it leaves sleeper_ under the lock before its frame goes away.
      if (sleeper_->claim(wait::outcome::woken) == wait::claimed::parked) mine = sleeper_;
      sleeper_ = nullptr;
    }
  }
  // The driver may be gone; its unit's waiter stays until it is resumed.
  if (mine != nullptr) mine->resume();
}

bool driver::posted(const resume_link& link) noexcept {
  os::hold guard(lock_);
  return (link.info & info_posted) != 0;
}

void driver::post_yield(resume_link& link) noexcept {
  yielded_ = true;
  os::hold guard(lock_);
  link.info = slot_mask | info_posted;
  ready_.push(link);
}

void driver::fire_timers() noexcept {
  if (timers_ == nullptr || timers_->empty()) return;
  if (timers_->next() > now_ && (now_ = base::now_ns()) < timers_->next()) return;
  timers_->advance(now_, [this](coroutines::timer& t) {
    resume_link& link = *static_cast<timer&>(t).of;
    os::hold guard(lock_);
    if ((link.info & info_posted) != 0) return;
    if ((link.info & info_wait) != 0 &&
        static_cast<wait::waiter&>(link).claim(wait::outcome::timed_out) != wait::claimed::parked)
      return;  // a waker was first and is about to post it
    post(link);
  });
}

void driver::add_timer(timer& t) {
  if (timers_ == nullptr) timers_ = std::make_unique<coroutines::timer_wheel>();
  timers_->insert(t, now_);
}

void driver::cancel(timer& t) noexcept {
  if (t.armed()) timers_->cancel(t);
}

// ---- stopping -----------------------------------------------------------------------------------

void driver::end_all(scope& which) noexcept {
  which.stopped = true;
  for (resume_link* link = which.parked.first(); link != which.parked.end();) {
    resume_link* const after = link->next;
    if ((link->info & info_shielded) == 0) {
      if ((link->info & info_wait) == 0) {
        link->info |= info_stopped;
        post(*link);
      } else if (static_cast<wait::waiter*>(link)->claim(wait::outcome::stopped) ==
                 wait::claimed::parked) {
        post(*link);
      }
    }
    link = after;
  }
  for (scope* c = which.children; c != nullptr; c = c->next) end_all(*c);
}

void driver::stop(scope& which) noexcept {
  os::hold guard(lock_);
  end_all(which);
}

bool driver::must_stop(scope& of) noexcept {
  if (stoppable_ && !root_.stopped) {
    // A deadline of the unit that passes while it computes comes as a bit too, by the alarm.
    if (wait::stop_wanted(*unit_)) stop(root_);
  }
  return of.stopped;
}

void driver::throw_stopped() const {
  if (root_.stopped) wait::throw_stopped(unit_);
  throw cancelled();
}

// ---- the registry -------------------------------------------------------------------------------

void driver::enter(resume_link& link, detail::promise_base& who, std::coroutine_handle<> frame,
                   std::uint32_t info, observe::reason why, const void* object) noexcept {
  if ((++parks_ & 255) == 0) now_ = base::now_ns();
  observe::slot* const slot = observe::enter(unit_kind::coroutine, id_, "task", &who.where);
  constexpr auto relaxed = std::memory_order_relaxed;
  slot->why.store(why, relaxed);
  slot->object.store(object, relaxed);
  slot->since.store(now_, relaxed);
  slot->where.store(where_, relaxed);
  slot->parks.store(1, relaxed);
  slot->now.store(observe::state::parked, relaxed);
  const auto index = static_cast<std::uint64_t>(slot - observe::slots());
  // The slot of those who found the registry full is none of its slots.
  link.info = info | static_cast<std::uint32_t>(index < observe::slot_count ? index : slot_mask);
  link.frame = frame.address();
  ++waiting_;
  os::hold guard(lock_);
  static_cast<scope*>(who.scope)->parked.push(link);
}

void driver::leave_registry(resume_link& link) noexcept {
  --waiting_;
  const std::uint32_t index = link.info & slot_mask;
  link.info = 0;
  link.frame = nullptr;
  if (index != slot_mask) observe::leave(const_cast<observe::slot*>(observe::slots()) + index);
}

void driver::leave(resume_link& link) noexcept {
  {
    os::hold guard(lock_);
    ring::take_out(link);
  }
  leave_registry(link);
}

// ---- groups -------------------------------------------------------------------------------------

void driver::start(detail::task_group& group) noexcept {
  detail::driver_access::below(group) = starting_;
  starting_ = &group;
}

void driver::drop(detail::task_group& group) noexcept {
  for (detail::task_group** g = &starting_; *g != nullptr; g = &detail::driver_access::below(**g)) {
    if (*g == &group) {
      *g = detail::driver_access::below(group);
      return;
    }
  }
}

}  // namespace trine::tasks

namespace trine::detail {

using tasks::driver;

std::coroutine_handle<> driver_access::start_next(task_group& g) noexcept {
  const task_group::child c = g.get_(g.tasks_, g.started_++);
  ++g.left_;
  c.promise->after = reinterpret_cast<std::uintptr_t>(&g) | promise_base::group_bit;
  c.promise->scope = &scope_of(g);
  return c.frame;
}

std::coroutine_handle<> driver_access::child_ended(task_group& g, promise_base& child) noexcept {
  auto& home = static_cast<driver&>(*scope_of(g).home);
  --g.left_;
  if (g.decided_by_ == task_group::none && (g.first_only_ || child.failed())) {
    for (std::size_t i = 0; i < g.started_; ++i) {
      if (g.get_(g.tasks_, i).promise == &child) g.decided_by_ = i;
    }
    // Those that have not begun never do.
    if (g.started_ != g.count_) {
      home.drop(g);
      g.count_ = g.started_;
    }
    if (g.left_ != 0) home.stop(scope_of(g));
  }
  if (g.left_ != 0 || g.started_ != g.count_) return std::noop_coroutine();
  return home.transfer(g.parent_);
}

task_group::task_group(promise_base& parent, void* tasks, std::size_t count, child_of get,
                       bool first_only) noexcept
    : tasks_(tasks), count_(count), get_(get), first_only_(first_only) {
  new (driver_access::scope_memory(*this))
      tasks::scope(tasks::home_of(parent), static_cast<tasks::scope&>(*parent.scope));
}

task_group::~task_group() {
  tasks::scope& mine = driver_access::scope_of(*this);
  if (started_ != count_) static_cast<driver*>(mine.home)->drop(*this);
  mine.~scope();
}

void task_group::begin(std::coroutine_handle<> parent) noexcept {
  parent_ = parent;
  static_cast<driver*>(driver_access::scope_of(*this).home)->start(*this);
}

std::coroutine_handle<> task_ended(promise_base& promise) noexcept {
  if ((promise.after & promise_base::root) != 0) {
    tasks::home_of(promise).root_ended();
    return std::noop_coroutine();
  }
  auto* const group = reinterpret_cast<task_group*>(promise.after & ~promise_base::bits);
  return driver_access::child_ended(*group, promise);
}

void drive(std::coroutine_handle<> frame, promise_base& promise) {
  driver d;
  try {
    d.run(frame, promise);
  } catch (...) {
    frame.destroy();  // while its home exists
    throw;
  }
}

void throw_task_empty() {
  throw usage_error(
      "trine: this task holds nothing; it was moved from, or never given a coroutine");
}

void throw_task_used() {
  throw usage_error(
      "trine: this task has been started already; a task can be awaited once, keep its result");
}

}  // namespace trine::detail
