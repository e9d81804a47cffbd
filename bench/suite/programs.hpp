// The programs of the suite, for any library that can fork and join. Their shapes and sizes are
// those of the public suite (github.com/tzcnt/runtime-benchmarks); each task of a program is a
// fork.
//
// Fork has
//   pair(f, g)        calls both
//   four(a, b, c, d)  calls all
//   each(n, f)        calls f(0) … f(n - 1)
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "sha1.hpp"

namespace suite {

// ---- fib: two calls in each ---------------------------------------------------------------------

template <class Fork>
std::uint64_t fib(int n) {
  if (n < 2) return static_cast<std::uint64_t>(n);
  std::uint64_t a, b;
  Fork::pair([&] { a = fib<Fork>(n - 1); }, [&] { b = fib<Fork>(n - 2); });
  return a + b;
}

// ---- skynet: a tree of ten children in each, whose leaves are numbered
// ------------------------------

template <class Fork>
std::uint64_t skynet(std::uint64_t base, std::uint64_t leaves) {
  if (leaves == 1) return base;
  std::array<std::uint64_t, 10> sums;
  Fork::each(10, [&](int i) {
    const auto k = static_cast<std::uint64_t>(i);
    sums[k] = skynet<Fork>(base + k * (leaves / 10), leaves / 10);
  });
  std::uint64_t sum = 0;
  for (const std::uint64_t one : sums) sum += one;
  return sum;
}

// ---- nqueens: a task for each place that is safe
// ----------------------------------------------------

inline constexpr int most_queens = 14;
using board = std::array<char, most_queens>;

inline bool safe(const board& rows, int placed, int row) {
  for (int i = 0; i < placed; ++i) {
    const int other = rows[static_cast<std::size_t>(i)];
    if (other == row || other == row - (placed - i) || other == row + (placed - i)) return false;
  }
  return true;
}

template <class Fork>
std::uint64_t nqueens(int size, int placed, const board& rows) {
  if (placed == size) return 1;
  std::array<char, most_queens> places;
  int count = 0;
  for (int row = 0; row < size; ++row)
    if (safe(rows, placed, row)) places[static_cast<std::size_t>(count++)] = static_cast<char>(row);
  if (count == 0) return 0;
  std::array<std::uint64_t, most_queens> found;
  Fork::each(count, [&](int i) {
    board next = rows;
    next[static_cast<std::size_t>(placed)] = places[static_cast<std::size_t>(i)];
    found[static_cast<std::size_t>(i)] = nqueens<Fork>(size, placed + 1, next);
  });
  std::uint64_t sum = 0;
  for (int i = 0; i < count; ++i) sum += found[static_cast<std::size_t>(i)];
  return sum;
}

// ---- matmul: quarters of quarters, down to 32 by 32
// ---------------------------------------------------

// Out of line, so that every library runs the very same code.
void multiply_small(const int* a, const int* b, int* c, int n, int stride);

template <class Fork>
void multiply(const int* a, const int* b, int* c, int n, int stride) {
  if (n <= 32) return multiply_small(a, b, c, n, stride);
  const int h = n / 2;
  const int down = h * stride;
  const auto quarter = [=](int row, int column, int k) {
    multiply<Fork>(a + row * down + k * h, b + k * down + column * h, c + row * down + column * h,
                   h, stride);
  };
  for (int k = 0; k < 2; ++k)
    Fork::four([&] { quarter(0, 0, k); }, [&] { quarter(0, 1, k); }, [&] { quarter(1, 0, k); },
               [&] { quarter(1, 1, k); });
}

// Of two matrices of ones; the sum of the result, which is wrong when one element is.
template <class Fork>
std::uint64_t matmul(int n) {
  const auto cells = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
  const std::vector<int> a(cells, 1), b(cells, 1);
  std::vector<int> c(cells, 0);
  multiply<Fork>(a.data(), b.data(), c.data(), n, n);
  std::uint64_t sum = 0;
  for (const int value : c) sum += value == n ? static_cast<std::uint64_t>(value) : 0;
  return sum;
}

// ---- uts: a tree that a hash grows, most of whose nodes have no child
// --------------------------------- The geometric tree T1 of the UTS benchmark (branching 4, seed
// 19), to the depth of the suite.

inline int uts_children(const digest& state, int height, int depth) {
  if (height >= depth) return 0;
  const std::uint32_t random = (std::uint32_t{state[16]} << 24 | std::uint32_t{state[17]} << 16 |
                                std::uint32_t{state[18]} << 8 | state[19]) &
                               0x7fffffff;
  const double u = random / 2147483648.0;
  constexpr double p = 1.0 / (1.0 + 4.0);
  return static_cast<int>(std::min(100.0, std::floor(std::log(1 - u) / std::log(1 - p))));
}
inline digest uts_child(const digest& parent, int i) {
  std::uint8_t bytes[24] = {};
  std::memcpy(bytes, parent.data(), 20);
  for (int k = 0; k < 4; ++k) bytes[20 + k] = static_cast<std::uint8_t>(i >> (24 - 8 * k));
  return sha1(bytes, sizeof bytes);
}
inline digest uts_root(int seed) {
  std::uint8_t bytes[20] = {};
  for (int k = 0; k < 4; ++k) bytes[16 + k] = static_cast<std::uint8_t>(seed >> (24 - 8 * k));
  return sha1(bytes, sizeof bytes);
}

template <class Fork>
std::uint64_t uts(const digest& state, int height, int depth) {
  const int count = uts_children(state, height, depth);
  if (count == 0) return 1;
  std::array<std::uint64_t, 100> nodes;
  Fork::each(count, [&](int i) {
    nodes[static_cast<std::size_t>(i)] = uts<Fork>(uts_child(state, i), height + 1, depth);
  });
  std::uint64_t sum = 1;
  for (int i = 0; i < count; ++i) sum += nodes[static_cast<std::size_t>(i)];
  return sum;
}

// ---- by name
// ------------------------------------------------------------------------------------------

enum class program { fib, skynet, nqueens, matmul, uts };

template <class Fork>
std::uint64_t run(program which, int size) {
  switch (which) {
    case program::fib:
      return fib<Fork>(size);
    case program::skynet: {
      std::uint64_t leaves = 1;
      for (int i = 0; i < size; ++i) leaves *= 10;
      return skynet<Fork>(0, leaves);
    }
    case program::nqueens:
      return nqueens<Fork>(size, 0, board{});
    case program::matmul:
      return matmul<Fork>(size);
    case program::uts:
      return uts<Fork>(uts_root(19), 0, size);
  }
  return 0;
}

}  // namespace suite
