// when_all and when_any: several tasks at the same time, on one home.
//
//   auto [page, user] = co_await trine::when_all(fetch(url), look_up(id));    // task<page>,
//   task<user> std::vector<trine::task<int>> many = …; std::vector<int> all = co_await
//   trine::when_all(std::move(many));         // in order
//
//   auto first = co_await trine::when_any(answer(), give_up_after(1s));       // std::variant
//   if (first.index() == 1) …                                                 // the timer won
//
// The tasks begin in order; each runs until it first waits, then the next begins. None outlives the
// call: it ends when all of its tasks have ended.
//   when_all   when one fails the others are asked to stop (what they await throws cancelled),
//   those
//              that have not begun never do; then it throws what the first failure threw.
//   when_any   when one has ended, well or by an exception, the others are asked to stop in the
//   same
//              way; its result or exception is that of the first.
// Both are tasks themselves: lazy, awaited or get() once. void stands as std::monostate, a
// reference as std::reference_wrapper. Memory beyond the tasks' own: none for each.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <trine/errors.hpp>
#include <trine/task.hpp>

namespace trine {
namespace detail {

template <class T>
struct task_value {
  using type = T;
};
template <class T>
struct task_value<T&> {
  using type = std::reference_wrapper<T>;
};
template <>
struct task_value<void> {
  using type = std::monostate;
};
template <class T>
using task_value_t = typename task_value<T>::type;

// The result of a task that has ended, as a value.
template <class T>
task_value_t<T> take_value(task<T>& t) {
  if constexpr (std::is_void_v<T>) {
    task_access::frame(t).promise().take();
    return {};
  } else {
    return task_access::frame(t).promise().take();
  }
}

// co_await here{}: the promise of the task that asks.
struct here : task_awaiter {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> me) noexcept {
    promise = &me.promise();
    return false;
  }
  promise_base& await_resume() const noexcept { return *promise; }
  promise_base* promise = nullptr;
};

template <class T>
task_group::child child_of_vector(void* tasks, std::size_t index) noexcept {
  const auto frame = task_access::frame((*static_cast<std::vector<task<T>>*>(tasks))[index]);
  return {frame, &frame.promise()};
}
template <class Tuple, std::size_t... I>
task_group::child child_of_tuple(void* tasks, std::size_t index, std::index_sequence<I...>) {
  task_group::child found{};
  auto look = [&](auto& t) {
    const auto frame = task_access::frame(t);
    found = {frame, &frame.promise()};
  };
  (void)((I == index && (look(std::get<I>(*static_cast<Tuple*>(tasks))), true)) || ...);
  return found;
}
template <class Tuple>
task_group::child child_of_tuple(void* tasks, std::size_t index) noexcept {
  return child_of_tuple<Tuple>(tasks, index, std::make_index_sequence<std::tuple_size_v<Tuple>>{});
}

// Throws before any has begun.
template <class... T>
void require_fresh(const task<T>&... tasks) {
  (task_access::fresh(tasks), ...);
}

}  // namespace detail

// The results in order. An empty vector ends at once.
template <class T>
requires(!std::is_void_v<T>) task<std::vector<detail::task_value_t<T>>> when_all(
    std::vector<task<T>> tasks) {
  for (const task<T>& t : tasks) detail::require_fresh(t);
  detail::here me;
  detail::task_group group(co_await me, &tasks, tasks.size(), &detail::child_of_vector<T>, false);
  co_await group;
  if (group.decided_by() != group.none) detail::take_value(tasks[group.decided_by()]);
  std::vector<detail::task_value_t<T>> values;
  values.reserve(tasks.size());
  for (task<T>& t : tasks) values.push_back(detail::take_value(t));
  co_return values;
}
inline task<void> when_all(std::vector<task<void>> tasks) {
  for (const task<void>& t : tasks) detail::require_fresh(t);
  detail::here me;
  detail::task_group group(co_await me, &tasks, tasks.size(), &detail::child_of_vector<void>,
                           false);
  co_await group;
  if (group.decided_by() != group.none) detail::take_value(tasks[group.decided_by()]);
}
template <class... T>
task<std::tuple<detail::task_value_t<T>...>> when_all(task<T>... tasks) {
  std::tuple<task<T>...> all(std::move(tasks)...);
  std::apply([](const auto&... t) { detail::require_fresh(t...); }, all);
  detail::here me;
  detail::task_group group(co_await me, &all, sizeof...(T), &detail::child_of_tuple<decltype(all)>,
                           false);
  co_await group;
  // What the first failure threw, not what those that were stopped for it did.
  std::size_t index = 0;
  auto rethrow = [&](auto& t) {
    if (index++ == group.decided_by()) detail::take_value(t);
  };
  if (group.decided_by() != group.none) std::apply([&](auto&... t) { (rethrow(t), ...); }, all);
  co_return std::apply(
      [](auto&... t) { return std::tuple<detail::task_value_t<T>...>{detail::take_value(t)...}; },
      all);
}

// Which ended first, and its result.
template <class T>
struct first_of {
  std::size_t index;
  detail::task_value_t<T> value;
};

// Throws usage_error for an empty vector: none would ever be first.
template <class T>
task<first_of<T>> when_any(std::vector<task<T>> tasks) {
  if (tasks.empty())
    throw usage_error("trine: when_any needs at least one task; of none, none is ever first");
  for (const task<T>& t : tasks) detail::require_fresh(t);
  detail::here me;
  detail::task_group group(co_await me, &tasks, tasks.size(), &detail::child_of_vector<T>, true);
  co_await group;
  co_return first_of<T>{group.decided_by(), detail::take_value(tasks[group.decided_by()])};
}
// The variant's index is the number of the task that ended first.
template <class... T>
requires(sizeof...(T) >
         0) task<std::variant<detail::task_value_t<T>...>> when_any(task<T>... tasks) {
  using result = std::variant<detail::task_value_t<T>...>;
  std::tuple<task<T>...> all(std::move(tasks)...);
  std::apply([](const auto&... t) { detail::require_fresh(t...); }, all);
  detail::here me;
  detail::task_group group(co_await me, &all, sizeof...(T), &detail::child_of_tuple<decltype(all)>,
                           true);
  co_await group;
  co_return [&]<std::size_t... I>(std::index_sequence<I...>) {
    std::optional<result> found;
    (void)((I == group.decided_by() &&
            (found.emplace(std::in_place_index<I>, detail::take_value(std::get<I>(all))), true)) ||
           ...);
    return std::move(*found);
  }
  (std::index_sequence_for<T...>{});
}

}  // namespace trine
