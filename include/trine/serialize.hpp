// How values cross to another process: as a copy, in bytes.
//
// Arguments and results of process units cross without further work when they are numbers, enums,
// trivially copyable classes, and the containers and vocabulary types of the standard library over
// such types. Any other class says what it is made of, once for both directions:
//
//   struct account {
//     std::string owner;
//     std::vector<double> bookings;
//     template <class Archive> void serialize(Archive& ar) { ar & owner & bookings; }
//   };
//   static_assert(trine::process_copyable<account>);
//
//   trine::byte_buffer out;
//   trine::serialize_to(out, account{"Ada", {1.5, -2}});
//   trine::byte_reader in(out.bytes());
//   auto copy = trine::deserialize<account>(in);
//
// A class that cannot be changed gets a free function in its own namespace,
// `template <class Archive> void serialize(Archive& ar, account& v) { ar & v.owner & v.bookings;
// }`. Either needs a default constructor; a derived class needs a hook of its own. For full
// control, and for classes without a default constructor, specialise
//
//   template <> struct trine::serializer<account> {
//     static void write(trine::byte_writer& out, const account& value);
//     static account read(trine::byte_reader& in);
//   };
//
// What does not cross: pointers, references, views, iterators, and everything else that means
// something in one address space only. std::unique_ptr and std::shared_ptr cross as a copy of what
// they own; two shared_ptr to one object arrive as two objects. A trivially copyable class of your
// own that hides a raw pointer is not found out: its author must know.
//
// Nothing here blocks. Different values may be read and written by different threads at once.
// Reading is safe with any bytes, even hostile ones: they give a value or a wire_error. (Of a
// trivially copyable class the bytes are taken as they are.)
#pragma once

#include <type_traits>
#include <utility>

#include <trine/detail/wire_containers.hpp>

namespace trine {

// Why T cannot cross to another process; obstacle::none when it can.
template <class T>
inline constexpr obstacle why_not = detail::obstacle_of<T>;

// T can cross to another process.
template <class T>
concept process_copyable = why_not<T>
== obstacle::none;

// Does not compile, with a sentence that says what to do, unless T can be an argument (of which it
// is the decayed type) of a process unit.
template <class T>
consteval void require_process_copyable() {
  constexpr obstacle why = why_not<T>;
  static_assert(why != obstacle::reference,
                "trine: this argument is a reference, which means nothing in another process; take "
                "it by value");
  static_assert(why != obstacle::pointer,
                "trine: this argument holds a raw pointer, which means nothing in another process; "
                "pass the value itself, or a trine::shared_array (for text, a std::string)");
  static_assert(why != obstacle::function,
                "trine: this argument holds a function pointer, an address of this process; make "
                "that function the job itself, or pass an enum that selects it");
  static_assert(why != obstacle::string_view,
                "trine: std::string_view refers to memory of this process; pass a std::string");
  static_assert(why != obstacle::view,
                "trine: a span or view refers to memory of this process; pass a std::vector, or a "
                "trine::shared_array");
  static_assert(why != obstacle::reference_wrapper,
                "trine: std::reference_wrapper refers to an object of this process; pass the value "
                "itself");
  static_assert(why != obstacle::iterator,
                "trine: an iterator points into a container of this process; pass the container, "
                "or an index");
  static_assert(why != obstacle::callable,
                "trine: a callable object with state cannot cross to a process; pass the state as "
                "values and call a function there");
  static_assert(
      why != obstacle::synchronisation,
      "trine: mutexes, atomics and threads belong to one process; use trine::robust_mutex, "
      "trine::shared_semaphore or trine::shared_channel");
  static_assert(why != obstacle::stateful,
                "trine: a container whose comparison, hash or allocator has state cannot cross to "
                "a process; give it a class without members, such as std::less<>");
  static_assert(
      why != obstacle::hook_default,
      "trine: a type with a serialize() hook needs a default constructor to be read back; "
      "add one, or specialise trine::serializer");
  static_assert(why != obstacle::hook_inherited,
                "trine: this type inherits the serialize() hook of its base, which would leave out "
                "its own members; give it a hook of its own");
  static_assert(why != obstacle::unknown,
                "trine: this type cannot cross to a process; make it trivially copyable, use std "
                "containers, or give it a serialize() hook (see trine/serialize.hpp)");
}

// The same for the result of a process unit; void is fine.
template <class T>
consteval void require_process_result() {
  if constexpr (!std::is_void_v<T>) {
    constexpr obstacle why = why_not<T>;
    static_assert(why != obstacle::reference,
                  "trine: this result is a reference, which means nothing in another process; "
                  "return it by value");
    static_assert(why != obstacle::pointer,
                  "trine: this result holds a raw pointer, which means nothing in another process; "
                  "return the value itself, or a trine::shared_array");
    static_assert(why != obstacle::string_view && why != obstacle::view,
                  "trine: this result is a view of memory of the process it came from; return a "
                  "std::string or a container");
    static_assert(why != obstacle::function && why != obstacle::reference_wrapper &&
                      why != obstacle::iterator && why != obstacle::callable &&
                      why != obstacle::synchronisation,
                  "trine: this result means something only in the process it came from; return "
                  "the value itself");
    if constexpr (why == obstacle::stateful || why == obstacle::hook_default ||
                  why == obstacle::hook_inherited || why == obstacle::unknown)
      require_process_copyable<T>();
  }
}

// Appends the encoding of `value`. Throws wire_error when it does not fit or holds what cannot
// cross (a valueless variant, an error_code of a category that is not the standard's), and what the
// hooks throw; what was written before that stays (byte_writer::truncate takes it back).
template <class T>
void serialize_to(byte_writer& out, const T& value) {
  require_process_copyable<T>();
  if constexpr (process_copyable<T>) detail::write_value(out, value);
}

// Reads a T. Throws wire_error for bytes that are no T, and what the hooks throw. Leaves what
// follows unread: byte_reader::expect_end says whether that is nothing.
template <class T>
T deserialize(byte_reader& in) {
  static_assert(std::is_same_v<T, std::remove_cv_t<T>> && !std::is_array_v<T>,
                "trine: ask for a plain object type; for an array, a std::array");
  require_process_copyable<T>();
  if constexpr (process_copyable<T>) return detail::read_value<T>(in);
}

// What a serialize() hook is called with to write: `ar & member` appends it.
class write_archive {
 public:
  static constexpr bool is_writer = true;

  explicit write_archive(byte_writer& out) noexcept : out_(out) {}
  template <class T>
  write_archive& operator&(const T& value) {
    serialize_to(out_, value);
    return *this;
  }
  byte_writer& bytes() noexcept { return out_; }

 private:
  byte_writer& out_;
};

// What it is called with to read: `ar & member` assigns it.
class read_archive {
 public:
  static constexpr bool is_writer = false;

  explicit read_archive(byte_reader& in) noexcept : in_(in) {}
  template <class T>
  read_archive& operator&(T& value) {
    require_process_copyable<T>();
    if constexpr (process_copyable<T>) detail::read_into(in_, value);
    return *this;
  }
  byte_reader& bytes() noexcept { return in_; }

 private:
  byte_reader& in_;
};

namespace detail {

template <class T>
void write_hooked(byte_writer& out, const T& value) {
  write_archive ar(out);
  // One hook serves both directions, so it takes a T&; in this one it only reads.
  T& v = const_cast<T&>(value);
  if constexpr (has_member_hook<T>)
    v.serialize(ar);
  else
    serialize(ar, v);
}

template <class T>
void read_hooked(byte_reader& in, T& value) {
  read_archive ar(in);
  if constexpr (has_member_hook<T>)
    value.serialize(ar);
  else
    serialize(ar, value);
}

}  // namespace detail
}  // namespace trine
