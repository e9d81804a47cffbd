// Loops and chains of a million awaits, for the files that compile them each in its own way: g++
// does symmetric transfer by calls unless it optimises and no sanitizer is on, and without the
// return to the driver's loop every few transfers (trine/detail/task_promise.hpp) these overflow.
#pragma once

#include "support.hpp"

namespace depth {

using namespace support;
using trine::task;

#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
inline constexpr int many = 100'000;  // more than any stack holds, in a tenth of the time
#else
inline constexpr int many = 1'000'000;
#endif

inline task<int> one() { co_return 1; }

inline task<long> loop(int n) {
  long sum = 0;
  for (int i = 0; i < n; ++i) sum += co_await one();
  co_return sum;
}

inline task<long> chain(int n) {
  if (n == 0) co_return 0;
  co_return 1 + co_await chain(n - 1);
}

inline task<long> loop_of_groups(int n) {
  long sum = 0;
  for (int i = 0; i < n; ++i) {
    auto [a, b] = co_await trine::when_all(one(), one());
    sum += a + b;
  }
  co_return sum;
}

inline task<long> loop_of_yields(int n) {
  for (int i = 0; i < n; ++i) co_await trine::co::yield();
  co_return n;
}

inline void run_all() {
  EXPECT_EQ(loop(many).get(), many);
  EXPECT_EQ(trine::spawn(trine::coroutine, loop, many).get(), many);
  EXPECT_EQ(chain(many / 10).get(), many / 10);
  EXPECT_EQ(trine::spawn(trine::coroutine({.stack_size = 64 << 10}), loop, many).get(), many);
  EXPECT_EQ(loop_of_groups(many / 10).get(), many / 5);
  EXPECT_EQ(trine::spawn(trine::coroutine, loop_of_yields, many / 10).get(), many / 10);
}

}  // namespace depth
