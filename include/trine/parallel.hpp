// Fork and join: functions and loops spread over the coroutine workers.
//
//   long fib(int n) {
//     if (n < 2) return n;
//     long a, b;
//     trine::parallel_invoke([&] { a = fib(n - 1); }, [&] { b = fib(n - 2); });
//     return a + b;
//   }
//   trine::parallel_for(0, 1000, [&](int i) { image[i] = render(i); });
//   double sum = trine::parallel_reduce(0, n, 0.0, [&](int i) { return v[i] * v[i]; },
//   std::plus<>());
//
// A fork costs some nanoseconds: two stores, a compare and a call, as long as no other worker has
// nothing to do. What an idle worker takes is never out of its reach, however long its owner
// computes; only a function that has begun stays where it is. Functions may block in any of Trine's
// ways and fork again. Called from a coroutine the first function runs in it; what another worker
// takes runs as a coroutine of its own, a child of the calling unit: a stop request to that unit
// and its deadline reach its blocking calls. Called from a thread or in a process unit, all of it
// runs on the coroutine workers while the caller waits; no set-up is needed.
//
// The calls return when everything they started has ended, and are not interrupted by a stop
// request before: the functions refer to the caller's frame. Of several exceptions the one that
// comes first in the order of the arguments is thrown and the others are counted
// (suppressed_exceptions). They also throw what spawn does when no worker can be started, and
// std::bad_alloc when there is no memory to run something elsewhere.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <trine/detail/fork.hpp>
#include <trine/detail/fork_loops.hpp>

namespace trine {

// Calls f and g once each, in any order and at the same time when a worker is free; results are
// ignored. Both are called, even when one throws.
template <class F, class G>
requires(std::invocable<F&&>&& std::invocable<G&&>)
    [[gnu::always_inline]] inline void parallel_invoke(F&& f, G&& g) {
  detail::fork_pair<F, G>(std::forward<F>(f), std::forward<G>(g));
}

// The same for any number of functions.
template <class... F>
requires(std::invocable<F&&>&&...) void parallel_invoke(F&&... f) {
  if constexpr (sizeof...(F) == 1) {
    (static_cast<void>(std::invoke(std::forward<F>(f))), ...);
  } else if constexpr (sizeof...(F) > 1) {
    std::tuple<F&&...> all(std::forward<F>(f)...);
    detail::fork_where_it_fits(
        [&] { detail::fork_all(all, std::make_index_sequence<sizeof...(F) - 1>()); });
  }
}

// Calls f(i) for each i of [first, last), the integers being of one type. Each call may be taken by
// another worker until it begins. After an exception no further call begins.
template <class I, class F>
requires(detail::fork_index<I>&& std::invocable<F&, I>) void parallel_for(I first, I last, F&& f) {
  detail::index_loop<I, std::remove_reference_t<F>>::call(first, last, f);
}

// Calls f(begin, end) for consecutive parts of [first, last) that are at most `grain` long and
// begin at first + k * grain. Grain 0 chooses lengths by itself: it begins with 1, and calls that
// took less than some microseconds are followed by longer ones. A part that has begun stays where
// it is.
template <class I, class F>
requires(detail::fork_index<I>&& std::invocable<F&, I, I>) void parallel_for(
    I first, I last, std::type_identity_t<I> grain, F&& f) {
  if (grain > 0) {
    detail::part_loop<I, std::remove_reference_t<F>>::call(first, last, grain, f);
  } else {
    detail::timed_loop<I, std::remove_reference_t<F>>::call(first, last, f);
  }
}

// combine(init, the combined map(i) of [first, last) in order). The grouping is always the same,
// halves of halves, whatever the number of workers, so that combine need only be associative, and
// results of floating-point arithmetic repeat. The result has init's type; each map(i) is converted
// to it, and values are moved. Without numbers, init. After an exception no further call begins.
template <class I, class T, class Map, class Combine>
requires(detail::fork_index<I>&& std::invocable<Map&, I>) T
    parallel_reduce(I first, I last, T init, Map map, Combine combine) {
  return detail::reduction<I, T, Map, Combine>::call(first, last, std::move(init), map, combine);
}

// How many exceptions the calls above have dropped in this process in favour of another, which they
// threw. Any thread; never blocks.
std::uint64_t suppressed_exceptions() noexcept;

}  // namespace trine
