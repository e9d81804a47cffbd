// Types the serialisation tests share.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <trine/serialize.hpp>

namespace samples {

struct point {
  int x, y;
  bool operator==(const point&) const = default;
};

// Trivially copyable, but without a default constructor and with a const member.
struct fixed_point {
  explicit fixed_point(int value) : raw(value) {}
  const int raw;
  bool operator==(const fixed_point&) const = default;
};

struct account {
  std::string owner;
  std::vector<double> bookings;
  point where[2] = {};
  bool open = false;
  template <class Archive>
  void serialize(Archive& ar) {
    ar& owner& bookings& where& open;
  }
  bool operator==(const account&) const = default;
};

// Recursive in two ways.
struct tree {
  int value = 0;
  std::vector<tree> children;
  std::unique_ptr<tree> twin;
  template <class Archive>
  void serialize(Archive& ar) {
    ar& value& children& twin;
  }
  bool operator==(const tree& other) const {
    return value == other.value && children == other.children &&
           (twin == nullptr) == (other.twin == nullptr) &&
           (twin == nullptr || *twin == *other.twin);
  }
};

// A free hook, found through its namespace.
struct labelled {
  std::map<std::string, int> numbers;
  bool operator==(const labelled&) const = default;
};
template <class Archive>
void serialize(Archive& ar, labelled& v) {
  ar& v.numbers;
}

// A hook that writes nothing at all.
struct nothing {
  template <class Archive>
  void serialize(Archive&) {}
  bool operator==(const nothing&) const = default;
};

// Through trine::serializer; not default-constructible.
class temperature {
 public:
  explicit temperature(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }
  bool operator==(const temperature&) const = default;

 private:
  std::string text_;
};

template <class T>
std::vector<std::byte> encode(const T& value) {
  trine::byte_buffer out;
  trine::serialize_to(out, value);
  return {out.bytes().begin(), out.bytes().end()};
}

template <class T>
T decode(const std::vector<std::byte>& bytes) {
  trine::byte_reader in(bytes);
  T value = trine::deserialize<T>(in);
  in.expect_end();
  return value;
}

}  // namespace samples

template <>
struct trine::serializer<samples::temperature> {
  static void write(byte_writer& out, const samples::temperature& v) { out.write_string(v.text()); }
  static samples::temperature read(byte_reader& in) {
    return samples::temperature(in.read_string());
  }
};
