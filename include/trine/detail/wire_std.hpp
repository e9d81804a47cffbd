// How the vocabulary types of the standard library cross: pair, tuple, array, optional, variant,
// owning pointers, bitset, path, error codes, exceptions.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>

#include <trine/detail/wire_value.hpp>

namespace trine::detail {

// Out of line: they need <filesystem>, <future>, <ios>, <regex>. Part of libtrine.
void write_error_code(byte_writer& out, int value, const std::error_category& category);
const std::error_category& read_error_category(byte_reader& in, int& value);
void encode_exception(byte_writer& out, const std::exception_ptr& error);
std::exception_ptr decode_exception(byte_reader& in);

struct known {
  static constexpr bool exists = true;
};

template <class A, class B>
struct builtin<std::pair<A, B>> : known {
  static constexpr obstacle why_not() { return first_obstacle<A, B>(); }
  static void write(byte_writer& out, const std::pair<A, B>& value) {
    write_value(out, value.first);
    write_value(out, value.second);
  }
  static std::pair<A, B> read(byte_reader& in) {
    auto first = read_value<std::remove_cv_t<A>>(in);
    return std::pair<A, B>(std::move(first), read_value<std::remove_cv_t<B>>(in));
  }
};

template <class... Ts>
struct builtin<std::tuple<Ts...>> : known {
  static constexpr obstacle why_not() { return first_obstacle<Ts...>(); }
  static void write([[maybe_unused]] byte_writer& out, const std::tuple<Ts...>& value) {
    std::apply([&](const auto&... each) { (write_value(out, each), ...); }, value);
  }
  static std::tuple<Ts...> read([[maybe_unused]] byte_reader& in) {
    // Braces: in the order of the elements.
    return std::tuple<Ts...>{read_value<std::remove_cv_t<Ts>>(in)...};
  }
};

template <class T, std::size_t N>
struct builtin<std::array<T, N>> : known {
  using array = std::array<T, N>;
  static constexpr obstacle why_not() { return obstacle_of<T>; }
  static void write(byte_writer& out, const array& value) {
    if constexpr (is_raw<T>)
      out.write(value.data(), N * sizeof(T));
    else
      for (const T& each : value) write_value(out, each);
  }
  static void read_into(byte_reader& in, array& value) {
    if constexpr (is_raw<T> && std::is_trivially_copy_assignable_v<T>)
      in.read(value.data(), N * sizeof(T));
    else
      for (T& each : value) detail::read_into(in, each);
  }
  static array read(byte_reader& in) {
    if constexpr (std::default_initializable<T>) {
      array value;
      read_into(in, value);
      return value;
    } else {
      static_assert(N <= 1024,
                    "trine: an array this long crosses only when its elements can be "
                    "default-constructed; use a std::vector");
      return [&in]<std::size_t... I>(std::index_sequence<I...>) {
        return array{{(static_cast<void>(I), read_value<T>(in))...}};
      }
      (std::make_index_sequence<N>());
    }
  }
};

template <class T>
struct builtin<std::optional<T>> : known {
  static constexpr obstacle why_not() { return obstacle_of<T>; }
  static void write(byte_writer& out, const std::optional<T>& value) {
    out.write_raw(static_cast<unsigned char>(value.has_value() ? 1 : 0));
    if (value) write_value(out, *value);
  }
  static std::optional<T> read(byte_reader& in) {
    if (!read_bool(in)) return std::nullopt;
    return std::optional<T>(std::in_place, read_value<std::remove_cv_t<T>>(in));
  }
};

template <class... Ts>
struct builtin<std::variant<Ts...>> : known {
  using variant = std::variant<Ts...>;
  static constexpr obstacle why_not() { return first_obstacle<Ts...>(); }
  static void write(byte_writer& out, const variant& value) {
    if (value.valueless_by_exception())
      throw_wire(
          "trine: a std::variant that lost its value by an exception cannot cross to a "
          "process; assign a value first");
    out.write_raw(static_cast<std::uint32_t>(value.index()));
    std::visit([&](const auto& held) { write_value(out, held); }, value);
  }
  static variant read(byte_reader& in) {
    const auto index = in.read_raw<std::uint32_t>();
    if (index >= sizeof...(Ts)) throw_wire("trine: the index of a std::variant is out of range");
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      using reader = variant (*)(byte_reader&);
      static constexpr reader readers[] = {&read_alternative<I>...};
      return readers[index](in);
    }
    (std::index_sequence_for<Ts...>());
  }

 private:
  template <std::size_t I>
  static variant read_alternative(byte_reader& in) {
    using held = std::remove_cv_t<std::variant_alternative_t<I, variant>>;
    return variant(std::in_place_index<I>, read_value<held>(in));
  }
};

template <class T>
void write_pointee(byte_writer& out, const T* pointee) {
  out.write_raw(static_cast<unsigned char>(pointee != nullptr ? 1 : 0));
  if (pointee == nullptr) return;
  if constexpr (std::is_polymorphic_v<T> && !std::is_final_v<T>) {
    if (typeid(*pointee) != typeid(T))
      throw_wire(
          "trine: a pointer to a base class whose object is of a derived class cannot cross "
          "to a process; use a std::variant of the derived classes");
  }
  write_value<std::remove_cv_t<T>>(out, *pointee);
}

template <class T>
requires(!std::is_array_v<T>) struct builtin<std::unique_ptr<T>> : known {
  static constexpr obstacle why_not() { return obstacle_of<T>; }
  static void write(byte_writer& out, const std::unique_ptr<T>& value) {
    write_pointee(out, value.get());
  }
  static std::unique_ptr<T> read(byte_reader& in) {
    if (!read_bool(in)) return nullptr;
    return std::make_unique<T>(read_value<std::remove_cv_t<T>>(in));
  }
};

template <class T>
requires(!std::is_array_v<T>) struct builtin<std::shared_ptr<T>> : known {
  static constexpr obstacle why_not() { return obstacle_of<T>; }
  static void write(byte_writer& out, const std::shared_ptr<T>& value) {
    write_pointee(out, value.get());
  }
  static std::shared_ptr<T> read(byte_reader& in) {
    if (!read_bool(in)) return nullptr;
    return std::make_shared<T>(read_value<std::remove_cv_t<T>>(in));
  }
};

// Not a copy of its bytes: bits beyond N would break its members.
template <std::size_t N>
struct builtin<std::bitset<N>> : known {
  static constexpr obstacle why_not() { return obstacle::none; }
  static void write(byte_writer& out, const std::bitset<N>& value) {
    for (std::size_t at = 0; at < N; at += 8) {
      unsigned byte = 0;
      for (std::size_t bit = 0; bit < 8 && at + bit < N; ++bit)
        byte |= static_cast<unsigned>(value[at + bit]) << bit;
      out.write_raw(static_cast<unsigned char>(byte));
    }
  }
  static std::bitset<N> read(byte_reader& in) {
    std::bitset<N> value;
    for (std::size_t at = 0; at < N; at += 8) {
      const unsigned byte = in.read_raw<unsigned char>();
      for (std::size_t bit = 0; bit < 8 && at + bit < N; ++bit)
        value[at + bit] = ((byte >> bit) & 1U) != 0;
    }
    return value;
  }
};

// std::filesystem::path, told by its shape: <filesystem> would cost every user compile time.
template <class T>
requires requires(const T& v) {
  typename T::string_type;
  typename T::format;
  { v.lexically_normal() } -> std::same_as<T>;
  { v.native() } -> std::same_as<const std::string&>;
}
struct builtin<T> : known {
  static constexpr obstacle why_not() { return obstacle::none; }
  static void write(byte_writer& out, const T& value) { out.write_string(value.native()); }
  static T read(byte_reader& in) { return T(in.read_string()); }
};

// A category is an object of its process; the standard's are found again on the other side, for any
// other write throws wire_error.
template <>
struct builtin<std::error_code> : known {
  static constexpr obstacle why_not() { return obstacle::none; }
  static void write(byte_writer& out, const std::error_code& code) {
    write_error_code(out, code.value(), code.category());
  }
  static std::error_code read(byte_reader& in) {
    int value = 0;
    const auto& category = read_error_category(in, value);
    return {value, category};
  }
};

template <>
struct builtin<std::error_condition> : known {
  static constexpr obstacle why_not() { return obstacle::none; }
  static void write(byte_writer& out, const std::error_condition& condition) {
    write_error_code(out, condition.value(), condition.category());
  }
  static std::error_condition read(byte_reader& in) {
    int value = 0;
    const auto& category = read_error_category(in, value);
    return {value, category};
  }
};

template <>
struct builtin<std::exception_ptr> : known {
  static constexpr obstacle why_not() { return obstacle::none; }
  static void write(byte_writer& out, const std::exception_ptr& error) {
    encode_exception(out, error);
  }
  static std::exception_ptr read(byte_reader& in) { return decode_exception(in); }
};

}  // namespace trine::detail
