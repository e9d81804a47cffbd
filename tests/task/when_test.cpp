// when_all and when_any.
#include "support.hpp"

#include <memory>
#include <string>

namespace {

using namespace support;
using trine::task;
namespace co = trine::co;

task<int> value(int n) { co_return n; }
task<int> later(int n, std::chrono::milliseconds span = 1ms) {
  co_await co::sleep_for(span);
  co_return n;
}
task<int> never(int& left) {
  struct leaves {
    int& count;
    ~leaves() { ++count; }
  } at_end{left};
  co_await co::sleep_for(for_ever);
  co_return 0;
}
task<int> fails(const char* why) {
  co_await co::yield();
  throw std::runtime_error(why);
}
task<void> nothing() { co_return; }

TEST(when_all, results_in_order) {
  static int place = 3;
  auto reference = []() -> task<int&> { co_return place; };
  auto move_only = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
  auto [a, b, c, d, e] =
      trine::when_all(later(1, 5ms), value(2), reference(), move_only(), nothing()).get();
  EXPECT_EQ(a + b, 3);
  EXPECT_EQ(&c.get(), &place);
  EXPECT_EQ(*d, 4);
  static_assert(std::is_same_v<decltype(e), std::monostate>);
  EXPECT_EQ(std::tuple_size_v<decltype(trine::when_all().get())>, 0U);
}

TEST(when_all, of_a_vector) {
  std::vector<task<int>> tasks;
  for (int i = 0; i < 100; ++i)
    tasks.push_back(i % 3 == 0 ? value(i) : later(i, std::chrono::milliseconds(i % 5)));
  const std::vector<int> got = trine::when_all(std::move(tasks)).get();
  ASSERT_EQ(got.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
  EXPECT_TRUE(trine::when_all(std::vector<task<int>>{}).get().empty());
  trine::when_all(std::vector<task<void>>{}).get();
}

TEST(when_all, runs_them_at_the_same_time) {
  // Each goes on only when all have begun.
  int begun = 0;
  auto meets = [&]() -> task<void> {
    ++begun;
    while (begun < 50) co_await co::yield();
  };
  std::vector<task<void>> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back(meets());
  trine::when_all(std::move(tasks)).get();
  EXPECT_EQ(begun, 50);
}

TEST(when_all, the_first_failure_stops_the_others) {
  int left = 0;
  try {
    trine::when_all(never(left), fails("first"), never(left), fails("second")).get();
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "first");
  }
  EXPECT_EQ(left, 2);
  std::vector<task<int>> tasks;
  tasks.push_back(never(left));
  tasks.push_back(fails("in a vector"));
  EXPECT_THROW(trine::when_all(std::move(tasks)).get(), std::runtime_error);
  EXPECT_EQ(left, 3);
}

TEST(when_all, a_failure_at_once_keeps_the_rest_from_beginning) {
  bool began = false;
  auto at_once = []() -> task<void> {
    throw std::logic_error("at once");
    co_return;
  };
  auto begins = [&]() -> task<void> {
    began = true;
    co_return;
  };
  EXPECT_THROW(trine::when_all(at_once(), begins()).get(), std::logic_error);
  EXPECT_FALSE(began);
}

TEST(when_all, others_of_the_home_go_on_after_a_failure) {
  auto body = []() -> task<int> {
    int left = 0;
    try {
      co_await trine::when_all(never(left), fails("x"));
    } catch (const std::runtime_error&) {
    }
    // This task itself was not stopped.
    co_return left + co_await later(10);
  };
  EXPECT_EQ(body().get(), 11);
}

TEST(when_all, nests_deeply) {
  struct tree {
    static task<int> grow(int depth) {
      if (depth == 0) co_return co_await later(1, 0ms);
      auto [a, b] = co_await trine::when_all(grow(depth - 1), grow(depth - 1));
      co_return a + b;
    }
    static task<int> line(int depth) {
      if (depth == 0) co_return 0;
      auto [n] = co_await trine::when_all(line(depth - 1));
      co_return n + 1;
    }
  };
  EXPECT_EQ(tree::grow(10).get(), 1024);
  EXPECT_EQ(tree::line(sanitized ? 1000 : 20000).get(), sanitized ? 1000 : 20000);
}

TEST(when_all, refuses_what_has_run) {
  auto used = value(1);
  used.get();
  EXPECT_THROW(trine::when_all(value(2), std::move(used)).get(), trine::usage_error);
  EXPECT_THROW(trine::when_all(value(2), task<int>()).get(), trine::usage_error);
}

TEST(when_any, the_first_stops_the_others) {
  int left = 0;
  auto first = trine::when_any(never(left), later(5), never(left)).get();
  EXPECT_EQ(first.index(), 1U);
  EXPECT_EQ(std::get<1>(first), 5);
  EXPECT_EQ(left, 2);
}

TEST(when_any, of_a_vector) {
  int left = 0;
  std::vector<task<int>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(i == 7 ? later(70) : never(left));
  const trine::first_of<int> first = trine::when_any(std::move(tasks)).get();
  EXPECT_EQ(first.index, 7U);
  EXPECT_EQ(first.value, 70);
  EXPECT_EQ(left, 9);
  EXPECT_THROW(trine::when_any(std::vector<task<int>>{}).get(), trine::usage_error);
}

TEST(when_any, as_a_time_limit) {
  auto limit = [](std::chrono::milliseconds span) -> task<void> { co_await co::sleep_for(span); };
  int left = 0;
  EXPECT_EQ(trine::when_any(never(left), limit(2ms)).get().index(), 1U);
  EXPECT_EQ(trine::when_any(value(1), limit(1000000ms)).get().index(), 0U);
  EXPECT_EQ(left, 1);
}

TEST(when_any, the_first_may_fail) {
  int left = 0;
  EXPECT_THROW(trine::when_any(never(left), fails("first")).get(), std::runtime_error);
  EXPECT_EQ(left, 1);
}

TEST(when_any, others_that_do_not_listen_are_waited_for) {
  bool ended = false;
  auto stubborn = [&]() -> task<int> {
    for (int i = 0; i < 100; ++i) co_await co::yield();
    ended = true;
    co_return 1;
  };
  EXPECT_EQ(trine::when_any(stubborn(), value(2)).get().index(), 1U);
  EXPECT_TRUE(ended);
}

TEST(when_any, inside_when_all_inside_when_any) {
  int left = 0;
  auto pair = [&]() -> task<int> {
    auto [a, b] = co_await trine::when_all(never(left), never(left));
    co_return a + b;
  };
  auto choice = [&]() -> task<int> {
    co_return static_cast<int>((co_await trine::when_any(pair(), never(left))).index());
  };
  EXPECT_EQ(trine::when_any(choice(), later(3)).get().index(), 1U);
  EXPECT_EQ(left, 3);
}

}  // namespace
