// The bodies of parallel_invoke, parallel_for and parallel_reduce. No promises to users.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <trine/detail/fork.hpp>

namespace trine::detail {

template <class I>
concept fork_index = std::integral<I> && !std::is_same_v<I, bool>;

// How many there are, and the k-th; in unsigned arithmetic, for a range may be as wide as its type.
template <class I>
constexpr std::uint64_t fork_count(I first, I last) noexcept {
  using U = std::make_unsigned_t<I>;
  return first < last ? static_cast<U>(static_cast<U>(last) - static_cast<U>(first)) : U{0};
}
template <class I>
constexpr I fork_at(I first, std::uint64_t k) noexcept {
  using U = std::make_unsigned_t<I>;
  return static_cast<I>(static_cast<U>(static_cast<U>(first) + static_cast<U>(k)));
}

// Runs what forks: here, or elsewhere when it cannot begin here.
template <class F>
[[gnu::cold, gnu::noinline]] void fork_away(F f) {
  fork_closure<F&> job(f, nullptr);
  fork_elsewhere(job);
}
template <class F>
[[gnu::always_inline]] inline void fork_where_it_fits(F f) {
  if (fork_fits(fork_here())) [[likely]]
    return f();
  fork_away<F>(f);
}

template <class F, class G>
[[gnu::cold, gnu::noinline]] void fork_pair_away(fork_held<F> f, fork_held<G> g) {
  auto both = [&] { fork_join<G>([&] { static_cast<void>(std::invoke(std::forward<F>(f))); }, g); };
  fork_away<decltype(both)>(both);
}
template <class F, class G>
[[gnu::always_inline]] inline void fork_pair(F&& f, G&& g) {
  if (fork_fits(fork_here())) [[likely]]
    return fork_join<G>([&] { static_cast<void>(std::invoke(std::forward<F>(f))); }, g);
  fork_pair_away<F, G>(f, g);
}

// More than two. The last is forked first, so that it is the oldest and the first runs here.
template <class All, std::size_t... Before>
[[gnu::always_inline]] inline void fork_all(All& all, std::index_sequence<Before...>) {
  constexpr std::size_t last = sizeof...(Before);
  using last_type = std::tuple_element_t<last, All>;
  auto before = [&] {
    if constexpr (last == 1) {
      using first_type = std::tuple_element_t<0, All>;
      static_cast<void>(std::invoke(std::forward<first_type>(std::get<0>(all))));
    } else {
      fork_all(all, std::make_index_sequence<last - 1>());
    }
  };
  fork_join<last_type>(before, std::get<last>(all));
}

// f(i).
template <class I, class F>
struct index_loop final : fork_loop {
  index_loop(I from, F& its, core* of) noexcept : fork_loop(&body_of, of), first(from), f(its) {}
  const I first;
  F& f;

  static void body_of(fork_loop& loop, fork_piece& piece) {
    auto& self = static_cast<index_loop&>(loop);
    for (std::uint64_t i = piece.first; piece.claim(i); ++i) {
      if (loop.failed.load(std::memory_order_relaxed)) return piece.give_up(i);
      static_cast<void>(std::invoke(self.f, fork_at(self.first, i)));
    }
  }
  static void call(I first, I last, F& f) {
    const std::uint64_t count = fork_count(first, last);
    if (count < 2) {
      if (count == 1) static_cast<void>(std::invoke(f, first));
      return;
    }
    fork_where_it_fits([&] {
      index_loop loop(first, f, *fork_here()->here.unit);
      fork_run_loop(loop, count);
    });
  }
};

// f(begin, end), each part of a given length but the last.
template <class I, class F>
struct part_loop final : fork_loop {
  part_loop(I from, std::uint64_t length, std::uint64_t each, F& its, core* of) noexcept
      : fork_loop(&body_of, of), first(from), count(length), grain(each), f(its) {}
  const I first;
  const std::uint64_t count;
  const std::uint64_t grain;
  F& f;

  void part(std::uint64_t k) {
    const std::uint64_t begin = k * grain;
    const std::uint64_t end = count - begin < grain ? count : begin + grain;
    static_cast<void>(std::invoke(f, fork_at(first, begin), fork_at(first, end)));
  }
  static void body_of(fork_loop& loop, fork_piece& piece) {
    for (std::uint64_t k = piece.first; piece.claim(k); ++k) {
      if (loop.failed.load(std::memory_order_relaxed)) return piece.give_up(k);
      static_cast<part_loop&>(loop).part(k);
    }
  }
  static void call(I first, I last, I grain, F& f) {
    const std::uint64_t count = fork_count(first, last);
    const auto each = static_cast<std::uint64_t>(grain);
    if (count == 0) return;
    const std::uint64_t parts = (count - 1) / each + 1;
    if (parts == 1) return static_cast<void>(std::invoke(f, first, last));
    fork_where_it_fits([&] {
      part_loop loop(first, count, each, f, *fork_here()->here.unit);
      fork_run_loop(loop, parts);
    });
  }
};

// f(begin, end), parts of such a length that a call takes some microseconds.
template <class I, class F>
struct timed_loop final : fork_loop {
  timed_loop(I from, F& its, core* of) noexcept : fork_loop(&body_of, of), first(from), f(its) {}
  const I first;
  F& f;

  static constexpr auto short_call = std::chrono::microseconds(5);
  static constexpr auto long_call = std::chrono::microseconds(40);

  static void body_of(fork_loop& loop, fork_piece& piece) {
    auto& self = static_cast<timed_loop&>(loop);
    std::uint64_t length = 1;
    auto before = std::chrono::steady_clock::now();
    for (std::uint64_t i = piece.first;;) {
      const std::uint64_t taken = piece.claim(i, length);
      if (taken == 0) return;
      if (loop.failed.load(std::memory_order_relaxed)) return piece.give_up(i);
      static_cast<void>(
          std::invoke(self.f, fork_at(self.first, i), fork_at(self.first, i + taken)));
      i += taken;
      const auto now = std::chrono::steady_clock::now();
      const auto took = now - before;
      before = now;
      // Never more than a small share of what is left, for what comes may take longer.
      const std::uint64_t end = piece.range.end_now();
      const std::uint64_t most = end > i ? (end - i) / 16 : 0;
      if (took < short_call && length < most) length *= 2;
      if ((took > long_call || length > most) && length > 1) length /= 2;
    }
  }
  static void call(I first, I last, F& f) {
    const std::uint64_t count = fork_count(first, last);
    if (count < 2) {
      if (count == 1) static_cast<void>(std::invoke(f, first, last));
      return;
    }
    fork_where_it_fits([&] {
      timed_loop loop(first, f, *fork_here()->here.unit);
      fork_run_loop(loop, count);
    });
  }
};

// A tree of forks, each for half of the numbers.
template <class I, class T, class Map, class Combine>
struct reduction {
  const I first;
  Map& map;
  Combine& combine;
  std::atomic<bool> failed{false};

  // Empty when another part has failed.
  std::optional<T> tree(std::uint64_t from, std::uint64_t to) {
    if (failed.load(std::memory_order_relaxed)) return std::nullopt;
    if (to - from == 1) return leaf(from);
    const std::uint64_t middle = from + (to - from) / 2;
    std::optional<T> left, right;
    auto right_half = [&] { right = tree(middle, to); };
    fork_pair([&] { left = tree(from, middle); }, right_half);
    if (!left || !right) return std::nullopt;
    return guarded([&] {
      return std::optional<T>(std::invoke(combine, *std::move(left), *std::move(right)));
    });
  }
  std::optional<T> leaf(std::uint64_t k) {
    return guarded([&] { return std::optional<T>(std::invoke(map, fork_at(first, k))); });
  }
  template <class F>
  std::optional<T> guarded(F&& f) {
    try {
      return f();
    } catch (...) {
      failed.store(true, std::memory_order_relaxed);
      throw;
    }
  }
  static T call(I first, I last, T init, Map& map, Combine& combine) {
    const std::uint64_t count = fork_count(first, last);
    if (count == 0) return init;
    reduction self{first, map, combine};
    std::optional<T> all;
    fork_where_it_fits([&] { all = self.tree(0, count); });
    return std::invoke(combine, std::move(init), *std::move(all));
  }
};

}  // namespace trine::detail
