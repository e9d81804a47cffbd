// Every kind of unit starts every kind, at every depth and from every thread.
#include <thread>

#include "contract/support.hpp"

namespace {

using namespace support;

// Starts the rest of the list in a unit of the first kind; says what each level really was.
std::vector<int> descend(std::vector<int> kinds) {
  std::vector<int> found = {static_cast<int>(trine::this_unit::kind())};
  if (kinds.empty()) return found;
  const trine::any_unit unit = unit_of(static_cast<trine::unit_kind>(kinds.front()));
  kinds.erase(kinds.begin());
  for (const int kind : trine::spawn(unit, descend, std::move(kinds)).get()) found.push_back(kind);
  return found;
}

class nested : public ::testing::TestWithParam<std::tuple<trine::unit_kind, trine::unit_kind>> {};

std::string names_of(
    const ::testing::TestParamInfo<std::tuple<trine::unit_kind, trine::unit_kind>>& test) {
  return std::string(trine::to_string(std::get<1>(test.param))) + "_in_" +
         trine::to_string(std::get<0>(test.param));
}
INSTANTIATE_TEST_SUITE_P(each, nested,
                         ::testing::Combine(::testing::ValuesIn(all_kinds),
                                            ::testing::ValuesIn(all_kinds)),
                         names_of);

TEST_P(nested, two_levels) {
  const auto [outer, inner] = GetParam();
  const std::vector<int> kinds = {static_cast<int>(outer), static_cast<int>(inner)};
  auto found = descend(kinds);
  found.erase(found.begin());
  EXPECT_EQ(found, kinds);
}

TEST_P(nested, three_levels) {
  const auto [outer, inner] = GetParam();
  for (const trine::unit_kind third : all_kinds) {
    const std::vector<int> kinds = {static_cast<int>(outer), static_cast<int>(inner),
                                    static_cast<int>(third)};
    auto found = descend(kinds);
    found.erase(found.begin());
    EXPECT_EQ(found, kinds);
  }
}

TEST_P(nested, several_of_each) {
  const auto [outer, inner] = GetParam();
  auto h = trine::spawn(
      unit_of(outer),
      [](int kind) {
        std::vector<trine::handle<int>> all;
        for (int i = 0; i < 10; ++i) {
          all.push_back(trine::spawn(
              unit_of(static_cast<trine::unit_kind>(kind)), [](int n) { return n * n; }, i));
        }
        int sum = 0;
        for (auto& one : all) sum += one.get();
        return sum;
      },
      static_cast<int>(inner));
  EXPECT_EQ(h.get(), 285);
}

class from_threads : public unit_test {};
TRINE_ALL_UNITS(from_threads);

TEST_P(from_threads, that_trine_did_not_make) {
  int result = 0;
  std::thread([&] { result = trine::spawn(unit(), [] { return 9; }).get(); }).join();
  EXPECT_EQ(result, 9);
}

TEST_P(from_threads, many_at_once) {
  std::atomic<int> sum{0};
  {
    std::vector<std::jthread> all;
    for (int t = 0; t < 6; ++t) {
      all.emplace_back([&, t] {
        for (int i = 0; i < 30; ++i)
          sum += trine::spawn(
                     unit(), [](int a, int b) { return a * b; }, t, i)
                     .get();
      });
    }
  }
  EXPECT_EQ(sum.load(), 15 * 435);
}

TEST_P(from_threads, a_handle_goes_to_another_thread) {
  auto h = trine::spawn(unit(), [] { return 4; });
  int result = 0;
  std::thread([&result, h = std::move(h)]() mutable { result = h.get(); }).join();
  EXPECT_EQ(result, 4);
}

// A deep chain: each unit waits for the next, so all exist at once.
TEST(deep, coroutines_that_wait_for_coroutines) {
  struct chain {
    static int link(int left) {
      if (left == 0) return 0;
      return 1 + trine::spawn(trine::coroutine, link, left - 1).get();
    }
  };
  constexpr int depth = sanitized ? 300 : 3'000;
  EXPECT_EQ(trine::spawn(trine::coroutine, chain::link, depth).get(), depth);
}

TEST(deep, threads_that_wait_for_threads) {
  struct chain {
    static int link(int left) {
      if (left == 0) return 0;
      return 1 + trine::spawn(trine::thread, link, left - 1).get();
    }
  };
  EXPECT_EQ(trine::spawn(trine::thread, chain::link, 100).get(), 100);
}

}  // namespace
