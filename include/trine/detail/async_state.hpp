// The states of packaged_task and async. No promises to users.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <trine/detail/future_state.hpp>

namespace trine::detail {

template <class Signature>
class task_state;

// A packaged_task's: called by the task, read by its future.
template <class R, class... A>
class task_state<R(A...)> : public value_state<R> {
 public:
  virtual void call(bool at_exit, A... a) = 0;
  // A new state for the same callable, which is moved there.
  virtual task_state* renew() = 0;

 protected:
  void finish() noexcept {}
};

template <class F, class Allocator, class Signature>
class task_state_of;

template <class F, class Allocator, class R, class... A>
class task_state_of<F, Allocator, R(A...)> : public task_state<R(A...)> {
 public:
  template <class G>
  task_state_of(const Allocator& with, G&& g) : with_(with), function_(std::forward<G>(g)) {}

  void call(bool at_exit, A... a) override {
    this->begin();
    this->put_outcome([&]() -> R {
      if constexpr (std::is_void_v<R>) {
        std::invoke(function_, std::forward<A>(a)...);
      } else {
        return std::invoke(function_, std::forward<A>(a)...);
      }
    });
    this->publish(at_exit);
  }
  task_state<R(A...)>* renew() override {
    return allocated_state<task_state_of, Allocator>::make(with_, with_, std::move(function_));
  }

 private:
  [[no_unique_address]] Allocator with_;
  F function_;
};

// A call with its arguments, run by the unit that async started or by the first that waits.
template <class R, class F, class... A>
class call_state : public value_state<R> {
 public:
  template <class G, class... B>
  explicit call_state(bool deferred, G&& g, B&&... b)
      : call_(std::in_place, std::forward<G>(g), std::forward<B>(b)...), apart_(!deferred) {
    if (deferred) this->defer();
  }

  // Last it publishes; the state may be gone then.
  void run() noexcept override {
    this->put_outcome([this]() -> R {
      return std::apply(
          [](F& f, A&... a) -> R { return std::invoke(std::move(f), std::move(a)...); }, *call_);
    });
    // What it was called with ends here, before anyone sees the result. A reference may be to one
    // of its parts; then it lives as long as the state.
    if constexpr (!std::is_reference_v<R>) call_.reset();
    this->publish();
  }
  // When no unit could be had: the call is made by the first that waits, or never.
  void run_later() noexcept {
    apart_ = false;
    this->defer();
  }
  void never_started() noexcept { apart_ = false; }

 protected:
  // The last future waits for the unit.
  void finish() noexcept {
    if (apart_) this->wait_to_the_end();
  }

 private:
  std::optional<std::tuple<F, A...>> call_;
  bool apart_;
};

}  // namespace trine::detail
