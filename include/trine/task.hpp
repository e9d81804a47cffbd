// trine::task<T>: a coroutine of the language (stackless), for a great many tiny waits.
//
//   trine::task<int> twice(int n) {
//     co_await trine::co::sleep_for(1ms);                   // what can be awaited: trine/co.hpp
//     co_return 2 * n;
//   }
//   trine::task<int> both() { co_return co_await twice(1) + co_await twice(2); }
//
//   int a = both().get();                                   // from any function: blocks its unit
//   auto h = trine::spawn(trine::coroutine, both);          // as a unit of its own: handle<int>
//
// A task is lazy: it begins when it is awaited, or by get(). It runs on the unit that called get(),
// its home, and is never resumed elsewhere; so it needs no stack while it waits, and tasks of one
// home need no locks between their awaits. Whatever the home is, thread, coroutine or process, it
// is parked while all its tasks wait. When it is asked to stop, so are its tasks: what they await
// throws cancelled. To wait for several at once see trine/when.hpp.
//
// With g++ 12, write an `if` instead of `c ? co_await f(temporary) : …` inside a larger expression:
// it makes the temporaries of the branch before it looks at the condition. A handler (catch) cannot
// co_await; that is the language's rule.
//
// A task belongs to one unit; it may be moved to another before it starts. Destroying one that
// waits leaves the wait, runs its destructors and never continues who awaits it.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include <trine/detail/awaiter.hpp>
#include <trine/detail/task_promise.hpp>

namespace trine {

template <class T = void>
class task;

namespace detail {

// ---- the result, in the frame -------------------------------------------------------------------

template <class T>
struct task_result : promise_base {
  explicit task_result(const std::source_location& place) noexcept : promise_base(place) {}
  ~task_result() {
    if ((after & value_bit) != 0) std::destroy_at(&value_);
  }
  template <class U = T>
  requires std::constructible_from<T, U>
  void return_value(U&& value) {
    std::construct_at(&value_, std::forward<U>(value));
    after |= value_bit;
  }
  T take() {
    if (failed()) std::rethrow_exception(error);
    return std::move(value_);
  }

 private:
  union {
    T value_;
  };
};

template <class T>
struct task_result<T&> : promise_base {
  using promise_base::promise_base;
  void return_value(T& value) noexcept { value_ = std::addressof(value); }
  T& take() {
    if (failed()) std::rethrow_exception(error);
    return *value_;
  }

 private:
  T* value_ = nullptr;
};

template <>
struct task_result<void> : promise_base {
  using promise_base::promise_base;
  void return_void() const noexcept {}
  void take() {
    if (failed()) std::rethrow_exception(error);
  }
};

struct task_access {
  template <class T>
  static auto fresh(const task<T>& t) {
    return t.fresh();
  }
  template <class T>
  static auto frame(const task<T>& t) noexcept {
    return t.frame_;
  }
};

struct task_end {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
    promise_base& p = ended.promise();
    if ((p.after & (promise_base::group_bit | promise_base::root)) != 0) return task_ended(p);
    return p.scope->home->transfer(
        std::coroutine_handle<>::from_address(reinterpret_cast<void*>(p.after & ~p.bits)));
  }
  void await_resume() const noexcept {}
};

// The awaiter of what a task awaits.
template <class A>
decltype(auto) awaiter_of(A&& a) {
  if constexpr (requires { static_cast<A&&>(a).operator co_await(); }) {
    return static_cast<A&&>(a).operator co_await();
  } else if constexpr (requires { operator co_await(static_cast<A&&>(a)); }) {
    return operator co_await(static_cast<A&&>(a));
  } else {
    return (a);
  }
}

}  // namespace detail

template <class T>
class [[nodiscard]] task {
 public:
  class promise_type;

  task() noexcept = default;
  task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~task() {
    if (frame_) frame_.destroy();
  }

  // Runs the task to its end on the calling unit and returns its result, or throws what it threw.
  // Blocks; once only. Throws usage_error when the task is empty or has been started.
  T get() {
    const frame mine = fresh();
    frame_ = nullptr;
    detail::drive(mine, mine.promise());
    frame_ = mine;
    return mine.promise().take();
  }

  // co_await task: runs it as part of the awaiting task; its result, or throws what it threw. Once
  // only; throws usage_error as get().
  auto operator co_await() { return waits(fresh()); }

  // False when moved from or never given a coroutine.
  bool valid() const noexcept { return frame_ != nullptr; }
  // Whether it has run to its end.
  bool done() const noexcept { return frame_ && frame_.done(); }

 private:
  friend struct detail::task_access;
  using frame = std::coroutine_handle<promise_type>;

  class waits : public detail::task_awaiter {
   public:
    explicit waits(frame child) noexcept : child_(child) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
      detail::promise_base& mine = child_.promise();
      detail::promise_base& above = parent.promise();
      mine.after = reinterpret_cast<std::uintptr_t>(parent.address());
      mine.scope = above.scope;
      return above.scope->home->transfer(child_);
    }
    T await_resume() { return child_.promise().take(); }

   private:
    frame child_;
  };

  explicit task(frame f) noexcept : frame_(f) {}
  frame fresh() const {
    if (!frame_) detail::throw_task_empty();
    if (frame_.promise().after != 0) detail::throw_task_used();
    return frame_;
  }

  frame frame_ = nullptr;
};

template <class T>
class task<T>::promise_type final : public detail::task_result<T> {
 public:
  promise_type(const std::source_location& place = std::source_location::current()) noexcept
      : detail::task_result<T>(place) {}

  task get_return_object() noexcept { return task(frame::from_promise(*this)); }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  detail::task_end final_suspend() const noexcept { return {}; }
  template <class A>
  decltype(auto) await_transform(A&& a) {
    static_assert(
        std::derived_from<std::remove_cvref_t<decltype(detail::awaiter_of(std::forward<A>(a)))>,
                          detail::task_awaiter>,
        "trine: a task can await a task, a handle, and what trine/co.hpp offers; anything "
        "else could resume it on another thread than its home");
    return detail::awaiter_of(std::forward<A>(a));
  }
};

}  // namespace trine
