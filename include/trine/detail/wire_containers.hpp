// How the containers of the standard library cross: the number of elements, then the elements.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <trine/detail/wire_std.hpp>

namespace trine::detail {

// The other side makes comparisons, hashes and allocators anew, so they must have no state (and a
// null function pointer is no comparison).
template <class... Policies>
constexpr obstacle policies_or(obstacle of_elements) {
  constexpr bool fine = ((std::is_empty_v<Policies> && std::default_initializable<Policies>)&&...);
  if (of_elements != obstacle::none) return of_elements;
  return fine ? obstacle::none : obstacle::stateful;
}

template <class C, class Traits, class Allocator>
struct builtin<std::basic_string<C, Traits, Allocator>> : known {
  using string = std::basic_string<C, Traits, Allocator>;
  static constexpr obstacle why_not() {
    return std::default_initializable<Allocator> ? obstacle_of<C> : obstacle::stateful;
  }
  static void write(byte_writer& out, const string& value) {
    out.write_size(value.size());
    out.write(value.data(), value.size() * sizeof(C));
  }
  static string read(byte_reader& in) {
    string value(in.read_size(sizeof(C)), C());
    in.read(value.data(), value.size() * sizeof(C));
    return value;
  }
};

// Walks over the encodings of trivially copyable elements, wherever they are aligned; lets a
// vector be filled without zeroing it first, or a default constructor.
template <class T>
class raw_iterator {
 public:
  using iterator_category = std::random_access_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = T;

  explicit raw_iterator(const std::byte* at) noexcept : at_(at) {}
  T operator*() const noexcept {
    struct image {
      std::byte bytes[sizeof(T)];
    } copy;
    std::memcpy(&copy, at_, sizeof(T));
    return std::bit_cast<T>(copy);
  }
  raw_iterator& operator++() noexcept {
    at_ += sizeof(T);
    return *this;
  }
  raw_iterator operator++(int) noexcept {
    raw_iterator old = *this;
    ++*this;
    return old;
  }
  difference_type operator-(raw_iterator other) const noexcept {
    return (at_ - other.at_) / static_cast<difference_type>(sizeof(T));
  }
  bool operator==(const raw_iterator&) const = default;

 private:
  const std::byte* at_;
};

template <class Sequence>
struct sequence_builtin : known {
  using value_type = typename Sequence::value_type;
  static constexpr obstacle why_not() {
    return std::default_initializable<typename Sequence::allocator_type> ? obstacle_of<value_type>
                                                                         : obstacle::stateful;
  }
  static void write(byte_writer& out, const Sequence& value) {
    out.write_size(static_cast<std::size_t>(std::distance(value.begin(), value.end())));
    for (const value_type& each : value) write_element(out, [&] { write_value(out, each); });
  }
  static Sequence read(byte_reader& in) {
    Sequence value;
    for (std::size_t left = in.read_size(); left != 0; --left)
      value.emplace_back(read_element(in, [&] { return read_value<value_type>(in); }));
    return value;
  }
};

template <class T, class Allocator>
struct builtin<std::deque<T, Allocator>> : sequence_builtin<std::deque<T, Allocator>> {};
template <class T, class Allocator>
struct builtin<std::list<T, Allocator>> : sequence_builtin<std::list<T, Allocator>> {};

template <class T, class Allocator>
struct builtin<std::forward_list<T, Allocator>>
    : sequence_builtin<std::forward_list<T, Allocator>> {
  static std::forward_list<T, Allocator> read(byte_reader& in) {
    std::forward_list<T, Allocator> value;
    auto last = value.before_begin();
    for (std::size_t left = in.read_size(); left != 0; --left)
      last = value.emplace_after(last, read_element(in, [&] { return read_value<T>(in); }));
    return value;
  }
};

template <class T, class Allocator>
struct builtin<std::vector<T, Allocator>> : sequence_builtin<std::vector<T, Allocator>> {
  using vector = std::vector<T, Allocator>;
  static void write(byte_writer& out, const vector& value) {
    if constexpr (is_raw<T>) {
      out.write_size(value.size());
      out.write(value.data(), value.size() * sizeof(T));
    } else {
      sequence_builtin<vector>::write(out, value);
    }
  }
  static vector read(byte_reader& in) {
    if constexpr (is_raw<T>) {
      const std::size_t size = in.read_size(sizeof(T));
      const std::byte* const from = in.take(size * sizeof(T)).data();
      if (size == 0) return {};
      // Aligned bytes are copied in one go.
      if (std::bit_cast<std::uintptr_t>(from) % alignof(T) == 0) {
        const T* const first = reinterpret_cast<const T*>(from);
        return vector(first, first + size);
      }
      return vector(raw_iterator<T>(from), raw_iterator<T>(from + size * sizeof(T)));
    } else {
      const std::size_t size = in.read_size();
      vector value;
      // No more than what is left would fill, whatever the count says.
      value.reserve(std::min(size, in.remaining() / sizeof(T) + 1));
      for (std::size_t left = size; left != 0; --left)
        value.emplace_back(read_element(in, [&] { return read_value<T>(in); }));
      return value;
    }
  }
};

template <class Allocator>
struct builtin<std::vector<bool, Allocator>> : known {
  using vector = std::vector<bool, Allocator>;
  static constexpr obstacle why_not() {
    return std::default_initializable<Allocator> ? obstacle::none : obstacle::stateful;
  }
  static void write(byte_writer& out, const vector& value) {
    out.write_size(value.size());
    for (std::size_t at = 0; at < value.size(); at += 8) {
      unsigned byte = 0;
      for (std::size_t bit = 0; bit < 8 && at + bit < value.size(); ++bit)
        byte |= static_cast<unsigned>(value[at + bit]) << bit;
      out.write_raw(static_cast<unsigned char>(byte));
    }
  }
  static vector read(byte_reader& in) {
    const auto size = in.read_raw<std::uint64_t>();
    const auto bytes = in.take(static_cast<std::size_t>(size / 8 + (size % 8 != 0 ? 1 : 0)));
    vector value(static_cast<std::size_t>(size));
    for (std::size_t at = 0; at < value.size(); ++at)
      value[at] = ((std::to_integer<unsigned>(bytes[at / 8]) >> (at % 8)) & 1U) != 0;
    return value;
  }
};

template <class Set>
struct set_builtin : known {
  using key = typename Set::key_type;
  static void write(byte_writer& out, const Set& value) {
    out.write_size(value.size());
    for (const key& each : value) write_element(out, [&] { write_value(out, each); });
  }
  static Set read(byte_reader& in) {
    Set value;
    for (std::size_t left = in.read_size(); left != 0; --left)
      value.emplace_hint(value.end(), read_element(in, [&] { return read_value<key>(in); }));
    return value;
  }
};

template <class Map>
struct map_builtin : known {
  using pair = std::pair<typename Map::key_type, typename Map::mapped_type>;
  static void write(byte_writer& out, const Map& value) {
    out.write_size(value.size());
    for (const auto& [key, mapped] : value) {
      const auto& k = key;
      const auto& m = mapped;
      write_element(out, [&] {
        write_value(out, k);
        write_value(out, m);
      });
    }
  }
  static Map read(byte_reader& in) {
    Map value;
    for (std::size_t left = in.read_size(); left != 0; --left)
      value.emplace_hint(value.end(), read_element(in, [&] { return builtin<pair>::read(in); }));
    return value;
  }
};

template <class K, class L, class A>
struct builtin<std::set<K, L, A>> : set_builtin<std::set<K, L, A>> {
  static constexpr obstacle why_not() { return policies_or<L>(obstacle_of<K>); }
};
template <class K, class L, class A>
struct builtin<std::multiset<K, L, A>> : set_builtin<std::multiset<K, L, A>> {
  static constexpr obstacle why_not() { return policies_or<L>(obstacle_of<K>); }
};
template <class K, class H, class E, class A>
struct builtin<std::unordered_set<K, H, E, A>> : set_builtin<std::unordered_set<K, H, E, A>> {
  static constexpr obstacle why_not() { return policies_or<H, E>(obstacle_of<K>); }
};
template <class K, class H, class E, class A>
struct builtin<std::unordered_multiset<K, H, E, A>>
    : set_builtin<std::unordered_multiset<K, H, E, A>> {
  static constexpr obstacle why_not() { return policies_or<H, E>(obstacle_of<K>); }
};
template <class K, class V, class L, class A>
struct builtin<std::map<K, V, L, A>> : map_builtin<std::map<K, V, L, A>> {
  static constexpr obstacle why_not() { return policies_or<L>(first_obstacle<K, V>()); }
};
template <class K, class V, class L, class A>
struct builtin<std::multimap<K, V, L, A>> : map_builtin<std::multimap<K, V, L, A>> {
  static constexpr obstacle why_not() { return policies_or<L>(first_obstacle<K, V>()); }
};
template <class K, class V, class H, class E, class A>
struct builtin<std::unordered_map<K, V, H, E, A>> : map_builtin<std::unordered_map<K, V, H, E, A>> {
  static constexpr obstacle why_not() { return policies_or<H, E>(first_obstacle<K, V>()); }
};
template <class K, class V, class H, class E, class A>
struct builtin<std::unordered_multimap<K, V, H, E, A>>
    : map_builtin<std::unordered_multimap<K, V, H, E, A>> {
  static constexpr obstacle why_not() { return policies_or<H, E>(first_obstacle<K, V>()); }
};

}  // namespace trine::detail
