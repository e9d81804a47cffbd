// shared_array<T>: an array in memory that processes share; passing it to any unit copies nothing.
//
//   trine::shared_array<double> field(1'000'000);                     // zeros
//   void smooth(trine::shared_array<double> f, int from, int to);     // changes f in place
//   auto a = trine::spawn(trine::process, smooth, field, 0, 500'000);
//   auto b = trine::spawn(trine::process, smooth, field, 500'000, 1'000'000);
//   a.get(), b.get();                                                 // field is smooth
//
// A shared_array is a handle, as a std::shared_ptr is: copies are the same array. The memory lives
// until the last handle in any process is gone; when processes die, by whatever signal, the kernel
// counts for them. As an argument it costs what an int costs once the worker has seen it; the first
// time, a descriptor and a mapping.
//
// Elements are plain bytes (trivially copyable, no pointers). Access is not synchronised: units
// that write the same elements need a lock or atomics (std::atomic_ref works across processes).
// It is a contiguous range, so it converts to std::span and works with std::ranges. Handles of one
// array may be copied by several threads at once; one handle belongs to one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <span>
#include <type_traits>

#include <trine/detail/segment.hpp>
#include <trine/serialize.hpp>

namespace trine {

template <class T>
class shared_array {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> &&
                    !std::is_const_v<T>,
                "trine: the elements of a shared_array must be trivially copyable: other processes "
                "see their bytes only");
  static_assert(!std::is_pointer_v<T> && !std::is_member_pointer_v<T>,
                "trine: a pointer means nothing in another process; share an index instead");

 public:
  using value_type = T;
  using size_type = std::size_t;
  using iterator = T*;

  // Refers to nothing; size() is 0.
  shared_array() noexcept = default;
  // `count` elements whose bytes are zero. Memory is taken page by page as it is touched. Throws
  // std::system_error when the system has no descriptor or address space for it, std::bad_alloc.
  explicit shared_array(std::size_t count) : size_(count) {
    if (count > SIZE_MAX / 2 / sizeof(T)) throw std::bad_alloc();
    segment_ = detail::make_segment(count * sizeof(T));
  }
  shared_array(std::size_t count, const T& value) : shared_array(count) {
    for (T& each : *this) each = value;
  }
  // A copy of these elements.
  static shared_array copy_of(std::span<const T> elements) {
    shared_array made(elements.size());
    std::size_t i = 0;
    for (const T& each : elements) made[i++] = each;
    return made;
  }

  T* data() const noexcept {
    return segment_ ? reinterpret_cast<T*>(detail::segment_data(segment_.get())) : nullptr;
  }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T& operator[](std::size_t i) const noexcept { return data()[i]; }
  T* begin() const noexcept { return data(); }
  T* end() const noexcept { return data() + size_; }

  // The same array, not equal elements.
  friend bool operator==(const shared_array& a, const shared_array& b) noexcept {
    return a.data() == b.data();
  }

 private:
  friend struct serializer<shared_array>;
  shared_array(detail::segment_ref segment, std::size_t count) noexcept
      : segment_(std::move(segment)), size_(count) {}

  detail::segment_ref segment_;
  std::size_t size_ = 0;
};

template <class T>
struct serializer<shared_array<T>> {
  static void write(byte_writer& out, const shared_array<T>& array) {
    out.write_raw(static_cast<std::uint64_t>(array.size()));
    out.write_raw(static_cast<unsigned char>(array.segment_ ? 1 : 0));
    if (array.segment_) detail::write_segment(out, array.segment_);
  }
  static shared_array<T> read(byte_reader& in) {
    const auto count = in.read_raw<std::uint64_t>();
    if (!detail::read_bool(in)) {
      if (count != 0) detail::throw_wire("trine: a shared_array without memory has elements");
      return {};
    }
    if (count > SIZE_MAX / 2 / sizeof(T))
      detail::throw_wire("trine: a shared_array is larger than memory can be");
    return {detail::read_segment(in, count * sizeof(T)), static_cast<std::size_t>(count)};
  }
};

}  // namespace trine
