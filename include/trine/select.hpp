// trine::select: waits for whichever of several things comes first.
//
//   const std::size_t which = trine::select(
//       trine::on_receive(lines, [&](std::optional<std::string> l) { … }),   // empty: closed
//       trine::on_send(results, std::move(r), [&] { … }),
//       trine::after(10ms, [&] { … }),
//       trine::otherwise([&] { … }));            // at once, when nothing else can be done
//
// Exactly one case happens: its element has been moved, then its function is called (which may be
// left out), and its position is returned. The others have not happened: what they would have sent
// is unmoved. Among the cases that can be done at once one is chosen at random, so that none
// starves. A closed channel can always be received from (the function gets an empty optional) and
// always be sent to (select throws `closed`), as in Go.
//
// For units of every kind and for plain threads; allocates nothing. Without `otherwise` select
// parks the calling unit; it throws `cancelled` when the unit is asked to stop, timed_out at the
// unit's own deadline, and then nothing has happened. It also throws what the move of T and the
// function throw. A channel may be in several cases, and several units may select on the same
// channels in any order. Channels must outlive the call.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <trine/channel.hpp>
#include <trine/detail/deadline.hpp>
#include <trine/detail/select_core.hpp>

namespace trine {
namespace detail {

struct nothing_to_call {};

template <class T, class F>
struct receive_case {
  channel_core* from;
  F call;
  std::optional<T> element{};

  void prepare(select_case& c) {
    c.channel = from;
    c.what = select_case::receives;
    element.reset();
    c.wait.element = &element;
  }
  void happened() {
    if constexpr (!std::is_same_v<F, nothing_to_call>) call(std::move(element));
  }
};

template <class T, class F>
struct send_case {
  channel_core* to;
  T* element;
  F call;

  void prepare(select_case& c) {
    c.channel = to;
    c.what = select_case::sends;
    c.wait.element = element;
  }
  void happened() {
    if constexpr (!std::is_same_v<F, nothing_to_call>) call();
  }
};
// Of a copy: moved into the channel when the case happens.
template <class T, class F>
struct send_copy_case {
  channel_core* to;
  T element;
  F call;

  void prepare(select_case& c) {
    c.channel = to;
    c.what = select_case::sends;
    c.wait.element = std::addressof(element);
  }
  void happened() {
    if constexpr (!std::is_same_v<F, nothing_to_call>) call();
  }
};

template <class F>
struct timer_case {
  std::int64_t deadline;
  F call;

  void prepare(select_case& c) {
    c.what = select_case::timer;
    c.deadline = deadline;
  }
  void happened() {
    if constexpr (!std::is_same_v<F, nothing_to_call>) call();
  }
};

template <class F>
struct otherwise_case {
  F call;

  void prepare(select_case& c) { c.what = select_case::otherwise; }
  void happened() {
    if constexpr (!std::is_same_v<F, nothing_to_call>) call();
  }
};

template <class C>
concept select_clause = requires(C& c, select_case& s) {
  c.prepare(s);
  c.happened();
};

}  // namespace detail

// An element from the channel; f(std::optional<T>), empty when it is closed and drained.
template <class T, std::invocable<std::optional<T>> F>
auto on_receive(channel<T>& from, F f) {
  return detail::receive_case<T, F>{&detail::channel_access::core_of(from), std::move(f)};
}
template <class T>
auto on_receive(channel<T>& from) {
  return detail::receive_case<T, detail::nothing_to_call>{&detail::channel_access::core_of(from),
                                                          {}};
}

// The value into the channel, moved only if this case happens; then f(). An lvalue is copied first.
template <class T, std::invocable F>
auto on_send(channel<T>& to, std::type_identity_t<T>&& value, F f) {
  return detail::send_case<T, F>{&detail::channel_access::core_of(to), std::addressof(value),
                                 std::move(f)};
}
template <class T>
auto on_send(channel<T>& to, std::type_identity_t<T>&& value) {
  return detail::send_case<T, detail::nothing_to_call>{
      &detail::channel_access::core_of(to), std::addressof(value), {}};
}
template <class T, std::invocable F>
requires std::copy_constructible<T>
auto on_send(channel<T>& to, const std::type_identity_t<T>& value, F f) {
  return detail::send_copy_case<T, F>{&detail::channel_access::core_of(to), value, std::move(f)};
}
template <class T>
requires std::copy_constructible<T>
auto on_send(channel<T>& to, const std::type_identity_t<T>& value) {
  return detail::send_copy_case<T, detail::nothing_to_call>{
      &detail::channel_access::core_of(to), value, {}};
}

// The time, counted from this call; then f().
template <class Rep, class Period, std::invocable F>
auto after(const std::chrono::duration<Rep, Period>& span, F f) {
  return detail::timer_case<F>{detail::to_deadline(span), std::move(f)};
}
template <class Rep, class Period>
auto after(const std::chrono::duration<Rep, Period>& span) {
  return detail::timer_case<detail::nothing_to_call>{detail::to_deadline(span), {}};
}
// A point in time; clocks other than steady_clock are looked at once.
template <class Clock, class Duration, std::invocable F>
auto at_time(const std::chrono::time_point<Clock, Duration>& when, F f) {
  return detail::timer_case<F>{detail::to_deadline(when), std::move(f)};
}
template <class Clock, class Duration>
auto at_time(const std::chrono::time_point<Clock, Duration>& when) {
  return detail::timer_case<detail::nothing_to_call>{detail::to_deadline(when), {}};
}

// When no other case can be done at once; then f(). select never waits with it.
template <std::invocable F>
auto otherwise(F f) {
  return detail::otherwise_case<F>{std::move(f)};
}
inline auto otherwise() { return detail::otherwise_case<detail::nothing_to_call>{{}}; }

// At most 64 cases. Returns the position of the one that happened, from 0.
template <detail::select_clause... Cases>
std::size_t select(Cases&&... cases) {
  static_assert(sizeof...(Cases) > 0, "trine: a select without cases would wait for ever");
  static_assert(sizeof...(Cases) <= 64, "trine: a select has at most 64 cases");
  std::array<detail::select_case, sizeof...(Cases)> all;
  std::size_t i = 0;
  (cases.prepare(all[i++]), ...);
  const std::size_t which = detail::select_among(all.data(), all.size());
  i = 0;
  (void)((i++ == which && (cases.happened(), true)) || ...);
  return which;
}

}  // namespace trine
