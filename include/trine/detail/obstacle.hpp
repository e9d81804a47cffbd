// Whether a type can cross to another process, and if not, why. See trine/serialize.hpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <source_location>
#include <span>
#include <string_view>
#include <type_traits>

#include <trine/detail/bytes.hpp>

namespace trine {

// Why a value of a type cannot cross to another process.
enum class obstacle : std::uint8_t {
  none,       // it can
  reference,  // T& or T&&
  pointer,    // T*, nullptr_t, pointer to member, std::coroutine_handle
  function,   // a function or a pointer to one
  string_view,
  view,  // std::span, std::initializer_list and the views of <ranges>
  reference_wrapper,
  iterator,
  callable,         // std::function and closures with captures that are not plain bytes
  synchronisation,  // mutexes, threads, atomics, condition variables
  stateful,         // a container whose comparison or hash has state of its own
  hook_default,     // has a serialize() hook but no default constructor
  hook_inherited,   // only its base has a hook, which would leave out its own members
  unknown
};

// Specialise it to say how a type crosses (trine/serialize.hpp).
template <class T>
struct serializer {};

class write_archive;
class read_archive;

namespace detail {

// The types of the standard library that Trine knows; wire_std.hpp and wire_containers.hpp.
template <class T>
struct builtin {
  static constexpr bool exists = false;
};

template <class T>
concept has_builtin = builtin<T>::exists;

template <class T>
concept has_serializer = requires(byte_writer& out, byte_reader& in, const T& value) {
  serializer<T>::write(out, value);
  { serializer<T>::read(in) } -> std::same_as<T>;
};

template <class T>
concept has_member_hook = std::is_class_v<T> && requires(T& v, write_archive& w, read_archive& r) {
  v.serialize(w);
  v.serialize(r);
};

template <class T>
concept has_free_hook = (std::is_class_v<T> || std::is_union_v<T>)&&requires(T& v, write_archive& w,
                                                                             read_archive& r) {
  serialize(w, v);
  serialize(r, v);
};

template <class T>
concept has_hook = has_member_hook<T> || has_free_hook<T>;

template <class Class, class Result>
Class class_of(Result (Class::*)(write_archive&));

// A base's hook with a name that is found in a larger class. When the hook's address cannot be
// taken in this way (it is overloaded, or takes more), the author is trusted.
template <class T>
constexpr bool inherits_hook() {
  if constexpr (requires { class_of(&T::template serialize<write_archive>); }) {
    using owner = decltype(class_of(&T::template serialize<write_archive>));
    return !std::same_as<owner, T> && sizeof(owner) != sizeof(T);
  } else {
    return false;
  }
}

// std::is_trivially_copyable holds for std::mutex too, in some libraries.
template <class T>
concept plain_bytes = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> &&
    (std::is_copy_constructible_v<T> || std::is_move_constructible_v<T>);

template <class T>
inline constexpr bool is_reference_wrapper = false;
template <class T>
inline constexpr bool is_reference_wrapper<std::reference_wrapper<T>> = true;
template <class T>
inline constexpr bool is_string_view = false;
template <class C, class T>
inline constexpr bool is_string_view<std::basic_string_view<C, T>> = true;
template <class T>
inline constexpr bool is_view = false;
template <class T>
inline constexpr bool is_view<std::initializer_list<T>> = true;
template <class T, std::size_t N>
inline constexpr bool is_view<std::span<T, N>> = true;
template <class T>
inline constexpr bool is_function_object = false;
template <class Signature>
inline constexpr bool is_function_object<std::function<Signature>> = true;

// std::coroutine_handle, std::source_location and std::type_index hold addresses; told by their
// shape where the header would cost every user compile time.
template <class T>
concept hides_pointer = std::same_as<T, std::source_location> || requires(T& v, void* address) {
  T::from_address(address);
  v.address();
} || requires(const T& v) {
  { v.hash_code() } -> std::same_as<std::size_t>;
  { v.name() } -> std::same_as<const char*>;
};

template <class T>
concept synchronises = requires(T& v) {
  v.lock();
  v.unlock();
}
|| requires(T& v) {
  v.joinable();
  v.join();
}
|| requires(T& v) { v.notify_one(); };

template <class T>
constexpr obstacle find_obstacle();

template <class T>
inline constexpr obstacle obstacle_of = find_obstacle<T>();

template <class... Ts>
constexpr obstacle first_obstacle() {
  obstacle found = obstacle::none;
  static_cast<void>(((found = obstacle_of<Ts>, found != obstacle::none) || ...));
  return found;
}

template <class T>
constexpr obstacle class_obstacle() {
  if constexpr (is_string_view<T>)
    return obstacle::string_view;
  else if constexpr (is_reference_wrapper<T>)
    return obstacle::reference_wrapper;
  else if constexpr (is_view<T> || std::ranges::enable_view<T>)
    return obstacle::view;
  else if constexpr (is_function_object<T>)
    return obstacle::callable;
  else if constexpr (hides_pointer<T>)
    return obstacle::pointer;
  else if constexpr (std::input_or_output_iterator<T>)
    return obstacle::iterator;
  else if constexpr (synchronises<T>)
    return obstacle::synchronisation;
  else if constexpr (plain_bytes<T>)
    return obstacle::none;
  else if constexpr (requires { &T::operator(); })
    return obstacle::callable;
  else
    return obstacle::unknown;
}

template <class T>
constexpr obstacle find_obstacle() {
  if constexpr (std::is_reference_v<T>)
    return obstacle::reference;
  else if constexpr (!std::same_as<T, std::remove_cv_t<T>>)
    return obstacle_of<std::remove_cv_t<T>>;
  else if constexpr (std::is_void_v<T>)
    return obstacle::unknown;
  else if constexpr (has_serializer<T>)
    return obstacle::none;
  else if constexpr (std::is_function_v<std::remove_pointer_t<T>>)
    return obstacle::function;
  else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
                     std::is_null_pointer_v<T>)
    return obstacle::pointer;
  else if constexpr (std::is_bounded_array_v<T>)
    return obstacle_of<std::remove_extent_t<T>>;
  else if constexpr (std::is_array_v<T>)
    return obstacle::unknown;
  else if constexpr (has_builtin<T>)
    return builtin<T>::why_not();
  else if constexpr (has_hook<T>) {
    if constexpr (has_member_hook<T> && inherits_hook<T>())
      return obstacle::hook_inherited;
    else if constexpr (!std::default_initializable<T>)
      return obstacle::hook_default;
    else
      return obstacle::none;
  } else if constexpr (std::is_class_v<T> || std::is_union_v<T>)
    return class_obstacle<T>();
  else if constexpr (std::is_trivially_copyable_v<T>)
    return obstacle::none;
  else
    return obstacle::unknown;
}

// Types whose object representation is copied as it is; any bytes are a value of such a type, as
// far as can be known.
template <class T>
constexpr bool find_raw() {
  if constexpr (has_serializer<T> || has_hook<T> || has_builtin<T> || std::is_array_v<T>)
    return false;
  else if constexpr (std::is_same_v<T, bool>)
    return false;
  else if constexpr (std::is_enum_v<T>)
    return !std::is_same_v<std::underlying_type_t<T>, bool>;
  else
    return plain_bytes<T> && obstacle_of<T> == obstacle::none;
}
template <class T>
inline constexpr bool is_raw = find_raw<T>();

}  // namespace detail
}  // namespace trine
