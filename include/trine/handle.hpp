// A handle: what spawn returns; the owner of a running unit.
//
//   auto h = trine::spawn(trine::process, count, 100000);
//   if (!h.wait_for(2s)) h.kill();
//   long n = h.get();
//
// The same for processes, threads and coroutines. One handle belongs to one thread at a time;
// request_stop(), kill(), ready() and id() may be called by others too while it is not moved.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <optional>
#include <type_traits>
#include <utility>

#include <trine/detail/deadline.hpp>
#include <trine/detail/fair.hpp>
#include <trine/detail/job.hpp>
#include <trine/errors.hpp>

namespace trine {

class scope;

// How a timed wait ended: true when the unit has ended. Also compares with std::future_status.
class wait_result {
 public:
  constexpr explicit wait_result(bool ready) noexcept : ready_(ready) {}
  constexpr operator bool() const noexcept { return ready_; }
  constexpr operator std::future_status() const noexcept {
    return ready_ ? std::future_status::ready : std::future_status::timeout;
  }

 private:
  bool ready_;
};

// What a unit used. Times and memory are empty where measuring would cost more than the unit itself
// (coroutines) and before the unit has ended.
struct unit_stats {
  std::uint64_t id = 0;
  unit_kind kind = unit_kind::thread;
  std::uint32_t parks = 0;  // times it waited
  int ran_at = 0;           // thread id, process id, or the coroutine's worker
  std::optional<std::chrono::nanoseconds> cpu_time;
  std::optional<std::chrono::nanoseconds> wall_time;
  std::optional<std::size_t> peak_memory;  // bytes resident in its process
};

namespace detail {

unit_stats stats_of(const core* c) noexcept;
[[noreturn]] void throw_empty_handle();
[[noreturn]] void throw_taken();

// The part of handles and references that does not depend on the result.
class unit_access {
 public:
  // Parks the calling unit until this one has ended. Throws cancelled when the caller is asked to
  // stop meanwhile, or timed_out at the caller's own deadline.
  void wait() const { join(checked(), no_deadline, true); }
  // The same with a bound; true when it has ended.
  template <class Rep, class Period>
  wait_result wait_for(const std::chrono::duration<Rep, Period>& span) const {
    return wait_result(join(checked(), to_deadline(span), true));
  }
  template <class Clock, class Duration>
  wait_result wait_until(const std::chrono::time_point<Clock, Duration>& when) const {
    for (;;) {
      if (join(checked(), to_deadline(when), true)) return wait_result(true);
      if (Clock::now() >= when) return wait_result(false);  // clocks may run apart
    }
  }
  // Whether the unit has ended. Never blocks.
  bool ready() const {
    fair_point();
    return is_done(checked());
  }
  // Asks the unit to stop: its stop_token says so, its blocking calls throw cancelled. Returns at
  // once; the unit may go on. Any thread, any number of times.
  void request_stop() const {
    fair_point();
    detail::request_stop(checked());
  }
  // Ends a process unit's process with SIGKILL; get() then throws crashed. Returns at once. Throws
  // usage_error for threads and coroutines: they cannot be ended from outside.
  void kill() const { detail::kill(checked()); }
  // The unit's id in the registry; unique in this process.
  std::uint64_t id() const { return checked()->id; }
  // What it used so far. Never blocks.
  unit_stats stats() const {
    fair_point();
    return stats_of(checked());
  }
  // False after a move or detach.
  bool valid() const noexcept { return core_ != nullptr; }

 protected:
  unit_access() noexcept = default;
  explicit unit_access(core* c) noexcept : core_(c) {}
  core* checked() const {
    if (core_ == nullptr) throw_empty_handle();
    return core_;
  }
  template <class R>
  R get_from(result<R>* out, bool& taken) const {
    core* const c = checked();
    if (taken) throw_taken();
    join(c, no_deadline, true);
    taken = true;
    if (c->error != nullptr) std::rethrow_exception(c->error);
    return out->take();
  }

  core* core_ = nullptr;

 private:
  friend struct co_access;  // co.hpp: a task waits for the unit
};

}  // namespace detail

// Owns the unit. The destructor asks it to stop and joins it, as std::jthread does; so does a move
// assignment to a handle that owns one.
template <class R>
class [[nodiscard]] handle : public detail::unit_access {
 public:
  handle() noexcept = default;
  handle(detail::core* c, detail::result<R>* out) noexcept : unit_access(c), out_(out) {}
  handle(handle&& other) noexcept
      : unit_access(std::exchange(other.core_, nullptr)), out_(other.out_), taken_(other.taken_) {}
  handle& operator=(handle&& other) noexcept {
    if (this != &other) {
      finish();
      core_ = std::exchange(other.core_, nullptr);
      out_ = other.out_;
      taken_ = other.taken_;
    }
    return *this;
  }
  ~handle() { finish(); }

  // Parks until the unit has ended; returns its result, by move, once, or throws what it threw:
  // the exception itself, crashed or remote_error for a process, cancelled or timed_out when it was
  // stopped. Also throws cancelled or timed_out when the calling unit is stopped while it waits;
  // the handle keeps the unit then. Throws usage_error on an empty handle or the second time,
  // whatever the type of the result and whether the first gave it or an exception.
  R get() { return get_from(out_, taken_); }

  // Lets the unit go on alone. If it throws, one line says so on stderr. The handle is empty after.
  void detach() {
    detail::detach(checked());
    detail::release(std::exchange(core_, nullptr));
  }

 private:
  friend class scope;
  detail::core* core_for_scope() const noexcept { return core_; }
  detail::result<R>* result_for_scope() const noexcept { return out_; }
  void leave_to_scope() noexcept { detail::release(std::exchange(core_, nullptr)); }

  void finish() noexcept {
    if (core_ == nullptr) return;
    if (!detail::is_done(core_)) {
      detail::request_stop(core_);
      detail::join(core_, detail::no_deadline, false);
    }
    detail::release(std::exchange(core_, nullptr));
  }

  detail::result<R>* out_ = nullptr;
  bool taken_ = false;
};

}  // namespace trine
