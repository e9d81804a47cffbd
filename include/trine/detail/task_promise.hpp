// What every task's frame begins with, and how control passes between frames. No promises to users.
//
// Tasks run on their driver (src/task/driver.hpp), which lives on the stack of the unit that called
// get(): a task is resumed there and nowhere else. A frame passes control to another by symmetric
// transfer. g++ makes that a jump only from -O2 on and without sanitizers; elsewhere it is a call,
// and the stack grows. So every few transfers control goes back to the driver's loop, which goes
// on from there: the depth is bounded however the program was compiled.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <source_location>

namespace trine::detail {

// The part of a driver that headers know.
class task_home {
 public:
  // What await_suspend returns to go on with `to`.
  std::coroutine_handle<> transfer(std::coroutine_handle<> to) noexcept {
    if (++transfers_ < most_transfers) return to;
    next_ = to;
    return std::noop_coroutine();
  }

 protected:
  static constexpr unsigned most_transfers = 16;
  std::coroutine_handle<> next_{};
  unsigned transfers_ = 0;
};

// Tasks that are stopped together: a unit's, or the children of one when_all or when_any.
struct task_scope {
  task_home* home;
};

class task_group;

// What a task may await: its own kind only, because it must be resumed on its home.
struct task_awaiter {};

struct promise_base {
  explicit promise_base(const std::source_location& place) noexcept : where(place) {}
  promise_base(const promise_base&) = delete;
  promise_base& operator=(const promise_base&) = delete;
  ~promise_base() {
    if (failed()) error.~exception_ptr();
  }
  void unhandled_exception() noexcept {
    new (&error) std::exception_ptr(std::current_exception());
    after |= failed_bit;
  }
  bool failed() const noexcept { return (after & failed_bit) != 0; }

  // Who goes on after this one: the frame of the task that awaits it; with group_bit, a task_group;
  // `root` for the one that get() waits for; 0 before it was started. And how it ended.
  std::uintptr_t after = 0;
  task_scope* scope = nullptr;
  // A million tasks may wait at once: 8 bytes are 8 MB.
  union {
    std::source_location where;  // until it ends
    std::exception_ptr error;    // when it failed
  };

  static constexpr std::uintptr_t group_bit = 1;
  static constexpr std::uintptr_t root = 2;
  static constexpr std::uintptr_t failed_bit = 4;
  static constexpr std::uintptr_t value_bit = 8;  // it has a value to destroy
  static constexpr std::uintptr_t bits = 15;      // frames and groups are aligned to 16
};

// Runs the task to its end on the calling unit, which is parked whenever all its tasks wait. When
// it cannot end, destroys the frame and throws usage_error.
void drive(std::coroutine_handle<> frame, promise_base& promise);
// At the end of a task whose `after` is no frame.
std::coroutine_handle<> task_ended(promise_base& promise) noexcept;
[[noreturn]] void throw_task_empty();
[[noreturn]] void throw_task_used();

// Children that run at the same time on one home, and who waits for all of them. Lives in the frame
// of its coroutine.
class alignas(16) task_group {
 public:
  // One of its children, by number.
  struct child {
    std::coroutine_handle<> frame;
    promise_base* promise;
  };
  using child_of = child (*)(void* tasks, std::size_t index) noexcept;

  // `first_only`: as soon as one has ended the others are asked to stop. Otherwise that happens
  // when one fails.
  task_group(promise_base& parent, void* tasks, std::size_t count, child_of get,
             bool first_only) noexcept;
  ~task_group();
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  // co_await group: until every child that was started has ended.
  struct all_ended : task_awaiter {
    explicit all_ended(task_group& of) noexcept : group(&of) {}
    bool await_ready() const noexcept { return group->count_ == 0; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> parent) noexcept {
      group->begin(parent);
    }
    void await_resume() const noexcept {}
    task_group* group;
  };
  all_ended operator co_await() noexcept { return all_ended(*this); }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  // The child that ended first, or that failed first.
  std::size_t decided_by() const noexcept { return decided_by_; }

 private:
  friend class driver_access;
  void begin(std::coroutine_handle<> parent) noexcept;

  alignas(8) std::byte scope_[88];
  void* tasks_;
  std::size_t count_;
  child_of get_;
  std::size_t started_ = 0;
  std::size_t left_ = 0;
  std::size_t decided_by_ = none;
  task_group* below_ = nullptr;  // of the driver's stack of groups that are being started
  std::coroutine_handle<> parent_{};
  bool first_only_;
};

}  // namespace trine::detail
