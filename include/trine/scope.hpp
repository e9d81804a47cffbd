// A scope: units that end before it does.
//
//   trine::scope s;
//   for (auto& url : urls) s.spawn(trine::coroutine, fetch, url);
//   s.join();                    // all have ended; throws what the first failure threw
//
// When a unit of the scope fails, the others are asked to stop. The destructor asks all to stop and
// joins them; it throws nothing. join belongs to one unit at a time; spawn may be called by the
// scope's own units too, request_stop by any.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include <trine/detail/deadline.hpp>
#include <trine/spawn.hpp>

namespace trine {

// A unit of a scope, to ask for its result. It owns nothing: dropping it joins nothing. It must not
// outlive the scope's join unless that has returned.
template <class R>
class unit_ref : public detail::unit_access {
 public:
  unit_ref() noexcept = default;
  explicit unit_ref(detail::core* c, detail::result<R>* out) noexcept : unit_access(c), out_(out) {
    if (core_ != nullptr) detail::retain(core_);
  }
  unit_ref(unit_ref&& other) noexcept
      : unit_access(std::exchange(other.core_, nullptr)), out_(other.out_), taken_(other.taken_) {}
  unit_ref& operator=(unit_ref&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(out_, other.out_);
    std::swap(taken_, other.taken_);
    return *this;
  }
  ~unit_ref() {
    if (core_ != nullptr) detail::release(core_);
  }

  // As handle::get().
  R get() { return get_from(out_, taken_); }

 private:
  detail::result<R>* out_ = nullptr;
  bool taken_ = false;
};

namespace detail {
struct scope_state;
struct scope_deadline {
  std::int64_t at;
};
}  // namespace detail

class scope {
 public:
  scope();
  // With a deadline, for all its units, beside their own: when it passes they are asked to stop,
  // their waits throw timed_out, and so does join(). What the scope's owner does meanwhile has no
  // part in it.
  template <class Rep, class Period>
  explicit scope(const std::chrono::duration<Rep, Period>& span)
      : scope(detail::scope_deadline{detail::to_deadline(span)}) {}
  template <class Clock, class Duration>
  explicit scope(const std::chrono::time_point<Clock, Duration>& when)
      : scope(detail::scope_deadline{detail::to_deadline(when)}) {}
  ~scope();
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  // As trine::spawn. After a failure or a stop request the new unit is asked to stop at once.
  template <class F, class... A>
  unit_ref<detail::result_t<F, A...>> spawn(detail::at<process_unit> unit, F&& f, A&&... a) {
    return keep(detail::spawn_away(unit.unit.options, unit.where, owner(), std::forward<F>(f),
                                   std::forward<A>(a)...));
  }
  template <class F, class... A>
  unit_ref<detail::result_t<F, A...>> spawn(detail::at<thread_unit> unit, F&& f, A&&... a) {
    return keep(detail::spawn_here(unit.unit.options, unit.where, owner(), std::forward<F>(f),
                                   std::forward<A>(a)...));
  }
  template <class F, class... A>
  unit_ref<detail::result_t<F, A...>> spawn(detail::at<coroutine_unit> unit, F&& f, A&&... a) {
    return keep(detail::spawn_here(unit.unit.options, unit.where, owner(), std::forward<F>(f),
                                   std::forward<A>(a)...));
  }
  template <class F, class... A>
  unit_ref<detail::result_t<F, A...>> spawn(detail::at<any_unit> unit, F&& f, A&&... a) {
    return keep(detail::spawn_any(unit.unit, unit.where, owner(), std::forward<F>(f),
                                  std::forward<A>(a)...));
  }

  // Waits until every unit has ended, then throws what the first failure threw. When the caller is
  // asked to stop meanwhile, so are the units; they are waited for all the same, and join throws
  // cancelled. The scope may be used again after.
  void join();
  // Asks all units, and those to come, to stop. Returns at once.
  void request_stop() noexcept;
  // The errors of units after the first, since the last join began: at most 64 are kept.
  std::vector<std::exception_ptr> other_errors() const;
  // Units that have not ended.
  std::size_t running() const noexcept;

 private:
  explicit scope(detail::scope_deadline by);
  detail::owner owner() const noexcept;
  template <class R>
  unit_ref<R> keep(handle<R> h) {
    unit_ref<R> ref(h.core_for_scope(), h.result_for_scope());
    h.leave_to_scope();
    settle();
    return ref;
  }
  void settle() noexcept;

  detail::scope_state* state_;
};

}  // namespace trine
