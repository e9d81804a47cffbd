// What a promise, a packaged_task or async shares with its futures. No promises to users.
//
// The provider writes the value or the error between begin() and publish(); whoever has seen it
// ready may read both. publish() touches nothing of the provider, and of the state only until it is
// ready: whoever waits may then destroy either.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <trine/detail/deadline.hpp>
#include <trine/detail/fair.hpp>
#include <trine/detail/waiter_list.hpp>

namespace trine {

namespace sync {
struct future_queue;
}

namespace detail {

[[noreturn]] void throw_future_error(std::future_errc code);

class future_state {
 public:
  future_state() noexcept = default;
  future_state(const future_state&) = delete;
  future_state& operator=(const future_state&) = delete;

  void retain() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  // The last one destroys; acq_rel: what the others did with it is done before.
  void release() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  // The consumers' side.
  bool is_ready() const noexcept {
    // acquire: partner is the release in publish(); value and error are seen.
    return (word_.load(std::memory_order_acquire) & ready) != 0;
  }
  // Runs a deferred function here. Throws cancelled or timed_out, and is as before then.
  void wait() {
    fair_point();
    run_if_deferred();
    if (!is_ready()) wait_slow(limit(), true);
  }
  std::future_status wait(const limit& bound) {
    fair_point();
    if (is_deferred()) return std::future_status::deferred;
    return is_ready() || wait_slow(bound, true) ? std::future_status::ready
                                                : std::future_status::timeout;
  }
  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }
  // Throws future_already_retrieved the second time.
  void retrieve() {
    if (retrieved_.exchange(true, std::memory_order_relaxed))
      throw_future_error(std::future_errc::future_already_retrieved);
  }

  // The provider's side. begin() throws promise_already_satisfied when it was called before.
  void begin() {
    if (satisfied_.exchange(true, std::memory_order_acq_rel))
      throw_future_error(std::future_errc::promise_already_satisfied);
  }
  // There is no value after all: its constructor has thrown.
  void take_back() noexcept { satisfied_.store(false, std::memory_order_release); }
  void fail(std::exception_ptr error) noexcept { error_ = std::move(error); }
  void publish() noexcept;
  // When the unit that runs here ends, or now.
  void publish(bool at_exit) { at_exit ? publish_at_exit() : publish(); }
  // The provider goes away: broken_promise, unless there is something.
  void abandon() noexcept;

 protected:
  virtual ~future_state() = default;
  // Ends the object; see allocated_state.
  virtual void destroy() noexcept = 0;
  // A deferred function, called once.
  virtual void run() noexcept {}

  void defer() noexcept { deferred_.store(true, std::memory_order_relaxed); }
  bool is_deferred() const noexcept { return deferred_.load(std::memory_order_acquire); }
  void run_if_deferred() noexcept {
    if (is_deferred() && deferred_.exchange(false, std::memory_order_acq_rel)) run();
  }
  // Never interrupted.
  void wait_to_the_end() noexcept;

 private:
  friend struct trine::sync::future_queue;
  friend struct wait_access;

  // Bits of the word; its states are in src/sync/future.hpp.
  static constexpr std::uint32_t queue = 1;
  static constexpr std::uint32_t waiting = 2;
  static constexpr std::uint32_t ready = 4;

  bool wait_slow(const limit& bound, bool stoppable);
  void publish_at_exit();

  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> refs_{1};
  std::atomic<bool> retrieved_{false};
  std::atomic<bool> satisfied_{false};
  std::atomic<bool> deferred_{false};
  waiter_list waiters_;
  std::exception_ptr error_;
};

template <class R>
class value_state : public future_state {
 public:
  // Each begins, and publishes when the unit ends or now.
  template <class... V>
  void set(bool at_exit, V&&... v) {
    begin();
    try {
      put(std::forward<V>(v)...);
    } catch (...) {
      take_back();
      throw;
    }
    publish(at_exit);
  }
  void set_error(bool at_exit, std::exception_ptr error) {
    begin();
    fail(std::move(error));
    publish(at_exit);
  }
  // The outcome of a call, after begin() and before publish().
  template <class Call>
  void put_outcome(Call&& call) noexcept {
    try {
      if constexpr (std::is_void_v<R>) {
        call();
        put();
      } else {
        put(call());
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }
  // After a wait. Throws what was set.
  std::add_lvalue_reference_t<R> get() {
    rethrow();
    if constexpr (std::is_reference_v<R>) {
      return **value_;
    } else if constexpr (!std::is_void_v<R>) {
      return *value_;
    }
  }

 private:
  using stored =
      std::conditional_t<std::is_void_v<R>, char,
                         std::conditional_t<std::is_reference_v<R>, std::add_pointer_t<R>, R>>;

  template <class... V>
  void put(V&&... v) {
    if constexpr (std::is_reference_v<R>) {
      value_.emplace(std::addressof(v)...);
    } else {
      value_.emplace(std::forward<V>(v)...);
    }
  }

  std::optional<stored> value_;
};

// A state made by an allocator, and ended by it.
template <class State, class Allocator>
class allocated_state final : public State {
 public:
  using allocator =
      typename std::allocator_traits<Allocator>::template rebind_alloc<allocated_state>;

  template <class... A>
  static allocated_state* make(const Allocator& with, A&&... a) {
    allocator from(with);
    using traits = std::allocator_traits<allocator>;
    auto where = traits::allocate(from, 1);
    try {
      return ::new (static_cast<void*>(std::to_address(where)))
          allocated_state(from, std::forward<A>(a)...);
    } catch (...) {
      traits::deallocate(from, where, 1);
      throw;
    }
  }

 private:
  template <class... A>
  explicit allocated_state(const allocator& from, A&&... a)
      : State(std::forward<A>(a)...), from_(from) {}
  ~allocated_state() override = default;

  void destroy() noexcept override {
    this->finish();
    allocator from(from_);
    using traits = std::allocator_traits<allocator>;
    auto where = std::pointer_traits<typename traits::pointer>::pointer_to(*this);
    this->~allocated_state();
    traits::deallocate(from, where, 1);
  }

  [[no_unique_address]] allocator from_;
};

// A promise's.
template <class R>
class promise_state : public value_state<R> {
 protected:
  void finish() noexcept {}
};

// Owns a reference to a state.
template <class State>
class state_reference {
 public:
  state_reference() noexcept = default;
  explicit state_reference(State* adopted) noexcept : state_(adopted) {}
  state_reference(state_reference&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)) {}
  state_reference(const state_reference& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->retain();
  }
  state_reference& operator=(state_reference other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~state_reference() {
    if (state_ != nullptr) state_->release();
  }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  State* get() const noexcept { return state_; }
  State* operator->() const noexcept { return state_; }
  // Throws no_state when it is empty.
  State* checked() const {
    if (state_ == nullptr) throw_future_error(std::future_errc::no_state);
    return state_;
  }

 private:
  State* state_ = nullptr;
};

}  // namespace detail
}  // namespace trine
