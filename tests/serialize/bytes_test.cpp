// The writer's buffers and the reader's checks.
#include <algorithm>
#include <array>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "samples.hpp"

namespace {

using namespace samples;

TEST(byte_writer, a_fixed_buffer_refuses_what_does_not_fit) {
  std::array<std::byte, 8> memory{};
  trine::byte_writer out(memory);
  out.write_raw(1);
  EXPECT_THROW(out.write_string("too long"), trine::wire_error);
  EXPECT_THROW(out.extend(std::numeric_limits<std::size_t>::max()), trine::wire_error);
  out.truncate(4);
  out.write_raw(2);
  EXPECT_EQ(out.size(), 8U);
  EXPECT_EQ(out.bytes().data(), memory.data());
  EXPECT_THROW(out.write_raw('x'), trine::wire_error);
  out.clear();
  EXPECT_EQ(out.size(), 0U);
}

struct arena {
  std::vector<std::byte> memory{16};
  std::size_t limit = 1000;
  int calls = 0;
  static std::span<std::byte> grow(void* context, std::size_t needed) {
    auto& self = *static_cast<arena*>(context);
    ++self.calls;
    if (needed > self.limit) return {};
    self.memory.resize(std::min(std::max(needed, self.memory.size() * 2), self.limit));
    return self.memory;
  }
};

TEST(byte_writer, grows_through_its_callback_until_it_refuses) {
  arena a;
  trine::byte_writer out(a.memory, &arena::grow, &a);
  const std::string text(500, 'x');
  trine::serialize_to(out, text);
  EXPECT_GE(a.calls, 1);
  EXPECT_EQ(out.bytes().data(), a.memory.data());
  EXPECT_THROW(trine::serialize_to(out, text), trine::wire_error);
  trine::byte_reader in(out.bytes());
  EXPECT_EQ(trine::deserialize<std::string>(in), text);
}

TEST(byte_buffer, moves_with_its_content) {
  trine::byte_buffer a;
  EXPECT_EQ(a.size(), 0U);
  a.write_string("hello");
  trine::byte_buffer b(std::move(a));
  EXPECT_EQ(b.size(), 13U);
  a = trine::byte_buffer();
  for (int i = 0; i < 1000; ++i) b.write_raw(i);  // grows its own memory, not a's
  a = std::move(b);
  EXPECT_EQ(a.size(), 4013U);
  trine::byte_reader in(a.bytes());
  EXPECT_EQ(in.read_string(), "hello");
  a.swap(b);
  EXPECT_EQ(b.size(), 4013U);
}

template <class T>
void refused(const std::vector<unsigned char>& bytes) {
  trine::byte_reader in(std::as_bytes(std::span(bytes)));
  EXPECT_THROW(trine::deserialize<T>(in), trine::wire_error) << __PRETTY_FUNCTION__;
}

enum class truth : bool { no, yes };

TEST(byte_reader, refuses_what_is_no_value) {
  refused<bool>({2});
  refused<truth>({255});
  refused<std::optional<int>>({2, 0, 0, 0, 0});
  refused<std::unique_ptr<int>>({3, 0, 0, 0, 0});
  refused<std::variant<int, char>>({2, 0, 0, 0, 0, 0, 0, 0});
  refused<std::variant<int, char>>({255, 255, 255, 255, 0, 0, 0, 0});
  refused<std::array<bool, 2>>({1, 2});
  refused<std::error_code>({9, 0, 0, 0, 0});
  refused<std::exception_ptr>({200});
}

TEST(byte_reader, a_hostile_count_allocates_nothing) {
  for (const int top : {0x00, 0x7f, 0xff}) {
    std::vector<unsigned char> bytes{255, 255, 255, 255, 255, 255, 255, 0, 1, 0, 0, 0, 0};
    bytes[7] = static_cast<unsigned char>(top);
    refused<std::string>(bytes);
    refused<std::u32string>(bytes);
    refused<std::vector<int>>(bytes);
    refused<std::vector<std::string>>(bytes);
    refused<std::vector<std::array<std::string, 100>>>(bytes);
    refused<std::vector<bool>>(bytes);
    refused<std::vector<nothing>>(bytes);
    refused<std::vector<std::monostate>>(bytes);
    refused<std::list<std::tuple<>>>(bytes);
    refused<std::set<int>>(bytes);
    refused<std::map<int, int>>(bytes);
    refused<std::unordered_map<int, int>>(bytes);
    refused<std::forward_list<bool>>(bytes);
  }
}

TEST(byte_reader, finds_bytes_that_are_left_over) {
  trine::byte_buffer out;
  trine::serialize_to(out, 1);
  out.write_raw('x');
  trine::byte_reader in(out.bytes());
  EXPECT_EQ(trine::deserialize<int>(in), 1);
  EXPECT_EQ(in.remaining(), 1U);
  EXPECT_THROW(in.expect_end(), trine::wire_error);
}

tree chain(int length) {
  tree t;
  for (int i = 1; i < length; ++i) {
    tree outer;
    outer.twin = std::make_unique<tree>(std::move(t));
    t = std::move(outer);
  }
  return t;
}

TEST(nesting, is_bounded_both_ways) {
  EXPECT_EQ(decode<tree>(encode(chain(200))), chain(200));
  EXPECT_THROW(encode(chain(201)), trine::wire_error);

  // value, no children, a twin; again and again.
  trine::byte_buffer out;
  for (int i = 0; i < 100000; ++i) {
    out.write_raw(i);
    out.write_size(0);
    out.write_raw('\1');
  }
  trine::byte_reader in(out.bytes());
  EXPECT_THROW(trine::deserialize<tree>(in), trine::wire_error);
  // The depth is given back by a failure.
  trine::byte_buffer again;
  EXPECT_THROW(trine::serialize_to(again, chain(300)), trine::wire_error);
  again.clear();
  EXPECT_NO_THROW(trine::serialize_to(again, chain(200)));
}

struct ring {
  std::shared_ptr<ring> next;
  template <class Archive>
  void serialize(Archive& ar) {
    ar& next;
  }
};

TEST(nesting, a_cycle_is_an_error) {
  auto r = std::make_shared<ring>();
  r->next = r;
  EXPECT_THROW(encode(r), trine::wire_error);
  r->next.reset();
}

}  // namespace
