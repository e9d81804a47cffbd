// map and for_each: one function over a range, each element in a unit of its own.
//
//   std::vector<int> squares = trine::map(trine::process, numbers, square);   // in order
//   trine::for_each(trine::thread, files, [](std::string& f) { … });
//
// Threads and coroutines get the elements themselves when the range holds them (a reference), so
// they may change them; processes get copies. At most a bounded number of units runs at a time
// (4096 coroutines, 256 threads, 1024 processes running or queued). The first failure, in the order
// of the range, asks the rest to stop and is thrown when all have ended.
#pragma once

#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <trine/spawn.hpp>

namespace trine {
namespace detail {

constexpr std::size_t map_window(unit_kind kind) noexcept {
  return kind == unit_kind::coroutine ? 4096 : kind == unit_kind::thread ? 256 : 1024;
}

constexpr unit_kind kind_of(const process_unit&) noexcept { return unit_kind::process; }
constexpr unit_kind kind_of(const thread_unit&) noexcept { return unit_kind::thread; }
constexpr unit_kind kind_of(const coroutine_unit&) noexcept { return unit_kind::coroutine; }
constexpr unit_kind kind_of(const any_unit& unit) noexcept { return unit.kind(); }

// Elements that stay where they are while the units run can be passed by reference.
template <class Range>
inline constexpr bool elements_stay = std::ranges::forward_range<Range>&&
    std::is_lvalue_reference_v<std::ranges::range_reference_t<Range>>;

template <class Range, class Unit, class F>
auto spawn_element(const at<Unit>& unit, std::ranges::range_reference_t<Range> element, F& f) {
  using reference = std::ranges::range_reference_t<Range>;
  if constexpr (std::is_same_v<Unit, process_unit>) {
    return spawn_away(unit.unit.options, unit.where, {}, f, std::forward<reference>(element));
  } else if constexpr (std::is_same_v<Unit, any_unit>) {
    return spawn_any(unit.unit, unit.where, {}, f, std::forward<reference>(element));
  } else if constexpr (elements_stay<Range>) {
    auto* const place = std::addressof(element);
    auto body = [&f, place]() -> decltype(auto) { return std::invoke(f, *place); };
    return spawn_here(unit.unit.options, unit.where, {}, body);
  } else {
    return spawn_here(unit.unit.options, unit.where, {}, std::ref(f),
                      std::forward<reference>(element));
  }
}

// Spawns for each element, keeps a bounded number in flight, and calls done(handle) in order.
template <class Unit, class Range, class F, class Done>
void each_in_order(const at<Unit>& unit, Range&& range, F& f, Done done) {
  using handle_type = decltype(spawn_element<Range>(unit, *std::ranges::begin(range), f));
  const std::size_t window = map_window(kind_of(unit.unit));
  std::deque<handle_type> flying;
  try {
    for (auto it = std::ranges::begin(range); it != std::ranges::end(range); ++it) {
      if (flying.size() == window) {
        done(flying.front());
        flying.pop_front();
      }
      flying.push_back(spawn_element<Range>(unit, *it, f));
    }
    while (!flying.empty()) {
      done(flying.front());
      flying.pop_front();
    }
  } catch (...) {
    // All are asked before the first is joined by its destructor.
    for (handle_type& h : flying) h.request_stop();
    throw;
  }
}

template <class Unit, class Range, class F>
auto map_with(const at<Unit>& unit, Range&& range, F& f) {
  using handle_type = decltype(spawn_element<Range>(unit, *std::ranges::begin(range), f));
  using value = std::remove_cvref_t<decltype(std::declval<handle_type&>().get())>;
  static_assert(!std::is_void_v<value>,
                "trine: map needs a function that returns a value; use for_each");
  std::vector<value> values;
  if constexpr (std::ranges::sized_range<Range>) values.reserve(std::ranges::size(range));
  each_in_order(unit, std::forward<Range>(range), f,
                [&](handle_type& h) { values.push_back(h.get()); });
  return values;
}

template <class Unit, class Range, class F>
void for_each_with(const at<Unit>& unit, Range&& range, F& f) {
  each_in_order(unit, std::forward<Range>(range), f, [](auto& h) { h.get(); });
}

}  // namespace detail

// Results in the order of the range. Parks the calling unit until all have ended. Throws what
// spawn and the function throw, and cancelled when the caller is asked to stop.
template <std::ranges::input_range Range, class F>
auto map(detail::at<process_unit> unit, Range&& range, F f) {
  return detail::map_with(unit, std::forward<Range>(range), f);
}
template <std::ranges::input_range Range, class F>
auto map(detail::at<thread_unit> unit, Range&& range, F f) {
  return detail::map_with(unit, std::forward<Range>(range), f);
}
template <std::ranges::input_range Range, class F>
auto map(detail::at<coroutine_unit> unit, Range&& range, F f) {
  return detail::map_with(unit, std::forward<Range>(range), f);
}
template <std::ranges::input_range Range, class F>
auto map(detail::at<any_unit> unit, Range&& range, F f) {
  return detail::map_with(unit, std::forward<Range>(range), f);
}

// The same for a function whose result is of no interest.
template <std::ranges::input_range Range, class F>
void for_each(detail::at<process_unit> unit, Range&& range, F f) {
  detail::for_each_with(unit, std::forward<Range>(range), f);
}
template <std::ranges::input_range Range, class F>
void for_each(detail::at<thread_unit> unit, Range&& range, F f) {
  detail::for_each_with(unit, std::forward<Range>(range), f);
}
template <std::ranges::input_range Range, class F>
void for_each(detail::at<coroutine_unit> unit, Range&& range, F f) {
  detail::for_each_with(unit, std::forward<Range>(range), f);
}
template <std::ranges::input_range Range, class F>
void for_each(detail::at<any_unit> unit, Range&& range, F f) {
  detail::for_each_with(unit, std::forward<Range>(range), f);
}

}  // namespace trine
