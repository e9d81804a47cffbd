// spawn: one function, as a process, a thread or a coroutine.
//
//   long count(int rounds);
//   auto a = trine::spawn(trine::process, count, 100000);
//   auto b = trine::spawn(trine::thread({.name = "counter"}), count, 100000);
//   auto c = trine::spawn(trine::coroutine, count, 100000);
//   long sum = a.get() + b.get() + c.get();
//
// The function and its arguments are copied or moved, as by std::thread. A process takes a function
// or a lambda without captures, and arguments and results that can be copied to another address
// space (trine/serialize.hpp); anything else does not compile and the message says what to do.
//
// A function that returns a trine::task<T> (trine/task.hpp) is run to the task's end; the handle is
// a handle<T>.
//
// Any thread and any unit may spawn. It does not wait for the unit. Throws usage_error before main
// is entered, after it has ended, or in a child of fork(); std::invalid_argument for options that
// cannot be met or a bad TRINE_… variable; std::system_error when the system has no thread or
// memory; std::bad_alloc; and what copying the arguments throws.
//
// At the end of the program (main returns, exit(), from any unit) units are not waited for: join
// what must finish. Coroutines stop where they next park or yield, process units are ended, threads
// run on; then destructors of globals run, whose handles of such units do not wait either. An
// exception out of main, quick_exit() and _exit() end everything at once, process units too. The
// child of a fork() has no units: spawn and join throw usage_error there.
#pragma once

#include <concepts>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

#include <trine/detail/job.hpp>
#include <trine/handle.hpp>
#include <trine/unit.hpp>

namespace trine {
namespace detail {

// Without a copy when it is a constant.
template <class Unit, class U>
constexpr Unit as_unit(const U& which) {
  if constexpr (std::is_empty_v<U> && !std::same_as<Unit, any_unit>) {
    return Unit{};
  } else {
    return which;
  }
}

// A unit and the place of the call: a default argument could not follow spawn's pack.
template <class Unit>
struct at {
  template <class U>
  requires(std::convertible_to<U, Unit> &&
           (std::same_as<Unit, any_unit> == std::same_as<std::remove_cvref_t<U>, any_unit>))
      at(const U& which, const std::source_location& place = std::source_location::current())
      : unit(as_unit<Unit>(which)), where(place) {}

  Unit unit;
  std::source_location where;
};

template <class F, class... A>
struct call_result {
  using type = void;
  static constexpr bool valid = false;
};
template <class F, class... A>
requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>...>
struct call_result<F, A...> {
  using type = typename unit_result<
      std::remove_cv_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>>>::type;
  static constexpr bool valid = true;
};
// A result by rvalue reference or as a const object is kept as a value.
template <class F, class... A>
using result_t = std::conditional_t<std::is_lvalue_reference_v<typename call_result<F, A...>::type>,
                                    typename call_result<F, A...>::type,
                                    std::remove_cvref_t<typename call_result<F, A...>::type>>;

template <class F, class... A>
constexpr void require_callable() {
  static_assert(call_result<F, A...>::valid,
                "trine: the function cannot be called with copies of these arguments; "
                "check their number and types (wrap a reference in std::ref)");
}

// How a scope hears of its units; null outside one.
struct owner {
  void (*adopt)(core*, void*) = nullptr;
  void* context = nullptr;
};

// What others may look at as soon as a scope knows the unit.
inline void prepare(core* c, const process_options&) noexcept { c->kind = unit_kind::process; }
inline void prepare(core* c, const thread_options&) noexcept { c->kind = unit_kind::thread; }
inline void prepare(core* c, const coroutine_options& options) noexcept {
  c->kind = unit_kind::coroutine;
  if (options.roaming) c->flags.store(flag_roaming, std::memory_order_relaxed);
}

template <class R, class Job, class Options>
handle<R> launch(Job* job, const Options& options, const std::source_location& where,
                 const owner& by) {
  prepare(job, options);
  try {
    if (by.adopt != nullptr) by.adopt(job, by.context);
    start(job, options, where);
  } catch (...) {
    abandon(job);
    throw;
  }
  return handle<R>(job, &job->out);
}

template <class Options, class F, class... A>
handle<result_t<F, A...>> spawn_here(const Options& options, const std::source_location& where,
                                     const owner& by, F&& f, A&&... a) {
  require_callable<F, A...>();
  using R = result_t<F, A...>;
  using job = local_job<R, std::decay_t<F>, std::decay_t<A>...>;
  return launch<R>(make_job<job>(std::forward<F>(f), std::forward<A>(a)...), options, where, by);
}

template <class F, class... A>
handle<result_t<F, A...>> spawn_away(const process_options& options,
                                     const std::source_location& where, const owner& by, F&& f,
                                     A&&... a) {
  require_callable<F, A...>();
  require_process_function<std::decay_t<F>>();
  using R = result_t<F, A...>;
  using wire = typename wire_types<std::decay_t<F>, A...>::type;
  using job = process_job<R, std::decay_t<F>, wire>;
  return launch<R>(make_job<job>(std::forward<F>(f), std::forward<A>(a)...), options, where, by);
}

template <class F, class... A>
handle<result_t<F, A...>> spawn_any(const any_unit& unit, const std::source_location& where,
                                    const owner& by, F&& f, A&&... a) {
  if (const auto* p = std::get_if<process_unit>(&unit.get()))
    return spawn_away(p->options, where, by, std::forward<F>(f), std::forward<A>(a)...);
  if (const auto* t = std::get_if<thread_unit>(&unit.get()))
    return spawn_here(t->options, where, by, std::forward<F>(f), std::forward<A>(a)...);
  return spawn_here(std::get<coroutine_unit>(unit.get()).options, where, by, std::forward<F>(f),
                    std::forward<A>(a)...);
}

}  // namespace detail

template <class F, class... A>
handle<detail::result_t<F, A...>> spawn(detail::at<process_unit> unit, F&& f, A&&... a) {
  return detail::spawn_away(unit.unit.options, unit.where, {}, std::forward<F>(f),
                            std::forward<A>(a)...);
}
template <class F, class... A>
handle<detail::result_t<F, A...>> spawn(detail::at<thread_unit> unit, F&& f, A&&... a) {
  return detail::spawn_here(unit.unit.options, unit.where, {}, std::forward<F>(f),
                            std::forward<A>(a)...);
}
template <class F, class... A>
handle<detail::result_t<F, A...>> spawn(detail::at<coroutine_unit> unit, F&& f, A&&... a) {
  return detail::spawn_here(unit.unit.options, unit.where, {}, std::forward<F>(f),
                            std::forward<A>(a)...);
}
template <class F, class... A>
handle<detail::result_t<F, A...>> spawn(detail::at<any_unit> unit, F&& f, A&&... a) {
  return detail::spawn_any(unit.unit, unit.where, {}, std::forward<F>(f), std::forward<A>(a)...);
}

}  // namespace trine
