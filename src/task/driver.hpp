// The driver: runs the tasks of one unit, on that unit's stack.
//
// get() of a task makes one. It resumes frames as plain calls; when every one of them waits, it
// parks the unit itself, by one waiter. So a task's home is a unit, not a worker: tasks work on any
// thread and in any kind of unit, a stop request of the unit is one of its tasks, and a blocking
// call inside a task parks the stack that drives it, with all tasks on it.
//
// A suspended task is a link: the scheduler's part of its waiter (or of its sleep).
//
//   parked ──a waker, the clock or a stop──▶ ready ──taken by the driver──▶ batch ──▶ runs
//
// Wakers are any thread, so `ready`, the rings of parked links and what hangs on them are guarded
// by lock_. A waker's last touch of the driver is the release of that lock; the driver takes it
// before it can go on with what the waker has posted, and so before it can go away. The unit's own
// waiter is claimed under the lock and resumed after it, as in every primitive.
//
// Memory: a parked task has a slot of the registry, a link of 72 bytes in its frame, and nothing
// else. Timers lie in a wheel that is made when a task first sleeps.
#pragma once

#include <cstddef>
#include <memory>

#include <trine/detail/awaiter.hpp>
#include <trine/detail/task_promise.hpp>

#include "coroutine/timer_wheel.hpp"
#include "os/lock.hpp"
#include "wait/waiter.hpp"

namespace trine::tasks {

using wait::resume_link;

// A ring of links; its head is a link too, so that taking one out needs no head.
class ring {
 public:
  ring() noexcept { head_.next = head_.previous = &head_; }
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  bool empty() const noexcept { return head_.next == &head_; }
  resume_link* first() noexcept { return head_.next; }
  const resume_link* end() const noexcept { return &head_; }
  void push(resume_link& link) noexcept {
    link.previous = head_.previous;
    link.next = &head_;
    head_.previous->next = &link;
    head_.previous = &link;
  }
  static void take_out(resume_link& link) noexcept {
    link.previous->next = link.next;
    link.next->previous = link.previous;
  }
  // Appends all of `other`, which is empty after.
  void take_all(ring& other) noexcept {
    if (other.empty()) return;
    other.head_.next->previous = head_.previous;
    head_.previous->next = other.head_.next;
    other.head_.previous->next = &head_;
    head_.previous = other.head_.previous;
    other.head_.next = other.head_.previous = &other.head_;
  }

 private:
  resume_link head_;
};

// resume_link::info of a task's link
inline constexpr std::uint32_t slot_mask = 0xffffff;  // its slot in the registry; all ones: none
inline constexpr std::uint32_t info_wait = 1U << 24;  // a waiter; else a sleep
inline constexpr std::uint32_t info_shielded = 1U << 25;  // a stop request does not end it
inline constexpr std::uint32_t info_posted = 1U << 26;    // it has left its ring of parked ones
inline constexpr std::uint32_t info_stopped = 1U << 27;   // of a sleep: that is how it ended

class driver;

// Tasks that are stopped together. The rings are guarded by the driver's lock.
struct scope : detail::task_scope {
  explicit scope(driver& d) noexcept;
  scope(driver& d, scope& above) noexcept;
  ~scope();
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  ring parked;
  scope* parent = nullptr;
  scope* children = nullptr;
  scope* next = nullptr;  // of its parent's children
  scope* previous = nullptr;
  bool stopped = false;  // the home's
};

struct timer : coroutines::timer {
  resume_link* of = nullptr;
};

struct sleep_link : resume_link {
  driver* home = nullptr;
  timer due;
};

// The waiter of a task: its links are in the ring of its scope.
using task_waiter = wait::waiter;

class driver final : public detail::task_home, public wait::scheduler {
 public:
  driver() noexcept;
  ~driver();
  driver(const driver&) = delete;
  driver& operator=(const driver&) = delete;

  // Until the root has ended. Throws usage_error when it never can.
  void run(std::coroutine_handle<> root, detail::promise_base& promise);
  void root_ended() noexcept { done_ = true; }

  // wait::scheduler: a waker's. Any thread.
  void resume(wait::waiter& w) noexcept override;
  // A task never calls these.
  void park(wait::waiter& w, std::int64_t deadline) noexcept override;
  void yield() noexcept override;

  // All others: the home's.
  void start(detail::task_group& group) noexcept;
  void drop(detail::task_group& group) noexcept;
  void stop(scope& which) noexcept;
  // Whether a wait in this scope must end at once.
  bool must_stop(scope& of) noexcept;
  // What a stopped wait throws.
  [[noreturn]] void throw_stopped() const;

  void enter(resume_link& link, detail::promise_base& who, std::coroutine_handle<> frame,
             std::uint32_t info, observe::reason why, const void* object) noexcept;
  // Undoes enter(); of a link that was not posted too.
  void leave(resume_link& link) noexcept;
  void leave_registry(resume_link& link) noexcept;
  void add_timer(timer& t);
  void cancel(timer& t) noexcept;
  void post_yield(resume_link& link) noexcept;
  // Under the lock.
  bool posted(const resume_link& link) noexcept;
  os::lock& lock() noexcept { return lock_; }

 private:
  friend struct scope;
  static constexpr unsigned most_between_yields = 64;

  std::coroutine_handle<> choose();
  void refill();
  void sleep();
  void fire_timers() noexcept;
  void post(resume_link& link) noexcept;  // under the lock
  void end_all(scope& which) noexcept;    // under the lock

  detail::core* unit_;
  bool stoppable_;
  bool done_ = false;
  bool yielded_ = false;
  std::uint64_t id_;
  std::int32_t where_;
  unsigned resumed_ = 0;
  unsigned parks_ = 0;
  std::size_t waiting_ = 0;  // links that were entered and have not run again
  std::int64_t now_;
  detail::task_group* starting_ = nullptr;
  std::unique_ptr<coroutines::timer_wheel> timers_;
  ring batch_;

  os::lock lock_;
  ring ready_;
  wait::waiter* sleeper_ = nullptr;

  scope root_;
};

inline driver& home_of(const detail::promise_base& p) noexcept {
  return static_cast<driver&>(*p.scope->home);
}

}  // namespace trine::tasks

namespace trine::detail {

// How this layer reaches what a group keeps to itself.
class driver_access {
 public:
  static tasks::scope& scope_of(task_group& g) noexcept {
    return *reinterpret_cast<tasks::scope*>(g.scope_);
  }
  static void* scope_memory(task_group& g) noexcept {
    static_assert(sizeof(tasks::scope) <= sizeof(g.scope_));
    return g.scope_;
  }
  static task_group*& below(task_group& g) noexcept { return g.below_; }
  static bool all_started(const task_group& g) noexcept { return g.started_ == g.count_; }
  static std::coroutine_handle<> start_next(task_group& g) noexcept;
  static std::coroutine_handle<> child_ended(task_group& g, promise_base& child) noexcept;
};

}  // namespace trine::detail
