// What a function returns is what get() gives, whichever unit it ran as.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "contract/support.hpp"

namespace {

using namespace support;

class results : public unit_test {};
TRINE_ALL_UNITS(results);

void nothing() {}
long add(int a, long b) { return a + b; }
std::unique_ptr<std::string> boxed(std::string text) {
  return std::make_unique<std::string>(text + "!");
}
std::vector<std::uint8_t> large(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 % 251);
  return bytes;
}
std::uint64_t sum(std::vector<std::uint8_t> bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0});
}
std::map<std::string, std::vector<int>> index(std::vector<std::string> words) {
  std::map<std::string, std::vector<int>> found;
  for (std::size_t i = 0; i < words.size(); ++i) found[words[i]].push_back(static_cast<int>(i));
  return found;
}
std::size_t length(std::string text) { return text.size(); }
double half(double x) noexcept { return x / 2; }

struct point {
  int x = 0;
  double y = 0;
  bool operator==(const point&) const = default;
};
point mirror(point p) { return {-p.x, -p.y}; }

TEST_P(results, nothing_at_all) {
  auto h = trine::spawn(unit(), nothing);
  static_assert(std::is_void_v<decltype(h.get())>);
  h.get();
  EXPECT_TRUE(h.ready());
}

TEST_P(results, numbers) {
  EXPECT_EQ(trine::spawn(unit(), add, 40, 2L).get(), 42);
  EXPECT_EQ(trine::spawn(unit(), half, 5.0).get(), 2.5);
}

TEST_P(results, arguments_convert_as_in_a_call) {
  EXPECT_EQ(trine::spawn(unit(), length, "twelve bytes").get(), 12U);
  const short seven = 7;
  EXPECT_EQ(trine::spawn(unit(), add, seven, 1).get(), 8);
}

TEST_P(results, move_only) {
  auto h = trine::spawn(unit(), boxed, std::string("moved"));
  std::unique_ptr<std::string> text = h.get();
  ASSERT_NE(text, nullptr);
  EXPECT_EQ(*text, "moved!");
}

TEST_P(results, four_mebibytes_each_way) {
  constexpr std::size_t size = std::size_t{4} << 20;
  const auto bytes = trine::spawn(unit(), large, size).get();
  EXPECT_EQ(bytes, large(size));
  EXPECT_EQ(trine::spawn(unit(), sum, bytes).get(), sum(bytes));
}

TEST_P(results, containers_and_strings) {
  const std::vector<std::string> words = {"a", "", std::string(5000, 'x'), "a"};
  const auto found = trine::spawn(unit(), index, words).get();
  EXPECT_EQ(found, index(words));
}

TEST_P(results, plain_classes) {
  EXPECT_EQ(trine::spawn(unit(), mirror, point{3, -1.5}).get(), (point{-3, 1.5}));
}

TEST_P(results, vocabulary_types) {
  auto h = trine::spawn(
      unit(),
      [](std::optional<int> a, std::variant<int, std::string> b) {
        return std::make_tuple(a.value_or(-1), b.index(), std::set<int>{3, 1, 2});
      },
      std::optional<int>{}, std::variant<int, std::string>{"text"});
  EXPECT_EQ(h.get(), std::make_tuple(-1, std::size_t{1}, std::set<int>{1, 2, 3}));
}

TEST_P(results, lambda_without_captures) {
  EXPECT_EQ(trine::spawn(
                unit(), [](int n) { return n * n; }, 9)
                .get(),
            81);
}

TEST_P(results, empty_and_zero) {
  EXPECT_TRUE(trine::spawn(unit(), large, std::size_t{0}).get().empty());
  EXPECT_EQ(trine::spawn(unit(), length, std::string()).get(), 0U);
}

TEST_P(results, one_after_the_other) {
  for (long i = 0; i < 200; ++i) ASSERT_EQ(trine::spawn(unit(), add, 1, i).get(), i + 1);
}

TEST_P(results, many_at_once) {
  std::vector<trine::handle<long>> all;
  for (int i = 0; i < 200; ++i) all.push_back(trine::spawn(unit(), add, i, 1L));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)].get(), i + 1);
}

// ---- what makes sense within one process only ---------------------------------------------------

class local_results : public local_test {};
TRINE_LOCAL_UNITS(local_results);

TEST_P(local_results, references_stay_references) {
  with_local(GetParam(), [](auto unit) {
    std::string text = "here";
    auto h = trine::spawn(unit, [&text]() -> std::string& { return text; });
    static_assert(std::is_same_v<decltype(h.get()), std::string&>);
    EXPECT_EQ(&h.get(), &text);

    auto constant = trine::spawn(unit, [&text]() -> const std::string& { return text; });
    EXPECT_EQ(&constant.get(), &text);
  });
}

TEST_P(local_results, rvalue_references_become_values) {
  with_local(GetParam(), [](auto unit) {
    auto text = std::make_unique<int>(4);
    auto h = trine::spawn(unit, [&]() -> std::unique_ptr<int>&& { return std::move(text); });
    static_assert(std::is_same_v<decltype(h.get()), std::unique_ptr<int>>);
    EXPECT_EQ(*h.get(), 4);
  });
}

TEST_P(local_results, captures_arguments_by_reference_and_by_move) {
  with_local(GetParam(), [](auto unit) {
    int count = 0;
    auto box = std::make_unique<int>(5);
    auto h = trine::spawn(
        unit, [&count](int& by_ref, std::unique_ptr<int> own) { by_ref += *own + ++count; },
        std::ref(count), std::move(box));
    h.get();
    EXPECT_EQ(count, 7);
  });
}

TEST_P(local_results, member_functions) {
  struct counter {
    int n = 0;
    int add(int k) { return n += k; }
  };
  with_local(GetParam(), [](auto unit) {
    counter c;
    EXPECT_EQ(trine::spawn(unit, &counter::add, &c, 3).get(), 3);
    EXPECT_EQ(trine::spawn(unit, &counter::add, std::ref(c), 3).get(), 6);
    EXPECT_EQ(c.n, 6);
  });
}

TEST_P(local_results, std_function_and_move_only_callables) {
  with_local(GetParam(), [](auto unit) {
    const std::function<int(int)> twice = [](int n) { return 2 * n; };
    EXPECT_EQ(trine::spawn(unit, twice, 4).get(), 8);
    auto own = std::make_unique<int>(3);
    EXPECT_EQ(trine::spawn(unit, [own = std::move(own)] { return *own; }).get(), 3);
  });
}

TEST_P(local_results, callable_ends_before_the_unit_is_seen_to_end) {
  with_local(GetParam(), [](auto unit) {
    for (int i = 0; i < 200; ++i) {
      auto witness = std::make_shared<int>(1);
      auto h = trine::spawn(unit, [witness] {});
      h.get();
      ASSERT_EQ(witness.use_count(), 1);
    }
  });
}

TEST_P(local_results, unclaimed_results_are_destroyed) {
  with_local(GetParam(), [](auto unit) {
    auto witness = std::make_shared<int>(1);
    {
      auto h = trine::spawn(unit, [witness] { return witness; });
    }
    {
      auto h = trine::spawn(unit, [witness] { return witness; });
      h.wait();
    }
    spin_until([&] { return witness.use_count() == 1; });
  });
}

}  // namespace
