// generator<T>.
#include "support.hpp"

#include <memory>
#include <ranges>
#include <string>

namespace {

using namespace support;
using trine::elements_of;
using trine::generator;

static_assert(std::ranges::input_range<generator<int>>);
static_assert(std::ranges::view<generator<int>>);
static_assert(!std::copyable<generator<int>> && std::movable<generator<int>>);
static_assert(std::same_as<std::ranges::range_reference_t<generator<int>>, int&&>);
static_assert(std::same_as<std::ranges::range_reference_t<generator<int&>>, int&>);
static_assert(std::same_as<std::ranges::range_reference_t<generator<const int&>>, const int&>);
static_assert(std::same_as<std::ranges::range_value_t<generator<std::string_view, std::string>>,
                           std::string>);

generator<int> up_to(int n) {
  for (int i = 0; i < n; ++i) co_yield i;
}

template <class Range>
auto list(Range&& range) {
  std::vector<std::ranges::range_value_t<Range>> all;
  for (auto&& each : range) all.push_back(std::forward<decltype(each)>(each));
  return all;
}

TEST(generator, is_a_range) {
  EXPECT_EQ(list(up_to(4)), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_TRUE(list(up_to(0)).empty());
  auto odd = up_to(10) | std::views::filter([](int i) { return i % 2 != 0; }) |
             std::views::transform([](int i) { return i * i; }) | std::views::take(3);
  EXPECT_EQ(list(std::move(odd)), (std::vector<int>{1, 9, 25}));
}

TEST(generator, is_lazy_and_stops_where_it_is_left) {
  int alive = 0;
  int made = 0;
  auto body = [](int& count, counted) -> generator<int> {
    for (;;) co_yield count++;
  };
  {
    auto g = body(made, counted(alive));
    EXPECT_EQ(made, 0);
    for (int i : g)
      if (i == 4) break;
    EXPECT_EQ(made, 5);
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(generator, gives_references) {
  std::vector<std::string> words{"a", "b"};
  auto each = [&]() -> generator<std::string&> {
    for (std::string& w : words) co_yield w;
  };
  for (std::string& w : each()) w += "!";
  EXPECT_EQ(words[1], "b!");
  auto constant = [&]() -> generator<const std::string&> {
    for (const std::string& w : words) co_yield w;
    co_yield "temporary";
  };
  EXPECT_EQ(list(constant()), (std::vector<std::string>{"a!", "b!", "temporary"}));
}

TEST(generator, gives_what_can_only_be_moved) {
  auto body = []() -> generator<std::unique_ptr<int>> {
    co_yield std::make_unique<int>(1);
    auto second = std::make_unique<int>(2);
    co_yield std::move(second);
  };
  int sum = 0;
  for (std::unique_ptr<int> p : body()) sum += *p;
  EXPECT_EQ(sum, 3);
}

TEST(generator, an_lvalue_is_copied_where_values_are_given) {
  auto body = []() -> generator<std::string> {
    std::string keep = "kept";
    co_yield keep;
    co_yield keep;
  };
  std::vector<std::string> all;
  for (std::string s : body()) all.push_back(std::move(s));
  EXPECT_EQ(all, (std::vector<std::string>{"kept", "kept"}));
}

TEST(generator, exceptions_come_out_of_begin_and_increment) {
  auto body = [](int after) -> generator<int> {
    for (int i = 0; i < after; ++i) co_yield i;
    throw std::runtime_error("done");
  };
  EXPECT_THROW(body(0).begin(), std::runtime_error);
  int seen = 0;
  try {
    for ([[maybe_unused]] int i : body(3)) ++seen;
    FAIL();
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(seen, 3);
}

struct tree {
  int value;
  std::vector<tree> children;
};
generator<const tree&> walk(const tree& t) {
  for (const tree& child : t.children) co_yield elements_of(walk(child));
  co_yield t;
}

TEST(generator, recursion) {
  const tree t{4, {{1, {}}, {3, {{2, {}}}}}};
  std::vector<int> order;
  for (const tree& each : walk(t)) order.push_back(each.value);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

generator<int> nested(int depth) {
  if (depth == 0) throw std::out_of_range("the bottom");
  co_yield depth;
  co_yield elements_of(nested(depth - 1));
}

TEST(generator, exceptions_pass_through_recursion) {
  int seen = 0;
  EXPECT_THROW(
      {
        for ([[maybe_unused]] int i : nested(50)) ++seen;
      },
      std::out_of_range);
  EXPECT_EQ(seen, 50);
  auto catches = []() -> generator<int> {
    try {
      co_yield elements_of(nested(2));
    } catch (const std::out_of_range&) {
    }
    co_yield -1;
    co_yield -2;
  };
  std::vector<int> all;
  for (int i : catches()) all.push_back(i);
  EXPECT_EQ(all, (std::vector<int>{2, 1, -1, -2}));
}

generator<int> empty_ones(int n) {
  for (int i = 0; i < n; ++i) co_yield elements_of(up_to(0));
  co_yield 7;
}
generator<int> deep(int n) {
  if (n != 0) co_yield elements_of(deep(n - 1));
  co_yield n;
}

TEST(generator, nesting_needs_no_stack) {
  EXPECT_EQ(list(empty_ones(sanitized ? 100000 : 1000000)), std::vector<int>{7});
  long count = 0;
  for ([[maybe_unused]] int i : deep(20000)) ++count;
  EXPECT_EQ(count, 20001);
}

TEST(generator, elements_of_any_range) {
  auto body = []() -> generator<int> {
    const std::vector<int> some{1, 2};
    co_yield elements_of(some);
    co_yield elements_of(std::views::iota(3, 5));
    auto own = up_to(2);
    co_yield elements_of(own);
    co_yield elements_of(generator<int>());
  };
  std::vector<int> all;
  for (int i : body()) all.push_back(i);
  EXPECT_EQ(all, (std::vector<int>{1, 2, 3, 4, 0, 1}));
}

TEST(generator, its_body_may_block) {
  auto body = []() -> generator<int> {
    for (int i = 0; i < 5; ++i) {
      auto h = trine::spawn(trine::thread, [i] { return i; });
      co_yield h.get();
      trine::this_unit::sleep_for(100us);
    }
  };
  auto sum = [&] {
    int all = 0;
    for (int i : body()) all += i;
    return all;
  };
  EXPECT_EQ(sum(), 10);
  EXPECT_EQ(trine::spawn(trine::coroutine, sum).get(), 10);
}

TEST(generator, a_task_may_read_one_and_await_between) {
  auto body = []() -> trine::task<int> {
    int all = 0;
    for (int i : up_to(5)) {
      co_await trine::co::yield();
      all += i;
    }
    co_return all;
  };
  EXPECT_EQ(body().get(), 10);
}

}  // namespace
