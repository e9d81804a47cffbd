// Random and damaged bytes give a value or a wire_error, nothing else. Run it under the sanitizers.
// The soak makes it longer: TRINE_FUZZ_ROUNDS random messages (a tenth as many damaged ones), the
// random numbers of TRINE_FUZZ_SEED.
#include <bitset>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <forward_list>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "process/remote_exception.hpp"
#include "samples.hpp"

namespace {

using namespace samples;

using everything =
    std::tuple<bool, std::string, std::vector<std::string>, std::vector<bool>, std::bitset<13>,
               std::map<int, std::vector<short>>, std::unordered_map<std::string, double>,
               std::optional<std::variant<int, std::string, std::monostate>>, tree, account,
               std::vector<nothing>, std::set<std::u16string>, std::forward_list<bool>,
               std::filesystem::path, std::error_code, std::exception_ptr,
               std::vector<fixed_point>>;

template <class T>
bool feed(std::span<const std::byte> bytes) {
  trine::byte_reader in(bytes);
  try {
    static_cast<void>(trine::deserialize<T>(in));
    return true;
  } catch (const trine::wire_error&) {
    return false;
  }
}

template <class Tuple, std::size_t... I>
int feed_element(std::size_t which, std::span<const std::byte> bytes, std::index_sequence<I...>) {
  int accepted = 0;
  static_cast<void>(
      ((which == I ? (accepted += feed<std::tuple_element_t<I, Tuple>>(bytes), true) : false) ||
       ...));
  return accepted;
}

unsigned long from_environment(const char* name, unsigned long otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoul(text, nullptr, 10) : otherwise;
}
unsigned long rounds() { return from_environment("TRINE_FUZZ_ROUNDS", 200000); }

TEST(fuzz, random_bytes) {
  constexpr std::size_t kinds = std::tuple_size_v<everything>;
  std::mt19937_64 random(from_environment("TRINE_FUZZ_SEED", 1));
  int accepted = 0, refused = 0;
  std::vector<std::byte> bytes;
  for (unsigned long round = 0; round < rounds(); ++round) {
    bytes.resize(random() % 64);
    // Mostly small numbers, so that counts and indices are often plausible.
    for (auto& each : bytes) {
      const std::uint64_t r = random();
      each = static_cast<std::byte>((r & 3) != 0 ? 0 : ((r & 4) != 0 ? (r >> 8) % 4 : r >> 8));
    }
    const int taken =
        feed_element<everything>(round % kinds, bytes, std::make_index_sequence<kinds>());
    accepted += taken;
    refused += 1 - taken;
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(fuzz, damaged_encodings) {
  tree t{1, {}, std::make_unique<tree>()};
  t.children.resize(2);
  everything value;
  std::get<std::string>(value) = "text";
  std::get<std::vector<std::string>>(value) = {"a", "bb"};
  std::get<std::vector<bool>>(value) = {true, false};
  std::get<std::map<int, std::vector<short>>>(value) = {{1, {2}}};
  std::get<std::unordered_map<std::string, double>>(value) = {{"k", 1.5}};
  std::get<7>(value) = "held";
  std::get<tree>(value) = std::move(t);
  std::get<account>(value) = account{"Ada", {1.5}, {}, true};
  std::get<std::vector<nothing>>(value).resize(2);
  std::get<std::set<std::u16string>>(value) = {u"x"};
  std::get<std::forward_list<bool>>(value) = {true};
  std::get<std::filesystem::path>(value) = "/tmp/x";
  std::get<std::error_code>(value) = std::make_error_code(std::errc::io_error);
  std::get<std::exception_ptr>(value) = std::make_exception_ptr(std::out_of_range("far"));
  std::get<std::vector<fixed_point>>(value).emplace_back(1);
  trine::byte_buffer out;
  trine::serialize_to(out, value);
  const std::vector<std::byte> good(out.bytes().begin(), out.bytes().end());
  ASSERT_TRUE(feed<everything>(good));

  for (std::size_t length = 0; length < good.size(); ++length)
    ASSERT_FALSE(feed<everything>(std::span(good).first(length))) << length;

  std::mt19937_64 random(from_environment("TRINE_FUZZ_SEED", 1) + 1);
  for (unsigned long round = 0; round < rounds() / 10; ++round) {
    auto bad = good;
    for (std::uint64_t hits = 1 + random() % 3; hits != 0; --hits)
      bad[random() % bad.size()] = static_cast<std::byte>(random());
    feed<everything>(bad);
  }
}

}  // namespace
