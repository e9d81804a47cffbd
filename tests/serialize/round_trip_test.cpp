// Every type arrives as it was sent, and an encoding that is cut off anywhere is refused.
#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "samples.hpp"

namespace {

using namespace samples;

enum class colour : std::uint8_t { red, green };
enum old_enum { first, second };
enum class truth : bool { no, yes };

template <class T>
void check(const T& value) {
  SCOPED_TRACE(__PRETTY_FUNCTION__);
  static_assert(trine::process_copyable<T>);
  static_assert(trine::process_copyable<const T>);
  const auto bytes = encode(value);
  EXPECT_TRUE(decode<T>(bytes) == value);

  // At an odd address too.
  std::vector<std::byte> shifted(bytes.size() + 1);
  std::copy(bytes.begin(), bytes.end(), shifted.begin() + 1);
  trine::byte_reader unaligned(std::span<const std::byte>(shifted).subspan(1));
  EXPECT_TRUE(trine::deserialize<T>(unaligned) == value);

  for (std::size_t length = 0; length < bytes.size(); ++length) {
    // A copy of just that length, for the address sanitizer to guard.
    const std::vector<std::byte> cut(bytes.begin(),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(length));
    trine::byte_reader in(cut);
    EXPECT_THROW(trine::deserialize<T>(in), trine::wire_error) << length;
  }
}

TEST(round_trip, arithmetic_and_enums) {
  check(true);
  check(false);
  check('x');
  check(L'x');
  check(u8'x');
  check(-1);
  check(std::numeric_limits<long>::min());
  check(std::uint64_t{1} << 63);
  check(1.5f);
  check(-0.0);
  check(2.5L);
  check(colour::green);
  check(second);
  check(truth::yes);
  check(std::byte{7});
}

TEST(round_trip, classes) {
  check(point{1, 2});
  check(fixed_point(7));
  check(account{"Ada", {1.5, -2}, {{1, 2}, {3, 4}}, true});
  check(labelled{{{"one", 1}}});
  check(temperature("warm"));
  check(nothing{});
  check(std::complex<double>(1, 2));
  check(std::chrono::milliseconds(3));
  check(std::chrono::system_clock::now());
  tree t{1, {}, nullptr};
  t.children.push_back(tree{2, {}, std::make_unique<tree>(tree{3, {}, nullptr})});
  t.children.emplace_back();
  check(t);
}

TEST(round_trip, strings) {
  check(std::string());
  check(std::string("with\0zero", 9));
  check(std::string(10000, 'x'));
  check(std::wstring(L"wide"));
  check(std::u8string(u8"u8"));
  check(std::u16string(u"u16"));
  check(std::u32string(U"u32"));
  check(std::filesystem::path("/a/b.txt"));
}

TEST(round_trip, sequences) {
  check(std::vector<int>{});
  check(std::vector<int>{1, 2, 3});
  check(std::vector<fixed_point>{fixed_point(1), fixed_point(2)});
  check(std::vector<std::string>{"a", "", "c"});
  check(std::vector<temperature>{temperature("a")});
  check(std::vector<std::vector<point>>{{{1, 2}}, {}});
  check(std::vector<nothing>(5));
  check(std::vector<std::monostate>(5));
  check(std::vector<std::tuple<>>(3));
  check(std::vector<truth>{truth::no, truth::yes});
  for (std::size_t size = 0; size < 20; ++size) {
    std::vector<bool> flags(size);
    for (std::size_t i = 0; i < size; i += 3) flags[i] = true;
    check(flags);
  }
  check(std::deque<bool>{true, false});
  check(std::deque<int>{1, 2});
  check(std::list<std::string>{"a", "b"});
  check(std::forward_list<int>{1, 2, 3});
  check(std::array<int, 3>{1, 2, 3});
  check(std::array<int, 0>{});
  check(std::array<bool, 2>{true, false});
  check(std::array<std::string, 2>{"a", "b"});
  check(std::array<temperature, 2>{temperature("a"), temperature("b")});
  check(std::array<fixed_point, 2>{fixed_point(1), fixed_point(2)});
  check(std::bitset<0>());
  check(std::bitset<11>("10110011101"));
  check(std::bitset<64>(~0ULL));
}

TEST(round_trip, associative) {
  check(std::set<int>{3, 1, 2});
  check(std::set<std::string, std::greater<>>{"a", "b"});
  check(std::multiset<int>{1, 1, 2});
  check(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  check(std::map<int, bool>{{1, true}});
  check(std::multimap<int, std::string>{{1, "a"}, {1, "b"}});
  check(std::unordered_set<std::string>{"a", "b"});
  check(std::unordered_multiset<int>{1, 1});
  check(std::unordered_map<int, std::string>{{1, "a"}, {2, "b"}});
  check(std::unordered_multimap<int, int>{{1, 1}, {1, 2}});
}

TEST(round_trip, vocabulary) {
  check(std::pair<int, std::string>(1, "a"));
  check(std::tuple<>());
  check(std::tuple<int, std::string, bool>(1, "a", true));
  check(std::tuple<std::tuple<int>>(std::tuple<int>(1)));
  check(std::optional<int>());
  check(std::optional<std::string>("a"));
  check(std::optional<std::optional<bool>>(std::optional<bool>()));
  check(std::optional<temperature>(temperature("a")));
  check(std::monostate());
  check(std::variant<int, std::string>(5));
  check(std::variant<int, std::string>("five"));
  check(std::variant<std::monostate, int, int>(std::in_place_index<2>, 5));
  check(std::make_error_code(std::errc::timed_out));
  check(std::error_code(ENOENT, std::system_category()));
  check(std::make_error_condition(std::errc::io_error));
}

TEST(round_trip, owning_pointers) {
  EXPECT_EQ(*decode<std::unique_ptr<int>>(encode(std::make_unique<int>(5))), 5);
  EXPECT_EQ(decode<std::unique_ptr<int>>(encode(std::unique_ptr<int>())), nullptr);
  EXPECT_EQ(
      *decode<std::shared_ptr<const std::string>>(encode(std::make_shared<const std::string>("a"))),
      "a");
  std::vector<std::unique_ptr<std::string>> owners;
  owners.push_back(std::make_unique<std::string>("a"));
  owners.push_back(nullptr);
  const auto copy = decode<std::vector<std::unique_ptr<std::string>>>(encode(owners));
  ASSERT_EQ(copy.size(), 2U);
  EXPECT_EQ(*copy[0], "a");
  EXPECT_EQ(copy[1], nullptr);
  const auto mapped = decode<std::map<int, std::unique_ptr<int>>>(encode([] {
    std::map<int, std::unique_ptr<int>> m;
    m.emplace(1, std::make_unique<int>(2));
    return m;
  }()));
  EXPECT_EQ(*mapped.at(1), 2);
}

struct animal {
  int legs = 4;
  virtual ~animal() = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar& legs;
  }
};
struct bird : animal {};

TEST(round_trip, a_pointer_to_a_base_is_not_sliced) {
  EXPECT_EQ(decode<std::unique_ptr<animal>>(encode(std::make_unique<animal>()))->legs, 4);
  const std::unique_ptr<animal> hidden = std::make_unique<bird>();
  EXPECT_THROW(encode(hidden), trine::wire_error);
}

struct foreign_category : std::error_category {
  const char* name() const noexcept override { return "foreign"; }
  std::string message(int) const override { return "something"; }
};

TEST(round_trip, a_foreign_error_category_is_refused_by_name) {
  static const foreign_category category;
  try {
    encode(std::error_code(1, category));
    FAIL();
  } catch (const trine::wire_error& e) {
    EXPECT_NE(std::string(e.what()).find("'foreign'"), std::string::npos);
  }
}

}  // namespace
