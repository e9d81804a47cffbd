// promise, future, shared_future, packaged_task and async: results that any unit may wait for.
//
//   trine::promise<int> answer;
//   trine::future<int> f = answer.get_future();
//   … in another unit: answer.set_value(42);
//   int n = f.get();                           // parks only the unit that waits
//   auto g = trine::async(load, "file");       // a coroutine; trine::async(trine::thread, …): a
//   thread
//
// The members are those of std's; future_status, future_errc, future_error and launch are std's
// own. Promise and future may belong to different units, threads and kinds of them, but one
// process.
//
// wait(), get() and the timed waits end with `cancelled` (or timed_out) when the calling unit is
// asked to stop (or its own deadline passes) while it waits; the future is as before then. Not so
// while an exception unwinds. All who wait are woken together, in the order in which they came. The
// promise may be destroyed as soon as the future is ready, even if set_value has not returned.
//
// async(f, …) and async(std::launch::async, f, …) run f as a coroutine; as a rule that is what
// std::launch::async | deferred does too, and if no unit can be had it is deferred. f may block in
// any call of Trine; where it would block its OS thread, ask for async(trine::thread, f, …). The
// destructor of the last future of an async waits for f, without asking it to stop, and is never
// interrupted. A deferred f runs on the first unit that waits. For a process use trine::spawn.
//
// *_at_thread_exit becomes ready when the unit ends, after its function's variables and arguments;
// on a thread that Trine did not make, after that thread's thread_locals.
#pragma once

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

#include <trine/detail/async_state.hpp>
#include <trine/detail/future_state.hpp>
#include <trine/spawn.hpp>

namespace trine {

using std::future_category;
using std::future_errc;
using std::future_error;
using std::future_status;
using std::launch;

template <class R>
class future;
template <class R>
class shared_future;

namespace detail {

struct future_access;

// What future and shared_future have in common.
template <class R>
class future_base {
 public:
  // False when it was default constructed or moved from, and for a future after get().
  bool valid() const noexcept { return static_cast<bool>(state_); }
  // Park the calling unit until the result is there. All throw std::future_error (no_state) on one
  // that is not valid.
  void wait() const { state_.checked()->wait(); }
  template <class Rep, class Period>
  std::future_status wait_for(const std::chrono::duration<Rep, Period>& span) const {
    return state_.checked()->wait(limit(span));
  }
  template <class Clock, class Duration>
  std::future_status wait_until(const std::chrono::time_point<Clock, Duration>& when) const {
    return state_.checked()->wait(limit(when));
  }

 protected:
  friend struct wait_access;

  future_base() noexcept = default;
  explicit future_base(state_reference<value_state<R>> state) noexcept : state_(std::move(state)) {}

  state_reference<value_state<R>> state_;
};

}  // namespace detail

template <class R>
class future : public detail::future_base<R> {
 public:
  future() noexcept = default;
  future(future&& other) noexcept = default;
  future(const future&) = delete;
  future& operator=(future&& other) noexcept {
    this->state_ = std::move(other.state_);
    return *this;
  }
  future& operator=(const future&) = delete;
  ~future() = default;

  // Waits; returns the result, by move, or throws the exception. Not valid after, unless the wait
  // was interrupted.
  R get() {
    this->state_.checked()->wait();
    const auto state = std::move(this->state_);
    if constexpr (std::is_void_v<R> || std::is_reference_v<R>) {
      return state->get();
    } else {
      return std::move(state->get());
    }
  }
  shared_future<R> share() noexcept { return shared_future<R>(std::move(*this)); }

 private:
  friend struct detail::future_access;
  friend class shared_future<R>;
  explicit future(detail::state_reference<detail::value_state<R>> state) noexcept
      : detail::future_base<R>(std::move(state)) {}
};

// As future, but it may be copied, and get() any number of times; each copy belongs to one thread
// at a time.
template <class R>
class shared_future : public detail::future_base<R> {
 public:
  shared_future() noexcept = default;
  shared_future(const shared_future&) noexcept = default;
  shared_future(shared_future&&) noexcept = default;
  shared_future(future<R>&& other) noexcept : detail::future_base<R>(std::move(other.state_)) {}
  shared_future& operator=(const shared_future& other) noexcept {
    this->state_ = other.state_;
    return *this;
  }
  shared_future& operator=(shared_future&& other) noexcept {
    this->state_ = std::move(other.state_);
    return *this;
  }
  ~shared_future() = default;

  // const R&, R& for a shared_future<R&>, or void.
  std::add_lvalue_reference_t<std::add_const_t<R>> get() const {
    this->state_.checked()->wait();
    return this->state_->get();
  }
};

namespace detail {

struct future_access {
  template <class R, class State>
  static future<R> make(state_reference<State>& state) {
    state.checked()->retrieve();
    state->retain();
    return future<R>(state_reference<value_state<R>>(state.get()));
  }
  // Takes over a reference.
  template <class R>
  static future<R> adopt(value_state<R>* state) noexcept {
    return future<R>(state_reference<value_state<R>>(state));
  }
};

template <class R>
class promise_common {
 public:
  promise_common(promise_common&&) noexcept = default;
  // Throws std::future_error: future_already_retrieved, or no_state after a move.
  future<R> get_future() { return future_access::make<R>(state_); }
  // Throw promise_already_satisfied or no_state.
  void set_exception(std::exception_ptr error) {
    state_.checked()->set_error(false, std::move(error));
  }
  void set_exception_at_thread_exit(std::exception_ptr error) {
    state_.checked()->set_error(true, std::move(error));
  }

 protected:
  using state = promise_state<R>;

  promise_common() : promise_common(std::allocator_arg, std::allocator<char>()) {}
  template <class Allocator>
  promise_common(std::allocator_arg_t, const Allocator& with)
      : state_(allocated_state<state, Allocator>::make(with)) {}
  ~promise_common() {
    if (state_) state_->abandon();
  }
  void assign(promise_common&& other) noexcept {
    if (this == &other) return;
    if (state_) state_->abandon();
    state_ = std::move(other.state_);
  }
  void exchange(promise_common& other) noexcept { std::swap(state_, other.state_); }

  state_reference<state> state_;
};

}  // namespace detail

// The writing end. When it goes away unsatisfied its future throws broken_promise. Any thread may
// set it; the second one to do so gets promise_already_satisfied.
template <class R>
class promise : public detail::promise_common<R> {
  using base = detail::promise_common<R>;

 public:
  promise() = default;
  template <class Allocator>
  promise(std::allocator_arg_t tag, const Allocator& with) : base(tag, with) {}
  promise(promise&& other) noexcept = default;
  promise(const promise&) = delete;
  promise& operator=(promise&& other) noexcept {
    this->assign(std::move(other));
    return *this;
  }
  promise& operator=(const promise&) = delete;
  ~promise() = default;
  void swap(promise& other) noexcept { this->exchange(other); }

  // Never wait. When the value's constructor throws, that leaves here and nothing is set.
  void set_value(const R& value) { this->state_.checked()->set(false, value); }
  void set_value(R&& value) { this->state_.checked()->set(false, std::move(value)); }
  void set_value_at_thread_exit(const R& value) { this->state_.checked()->set(true, value); }
  void set_value_at_thread_exit(R&& value) { this->state_.checked()->set(true, std::move(value)); }
};

template <class R>
class promise<R&> : public detail::promise_common<R&> {
  using base = detail::promise_common<R&>;

 public:
  promise() = default;
  template <class Allocator>
  promise(std::allocator_arg_t tag, const Allocator& with) : base(tag, with) {}
  promise(promise&& other) noexcept = default;
  promise(const promise&) = delete;
  promise& operator=(promise&& other) noexcept {
    this->assign(std::move(other));
    return *this;
  }
  promise& operator=(const promise&) = delete;
  ~promise() = default;
  void swap(promise& other) noexcept { this->exchange(other); }

  void set_value(R& value) { this->state_.checked()->set(false, value); }
  void set_value_at_thread_exit(R& value) { this->state_.checked()->set(true, value); }
};

template <>
class promise<void> : public detail::promise_common<void> {
  using base = detail::promise_common<void>;

 public:
  promise() = default;
  template <class Allocator>
  promise(std::allocator_arg_t tag, const Allocator& with) : base(tag, with) {}
  promise(promise&& other) noexcept = default;
  promise(const promise&) = delete;
  promise& operator=(promise&& other) noexcept {
    this->assign(std::move(other));
    return *this;
  }
  promise& operator=(const promise&) = delete;
  ~promise() = default;
  void swap(promise& other) noexcept { this->exchange(other); }

  void set_value() { this->state_.checked()->set(false); }
  void set_value_at_thread_exit() { this->state_.checked()->set(true); }
};

template <class R>
void swap(promise<R>& a, promise<R>& b) noexcept {
  a.swap(b);
}

// A callable whose result goes to a future.
template <class Signature>
class packaged_task;

template <class R, class... A>
class packaged_task<R(A...)> {
  using state = detail::task_state<R(A...)>;

 public:
  packaged_task() noexcept = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, packaged_task>) explicit packaged_task(F&& f)
      : packaged_task(std::allocator_arg, std::allocator<char>(), std::forward<F>(f)) {}
  template <class F, class Allocator>
  requires(!std::is_same_v<std::remove_cvref_t<F>, packaged_task>)
      packaged_task(std::allocator_arg_t, const Allocator& with, F&& f)
      : state_(detail::allocated_state<detail::task_state_of<std::decay_t<F>, Allocator, R(A...)>,
                                       Allocator>::make(with, with, std::forward<F>(f))) {
    static_assert(std::is_invocable_r_v<R, std::decay_t<F>&, A...>,
                  "trine: the callable of a packaged_task takes other arguments or returns "
                  "another type");
  }
  packaged_task(packaged_task&& other) noexcept = default;
  packaged_task(const packaged_task&) = delete;
  packaged_task& operator=(packaged_task&& other) noexcept {
    packaged_task(std::move(other)).swap(*this);
    return *this;
  }
  packaged_task& operator=(const packaged_task&) = delete;
  ~packaged_task() {
    if (state_) state_->abandon();
  }
  void swap(packaged_task& other) noexcept { std::swap(state_, other.state_); }
  bool valid() const noexcept { return static_cast<bool>(state_); }

  // Throws std::future_error: future_already_retrieved or no_state.
  future<R> get_future() { return detail::future_access::make<R>(state_); }
  // Calls it; what it returns or throws goes to the future. Throws promise_already_satisfied the
  // second time, no_state when it is not valid.
  void operator()(A... a) { state_.checked()->call(false, std::forward<A>(a)...); }
  void make_ready_at_thread_exit(A... a) { state_.checked()->call(true, std::forward<A>(a)...); }
  // A new future for the same callable; the old one, if not ready, has a broken promise.
  void reset() {
    state* const fresh = state_.checked()->renew();
    state_->abandon();
    state_ = detail::state_reference<state>(fresh);
  }

 private:
  detail::state_reference<state> state_;
};

template <class R, class... A>
void swap(packaged_task<R(A...)>& a, packaged_task<R(A...)>& b) noexcept {
  a.swap(b);
}

namespace detail {

// The signature of a callable object with one call operator.
template <class Operator>
struct signature_of {};
template <class R, class F, bool N, class... A>
struct signature_of<R (F::*)(A...) noexcept(N)> {
  using type = R(A...);
};
template <class R, class F, bool N, class... A>
struct signature_of<R (F::*)(A...) const noexcept(N)> {
  using type = R(A...);
};
template <class R, class F, bool N, class... A>
struct signature_of<R (F::*)(A...)& noexcept(N)> {
  using type = R(A...);
};
template <class R, class F, bool N, class... A>
struct signature_of<R (F::*)(A...) const& noexcept(N)> {
  using type = R(A...);
};

template <class F, class... A>
using async_result = std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>;

template <class Unit, class F, class... A>
future<async_result<F, A...>> async_on(const Unit& unit, bool may_defer, F&& f, A&&... a) {
  using R = async_result<F, A...>;
  using state = call_state<R, std::decay_t<F>, std::decay_t<A>...>;
  auto* const made = allocated_state<state, std::allocator<char>>::make(
      std::allocator<char>(), false, std::forward<F>(f), std::forward<A>(a)...);
  try {
    spawn(unit, [made] { made->run(); }).detach();
  } catch (const std::system_error&) {
    if (may_defer) {
      made->run_later();
    } else {
      made->never_started();
      made->release();
      throw;
    }
  } catch (...) {
    made->never_started();
    made->release();
    throw;
  }
  return future_access::adopt<R>(made);
}

}  // namespace detail

template <class R, class... A>
packaged_task(R (*)(A...)) -> packaged_task<R(A...)>;
template <class R, class... A>
packaged_task(R (*)(A...) noexcept) -> packaged_task<R(A...)>;
template <class F, class Signature = typename detail::signature_of<decltype(&F::operator())>::type>
packaged_task(F) -> packaged_task<Signature>;

// Calls f(a...) with copies of f and a. Throws std::system_error when `policy` is launch::async
// alone and no unit can be had, std::bad_alloc, or what the copies throw.
template <class F, class... A>
[[nodiscard]] future<detail::async_result<F, A...>> async(std::launch policy, F&& f, A&&... a) {
  using R = detail::async_result<F, A...>;
  if ((policy & std::launch::async) == std::launch::async)
    return detail::async_on(coroutine, (policy & std::launch::deferred) == std::launch::deferred,
                            std::forward<F>(f), std::forward<A>(a)...);
  using state = detail::call_state<R, std::decay_t<F>, std::decay_t<A>...>;
  return detail::future_access::adopt<R>(detail::allocated_state<state, std::allocator<char>>::make(
      std::allocator<char>(), true, std::forward<F>(f), std::forward<A>(a)...));
}
template <class F, class... A>
requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>...>
[[nodiscard]] future<detail::async_result<F, A...>> async(F&& f, A&&... a) {
  // Qualified: std::async takes a std::launch too.
  return trine::async(std::launch::async | std::launch::deferred, std::forward<F>(f),
                      std::forward<A>(a)...);
}
// On a unit of choice.
template <class F, class... A>
[[nodiscard]] future<detail::async_result<F, A...>> async(detail::at<thread_unit> unit, F&& f,
                                                          A&&... a) {
  return detail::async_on(unit, false, std::forward<F>(f), std::forward<A>(a)...);
}
template <class F, class... A>
[[nodiscard]] future<detail::async_result<F, A...>> async(detail::at<coroutine_unit> unit, F&& f,
                                                          A&&... a) {
  return detail::async_on(unit, false, std::forward<F>(f), std::forward<A>(a)...);
}

}  // namespace trine

// They take an allocator for their state.
template <class R, class Allocator>
struct std::uses_allocator<trine::promise<R>, Allocator> : std::true_type {};
