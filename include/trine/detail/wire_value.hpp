// Writing and reading one value: chooses between the user's serializer or hook, the types Trine
// knows, and a copy of the bytes. See trine/serialize.hpp.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <type_traits>

#include <trine/detail/obstacle.hpp>

namespace trine::detail {

template <class T>
void write_value(byte_writer& out, const T& value);
template <class T>
T read_value(byte_reader& in);
// As value = read_value<T>(in), without a copy where that is possible.
template <class T>
void read_into(byte_reader& in, T& value);

// Defined in trine/serialize.hpp, after the archives.
template <class T>
void write_hooked(byte_writer& out, const T& value);
template <class T>
void read_hooked(byte_reader& in, T& value);

// An element of a container takes at least one byte, so that the number of elements a hostile
// count can ask for is bounded by the bytes that are left.
template <class Write>
void write_element(byte_writer& out, Write write) {
  const std::size_t before = out.size();
  write();
  if (out.size() == before) out.write_raw(std::byte{0});
}
template <class Read>
auto read_element(byte_reader& in, Read read) {
  const std::size_t before = in.remaining();
  auto value = read();
  if (in.remaining() == before) in.take(1);
  return value;
}

inline bool read_bool(byte_reader& in) {
  const auto byte = in.read_raw<unsigned char>();
  if (byte > 1) throw_wire("trine: a bool on the wire is neither 0 nor 1");
  return byte == 1;
}

template <class T>
void write_value(byte_writer& out, const T& value) {
  if constexpr (has_serializer<T>) {
    const auto level = out.nest();
    serializer<T>::write(out, value);
  } else if constexpr (std::is_array_v<T>) {
    using element = std::remove_cv_t<std::remove_extent_t<T>>;
    if constexpr (is_raw<element>)
      out.write(value, sizeof value);
    else
      for (const auto& each : value) write_value<element>(out, each);
  } else if constexpr (has_builtin<T>) {
    builtin<T>::write(out, value);
  } else if constexpr (has_hook<T>) {
    const auto level = out.nest();
    write_hooked(out, value);
  } else if constexpr (is_raw<T>) {
    out.write_raw(value);
  } else {
    static_assert(sizeof(T) == sizeof(bool));
    out.write_raw(static_cast<unsigned char>(static_cast<bool>(value) ? 1 : 0));
  }
}

template <class T>
T read_value(byte_reader& in) {
  if constexpr (has_serializer<T>) {
    const auto level = in.nest();
    return serializer<T>::read(in);
  } else if constexpr (has_builtin<T>) {
    return builtin<T>::read(in);
  } else if constexpr (has_hook<T>) {
    const auto level = in.nest();
    T value{};
    read_hooked(in, value);
    return value;
  } else if constexpr (is_raw<T>) {
    // T need not be default-constructible, nor its members assignable.
    std::array<std::byte, sizeof(T)> bytes;
    in.read(bytes.data(), sizeof(T));
    return std::bit_cast<T>(bytes);
  } else {
    return static_cast<T>(read_bool(in));
  }
}

template <class T>
void read_into(byte_reader& in, T& value) {
  if constexpr (std::is_array_v<T>) {
    using element = std::remove_extent_t<T>;
    if constexpr (is_raw<element> && std::is_trivially_copy_assignable_v<element>)
      in.read(value, sizeof value);
    else
      for (auto& each : value) read_into(in, each);
  } else if constexpr (is_raw<T> && std::is_trivially_copy_assignable_v<T>) {
    in.read(std::addressof(value), sizeof value);
  } else if constexpr (requires { builtin<T>::read_into(in, value); }) {
    builtin<T>::read_into(in, value);
  } else {
    value = read_value<T>(in);
  }
}

}  // namespace trine::detail
