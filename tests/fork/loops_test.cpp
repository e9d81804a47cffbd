// What parallel_for and parallel_reduce call, and in what order results are combined.
#include <cmath>
#include <limits>
#include <numeric>

#include "fork/support.hpp"

namespace {

using namespace forks;

template <class I>
void each_once(I first, I last) {
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(last - first));
  trine::parallel_for(first, last, [&](I i) { seen[static_cast<std::size_t>(i - first)]++; });
  trine::parallel_for(first, last, I{0}, [&](I begin, I end) {
    ASSERT_LT(begin, end);
    for (I i = begin; i != end; ++i) seen[static_cast<std::size_t>(i - first)]++;
  });
  trine::parallel_for(first, last, I{7}, [&](I begin, I end) {
    ASSERT_EQ((begin - first) % 7, 0);
    ASSERT_LE(end - begin, 7);
    for (I i = begin; i != end; ++i) seen[static_cast<std::size_t>(i - first)]++;
  });
  for (const auto& count : seen) ASSERT_EQ(count.load(), 3);
}

TEST(parallel_for, each_number_once) {
  for (int size : {0, 1, 2, 3, 7, 8, 100, 10'000}) {
    in_coroutine([size] { each_once<int>(-5, size - 5); });
    each_once<long>(1'000'000'000'000, 1'000'000'000'000 + size);
  }
  in_coroutine([] {
    for (int i = 0; i < (sanitized ? 300 : 3000); ++i) each_once<unsigned>(3, 3 + 64);
  });
}

TEST(parallel_for, a_range_as_wide_as_its_type) {
  std::atomic<int> calls{0}, sum{0};
  trine::parallel_for(std::numeric_limits<signed char>::min(),
                      std::numeric_limits<signed char>::max(), [&](signed char c) {
                        calls++;
                        sum += c;
                      });
  EXPECT_EQ(calls.load(), 255);
  EXPECT_EQ(sum.load(), -128 - 127);
  std::atomic<int> parts{0};
  constexpr auto low = std::numeric_limits<std::int64_t>::min();
  constexpr auto high = std::numeric_limits<std::int64_t>::max();
  std::int64_t end_of_last = 0;
  trine::parallel_for(low, high, high, [&](std::int64_t begin, std::int64_t end) {
    parts++;
    if (end == high) end_of_last = begin;
  });
  EXPECT_EQ(parts.load(), 3);
  EXPECT_EQ(end_of_last, high - 1);
}

TEST(parallel_for, an_empty_or_reversed_range_calls_nothing) {
  trine::parallel_for(5, 5, [](int) { FAIL(); });
  trine::parallel_for(5, -5, [](int) { FAIL(); });
  trine::parallel_for(5, -5, 0, [](int, int) { FAIL(); });
  trine::parallel_for(5, 5, 10, [](int, int) { FAIL(); });
  EXPECT_EQ(trine::parallel_reduce(
                5, -5, 42, [](int) { return 1; }, std::plus<>()),
            42);
}

// So that a failure of the first half of a loop is not followed by work for hours.
TEST(parallel_for, nothing_begins_after_an_exception) {
  std::atomic<long> calls{0};
  EXPECT_THROW(trine::parallel_for(0L, 1L << 40,
                                   [&](long i) {
                                     calls++;
                                     if (i == 10) throw std::runtime_error("ten");
                                   }),
               std::runtime_error);
  EXPECT_LT(calls.load(), 1L << 39);
  EXPECT_THROW(trine::parallel_for(0L, 1L << 40, 1,
                                   [&](long i, long) {
                                     if (i == 10) throw std::runtime_error("ten");
                                   }),
               std::runtime_error);
  EXPECT_THROW(
      trine::parallel_for(0L, 1L << 62, 0, [&](long, long) { throw std::runtime_error("first"); }),
      std::runtime_error);
}

TEST(parallel_reduce, in_order_of_the_numbers) {
  for (int size : {1, 2, 3, 10, 1000}) {
    std::string expected = ">";
    for (int i = 0; i < size; ++i) expected += std::to_string(i) + ",";
    const std::string text = in_coroutine([size] {
      return trine::parallel_reduce(
          0, size, std::string(">"), [](int i) { return std::to_string(i) + ","; }, std::plus<>());
    });
    EXPECT_EQ(text, expected);
  }
}

TEST(parallel_reduce, floating_point_repeats) {
  const auto once = [](int) {
    return trine::parallel_reduce(
        1, 20'000, 0.0, [](int i) { return 1.0 / i; }, std::plus<>());
  };
  const double first = once(0);
  EXPECT_NEAR(first, std::log(19'999) + 0.5772156649, 1e-4);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(once(i), first);
    EXPECT_EQ(in_coroutine([&] { return once(i); }), first);
  }
}

struct moved_only {
  explicit moved_only(long its) : value(std::make_unique<long>(its)) {}
  std::unique_ptr<long> value;
};

TEST(parallel_reduce, values_are_moved) {
  const moved_only sum = trine::parallel_reduce(
      1L, 101L, moved_only(0), [](long i) { return moved_only(i); },
      [](moved_only a, moved_only b) { return moved_only(*a.value + *b.value); });
  EXPECT_EQ(*sum.value, 5050);
}

TEST(parallel_reduce, an_exception_of_map_or_combine) {
  EXPECT_THROW(trine::parallel_reduce(
                   0, 1000, 0, [](int i) { return i == 500 ? throw std::out_of_range("map") : i; },
                   std::plus<>()),
               std::out_of_range);
  EXPECT_THROW(trine::parallel_reduce(
                   0, 1000, 0, [](int i) { return i; },
                   [](int a, int b) { return a + b > 1000 ? throw std::range_error("") : a + b; }),
               std::range_error);
}

}  // namespace
