// The waits of tasks: what `co_await` on a primitive is made of. No promises to users.
//
// A primitive is written once, over wait::waiter (src/wait/waiter.hpp). Its blocking call is
//   enter the waiter in the list, or take at once what is there  →  waiter::wait()  →  look how it
//   ended
// and its co_await form does the same without the middle step, which is the driver's:
//
//   const task_wait_ops lock_ops = {begin, leave, undo, reason::mutex, false};   // in src/task/
//   class lock_awaiter : task_wait, public task_awaiter {                        // in a header
//     bool await_ready() { return m_.try_lock(); }
//     template <class P> bool await_suspend(std::coroutine_handle<P> h) {
//       return suspend(h.promise(), h, lock_ops, &m_);
//     }
//     void await_resume() { finish(lock_ops, &m_); }
//     ~lock_awaiter() { abandon(lock_ops, &m_); }
//   };
//
// A waker claims and resumes such a waiter as any other: the waiter's scheduler is the driver. So a
// primitive that offers `begin` and `leave` serves threads, stackful coroutines and tasks alike.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <trine/detail/task_promise.hpp>

namespace trine::observe {
enum class reason : std::uint8_t;
}
namespace trine::wait {
class waiter;
}

namespace trine::detail {

struct core;

struct task_wait_ops {
  // Takes at once what is wanted and returns false, or makes w known to wakers and returns true.
  bool (*begin)(void* object, wait::waiter& w);
  // Makes w unknown again, if no waker has; after it none touches w.
  void (*leave)(void* object, wait::waiter& w) noexcept;
  // Gives back what a waker had given, when the task was destroyed before it could go on. May be
  // null.
  void (*undo)(void* object, wait::waiter& w) noexcept;
  observe::reason why;
  // Whether a stop request ends it.
  bool stoppable;
};

// One wait; lives in the frame of the task that waits, for one co_await. The task's home only.
class task_wait {
 public:
  task_wait() noexcept;
  task_wait(const task_wait&) = delete;
  task_wait& operator=(const task_wait&) = delete;

 protected:
  ~task_wait() = default;  // see abandon()

  // False: it need not wait. Throws what ops.begin throws, and usage_error outside a task.
  bool suspend(promise_base& who, std::coroutine_handle<> frame, const task_wait_ops& ops,
               void* object);
  // Called once when the task goes on: true when a waker ended the wait (or there was none), false
  // at the deadline. Throws cancelled or timed_out when it was stopped.
  bool finish(const task_wait_ops& ops, void* object);
  // For the destructor: leaves the wait of a task that is destroyed before it went on.
  void abandon(const task_wait_ops& ops, void* object) noexcept;

  wait::waiter& waiter() noexcept { return *reinterpret_cast<wait::waiter*>(storage_); }

 private:
  friend class timed_task_wait;
  bool enter(promise_base& who, std::coroutine_handle<> frame, const task_wait_ops& ops,
             void* object, void* timer, std::int64_t deadline);

  alignas(8) std::byte storage_[72];
};

// The same with a deadline.
class timed_task_wait : public task_wait {
 protected:
  bool suspend(promise_base& who, std::coroutine_handle<> frame, const task_wait_ops& ops,
               void* object, std::int64_t deadline);
  bool finish(const task_wait_ops& ops, void* object);
  void abandon(const task_wait_ops& ops, void* object) noexcept;

 private:
  alignas(8) std::byte timer_[32];
};

// A task's wait for the end of a unit.
class join_wait : public task_wait {
 protected:
  bool begin(promise_base& who, std::coroutine_handle<> frame, core* unit);
  void end(core* unit);
  void leave(core* unit) noexcept;
};

// A sleep: nobody but the driver wakes it.
class sleep_wait : public task_awaiter {
 public:
  explicit sleep_wait(std::int64_t deadline) noexcept;
  sleep_wait(const sleep_wait&) = delete;
  sleep_wait& operator=(const sleep_wait&) = delete;
  ~sleep_wait();

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) {
    return suspend(frame.promise(), frame);
  }
  void await_resume() { finish(); }

 private:
  bool suspend(promise_base& who, std::coroutine_handle<> frame);
  void finish();

  alignas(8) std::byte storage_[72];
};

// Lets the other tasks of the home go on first, then other units.
class yield_wait : public task_awaiter {
 public:
  yield_wait() noexcept;
  yield_wait(const yield_wait&) = delete;
  yield_wait& operator=(const yield_wait&) = delete;
  ~yield_wait();

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
    suspend(frame.promise(), frame);
  }
  void await_resume() const noexcept {}

 private:
  void suspend(promise_base& who, std::coroutine_handle<> frame) noexcept;

  alignas(8) std::byte storage_[40];
};

}  // namespace trine::detail
