// map and for_each over ranges of every sort.
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <ranges>
#include <sstream>
#include <string>

#include "contract/support.hpp"

namespace {

using namespace support;

class maps : public unit_test {
 protected:
  std::size_t many() const {
    switch (GetParam()) {
      case trine::unit_kind::process:
        return 100;
      case trine::unit_kind::thread:
        return 300;
      case trine::unit_kind::coroutine:
        break;
    }
    return 10'000;
  }
};
TRINE_ALL_UNITS(maps);

int square(int n) { return n * n; }

std::vector<int> numbers(std::size_t count) {
  std::vector<int> all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST_P(maps, in_order) {
  const auto in = numbers(many());
  const std::vector<int> out = trine::map(unit(), in, square);
  ASSERT_EQ(out.size(), in.size());
  for (std::size_t i = 0; i < in.size(); ++i) ASSERT_EQ(out[i], in[i] * in[i]);
}

TEST_P(maps, of_nothing) {
  EXPECT_TRUE(trine::map(unit(), std::vector<int>{}, square).empty());
  trine::for_each(unit(), std::vector<int>{}, square);
}

TEST_P(maps, of_one) { EXPECT_EQ(trine::map(unit(), std::vector<int>{5}, square).at(0), 25); }

TEST_P(maps, to_bools) {
  const std::vector<bool> odd = trine::map(unit(), numbers(20), [](int n) { return n % 2 == 1; });
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(odd[i], i % 2 == 1);
}

TEST_P(maps, to_move_only_results) {
  auto boxes = trine::map(unit(), numbers(10), [](int n) { return std::make_unique<int>(n); });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(*boxes[static_cast<std::size_t>(i)], i);
}

TEST_P(maps, over_lists_views_and_arrays) {
  const std::list<std::string> words = {"one", "three", ""};
  EXPECT_EQ(trine::map(unit(), words, [](std::string w) { return w.size(); }),
            (std::vector<std::size_t>{3, 5, 0}));
  EXPECT_EQ(trine::map(unit(), std::views::iota(1, 5), square), (std::vector<int>{1, 4, 9, 16}));
  auto evens = numbers(10) | std::views::filter([](int n) { return n % 2 == 0; });
  EXPECT_EQ(trine::map(unit(), evens, square), (std::vector<int>{0, 4, 16, 36, 64}));
  const int raw[] = {3, 4};
  EXPECT_EQ(trine::map(unit(), raw, square), (std::vector<int>{9, 16}));
}

TEST_P(maps, over_ranges_that_can_be_read_once) {
  std::istringstream text("1 2 3 4 5");
  EXPECT_EQ(trine::map(unit(), std::views::istream<int>(text), square),
            (std::vector<int>{1, 4, 9, 16, 25}));
}

TEST_P(maps, the_first_failure_in_the_order_of_the_range) {
  meeting at;
  std::vector<std::pair<std::string, int>> in;
  for (int i = 0; i < 8; ++i) in.emplace_back(at.path(), i);
  try {
    std::ignore = trine::map(unit(), in, [](std::pair<std::string, int> e) {
      meeting inside(e.first);
      // The second to fail in time is the first in order.
      if (e.second == 5) {
        inside.arrive();
        throw std::runtime_error("5");
      }
      if (e.second == 2) {
        inside.await(1);
        throw std::runtime_error("2");
      }
      return e.second;
    });
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "2");
  }
}

TEST_P(maps, a_failure_stops_the_rest) {
  std::vector<int> in(10, 1);
  in[0] = 0;
  EXPECT_THROW(trine::for_each(unit(), in,
                               [](int n) {
                                 if (n == 0) throw std::out_of_range("first");
                                 trine::this_unit::sleep_for(for_ever);
                               }),
               std::out_of_range);
}

TEST_P(maps, a_stopped_caller_stops_them) {
  meeting at;
  auto h = trine::spawn(trine::coroutine, [&] {
    const std::vector<std::string> in(3, at.path());
    trine::for_each(unit(), in, sleeper);
  });
  at.await(3);
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
  EXPECT_EQ(at[2], 3);
}

TEST_P(maps, from_inside_every_kind) {
  auto h = trine::spawn(unit(), [] {
    int sum = 0;
    for (const trine::unit_kind kind : all_kinds)
      for (const int n : trine::map(unit_of(kind), std::vector<int>{1, 2, 3}, square)) sum += n;
    return sum;
  });
  EXPECT_EQ(h.get(), 42);
}

TEST_P(maps, names_reach_every_element) {
  const auto names = trine::map(unit_of(GetParam(), "element"), numbers(5),
                                [](int) { return trine::this_unit::name(); });
  EXPECT_EQ(names, std::vector<std::string>(5, "element"));
}

class local_maps : public local_test {};
TRINE_LOCAL_UNITS(local_maps);

TEST_P(local_maps, for_each_changes_the_elements) {
  with_local(GetParam(), [](auto unit) {
    auto all = numbers(300);
    trine::for_each(unit, all, [](int& n) { n = -n; });
    for (int i = 0; i < 300; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)], -i);

    std::map<std::string, int> counts = {{"a", 1}, {"b", 2}};
    trine::for_each(unit, counts, [](auto& entry) { entry.second *= 10; });
    EXPECT_EQ(counts, (std::map<std::string, int>{{"a", 10}, {"b", 20}}));
  });
}

TEST_P(local_maps, elements_that_cannot_be_copied) {
  with_local(GetParam(), [](auto unit) {
    std::vector<std::unique_ptr<int>> boxes;
    for (int i = 0; i < 10; ++i) boxes.push_back(std::make_unique<int>(i));
    trine::for_each(unit, boxes, [](std::unique_ptr<int>& box) { *box += 1; });
    EXPECT_EQ(trine::map(unit, boxes, [](const std::unique_ptr<int>& box) { return *box; }),
              (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  });
}

TEST_P(local_maps, captures_and_one_function_object_for_all) {
  with_local(GetParam(), [](auto unit) {
    std::atomic<int> sum{0};
    trine::for_each(unit, numbers(100), [&sum](int n) { sum += n; });
    EXPECT_EQ(sum.load(), 4950);
  });
}

TEST_P(local_maps, over_vector_of_bool) {
  with_local(GetParam(), [](auto unit) {
    const std::vector<bool> in = {true, false, true};
    const std::vector<bool> out = trine::map(unit, in, [](bool b) { return !b; });
    EXPECT_EQ(out, (std::vector<bool>{false, true, false}));
  });
}

TEST_P(local_maps, more_elements_than_run_at_a_time) {
  if (GetParam() == trine::unit_kind::thread) {
    EXPECT_EQ(trine::map(trine::thread, numbers(600), square).size(), 600U);
  } else {
    std::atomic<int> now{0}, most{0};
    trine::for_each(trine::coroutine, numbers(sanitized ? 5'000 : 20'000), [&](int) {
      const int here = now.fetch_add(1) + 1;
      int seen = most.load();
      while (seen < here && !most.compare_exchange_weak(seen, here)) {
      }
      trine::this_unit::yield();
      now.fetch_sub(1);
    });
    EXPECT_LE(most.load(), 4096);
  }
}

TEST(process_maps, for_each_changes_copies_only) {
  auto all = numbers(20);
  trine::for_each(trine::process, all, [](int n) { n = -n; });
  EXPECT_EQ(all, numbers(20));
}

}  // namespace
