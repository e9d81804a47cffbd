// byte_writer, byte_buffer and byte_reader: the bytes of trine/serialize.hpp, which documents them.
//
// Numbers are written as this machine holds them: both ends run the same program on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <trine/errors.hpp>

namespace trine {

namespace detail {

class attachments;

// How deep values may nest through serialize() hooks. Finite, so that neither a cycle of pointers
// nor hostile bytes overflow a stack; small, because a coroutine's may have 64 KiB.
inline constexpr unsigned max_depth = 200;

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wire(const char* sentence) {
  throw wire_error(sentence);
}

class nesting {
 public:
  explicit nesting(unsigned& depth) : depth_(depth) {
    if (depth_ == max_depth)
      throw_wire(
          "trine: values nest deeper than 200 levels; is there a cycle of pointers? "
          "Flatten the value into a container before it crosses");
    ++depth_;
  }
  ~nesting() { --depth_; }
  nesting(const nesting&) = delete;
  nesting& operator=(const nesting&) = delete;

 private:
  unsigned& depth_;
};

}  // namespace detail

// Appends bytes to a buffer that it does not own. Throws wire_error when the buffer is full and
// cannot grow; what was written until then stays. For one thread at a time.
class byte_writer {
 public:
  // Called when the buffer is too small. Returns one of at least `needed` bytes that begins with
  // what was written so far (the same memory, extended, or a copy), or a smaller one to refuse.
  using grow_function = std::span<std::byte> (*)(void* context, std::size_t needed);

  explicit byte_writer(std::span<std::byte> buffer, grow_function grow = nullptr,
                       void* context = nullptr) noexcept
      : data_(buffer.data()), capacity_(buffer.size()), grow_(grow), context_(context) {}
  byte_writer(const byte_writer&) = delete;
  byte_writer& operator=(const byte_writer&) = delete;

  // Appends `count` bytes for the caller to fill; valid until the next call.
  std::span<std::byte> extend(std::size_t count) {
    if (count > capacity_ - size_) [[unlikely]]
      make_room(count);
    std::byte* at = data_ + size_;
    size_ += count;
    return {at, count};
  }
  void write(const void* from, std::size_t count) {
    if (count != 0) std::memcpy(extend(count).data(), from, count);
  }
  // The object representation of a trivially copyable value.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void write_raw(const T& value) { write(std::addressof(value), sizeof(T)); }
  void write_size(std::size_t size) { write_raw(static_cast<std::uint64_t>(size)); }
  void write_string(std::string_view text) {
    write_size(text.size());
    write(text.data(), text.size());
  }

  // What has been written; valid until the next write.
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  std::size_t size() const noexcept { return size_; }
  // Forgets what was written beyond `size`, to take back a half-written value.
  void truncate(std::size_t size) noexcept {
    if (size < size_) size_ = size;
  }
  void clear() noexcept { size_ = 0; }

  // Held while a value that may contain values of its own type is in hand; throws wire_error when
  // they nest too deep. serialize() hooks and trine::serializer are counted without it.
  [[nodiscard]] detail::nesting nest() { return detail::nesting(depth_); }

  // Where shared objects in the value are noted (trine/detail/segment.hpp); null: none may be.
  detail::attachments* attached() const noexcept { return attached_; }
  void attach_to(detail::attachments* to) noexcept { attached_ = to; }

 protected:
  void reset(std::span<std::byte> buffer, std::size_t size) noexcept {
    data_ = buffer.data();
    capacity_ = buffer.size();
    size_ = size;
  }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  [[gnu::noinline]] void make_room(std::size_t count) {
    if (grow_ != nullptr && count <= SIZE_MAX / 2 - size_) {
      const std::span<std::byte> larger = grow_(context_, size_ + count);
      if (larger.size() >= size_ + count) {
        data_ = larger.data();
        capacity_ = larger.size();
        return;
      }
    }
    detail::throw_wire(
        "trine: the value does not fit into the buffer it is written to; send less, "
        "or share it through a trine::shared_array");
  }

  std::byte* data_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  grow_function grow_;
  void* context_;
  detail::attachments* attached_ = nullptr;
  unsigned depth_ = 0;
};

// A byte_writer that owns its buffer and lets it grow; std::bad_alloc when memory is out. Holds no
// memory before the first write.
class byte_buffer : public byte_writer {
 public:
  byte_buffer() noexcept : byte_writer({}, &byte_buffer::enlarge, this) {}
  byte_buffer(byte_buffer&& other) noexcept : byte_buffer() { swap(other); }
  byte_buffer& operator=(byte_buffer&& other) noexcept {
    byte_buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~byte_buffer() { std::free(memory_); }

  void swap(byte_buffer& other) noexcept {
    const std::size_t size_here = size(), capacity_here = capacity();
    std::byte* const memory_here = memory_;
    memory_ = other.memory_;
    reset({memory_, other.capacity()}, other.size());
    other.memory_ = memory_here;
    other.reset({memory_here, capacity_here}, size_here);
  }

 private:
  static std::span<std::byte> enlarge(void* context, std::size_t needed) {
    auto& self = *static_cast<byte_buffer*>(context);
    std::size_t target = self.capacity() < 128 ? 128 : self.capacity() * 2;
    if (target < needed) target = needed;
    void* memory = std::realloc(self.memory_, target);
    if (memory == nullptr) throw std::bad_alloc();
    self.memory_ = static_cast<std::byte*>(memory);
    return {self.memory_, target};
  }

  std::byte* memory_ = nullptr;
};

// Reads what a byte_writer wrote. Safe with any bytes: every read is checked against what is left
// and throws wire_error; what a count makes it allocate is bounded by what is left. The bytes must
// not change meanwhile. For one thread at a time.
class byte_reader {
 public:
  explicit byte_reader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}
  byte_reader(const byte_reader&) = delete;
  byte_reader& operator=(const byte_reader&) = delete;

  std::size_t remaining() const noexcept { return rest_.size(); }

  // The next `count` bytes, in place.
  std::span<const std::byte> take(std::size_t count) {
    if (count > rest_.size()) [[unlikely]]
      detail::throw_wire(
          "trine: the bytes end before the value does; were they cut off, or "
          "written as another type?");
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  void read(void* to, std::size_t count) {
    const auto from = take(count);
    if (count != 0) std::memcpy(to, from.data(), count);
  }
  // A value whose every bit pattern is one.
  template <class T>
  requires std::is_arithmetic_v<T> T read_raw() {
    static_assert(!std::is_same_v<T, bool>, "trine: use deserialize<bool>, which checks the byte");
    T value;
    read(&value, sizeof value);
    return value;
  }
  // The number of things that follow, each at least `bytes_each` (not 0) long.
  std::size_t read_size(std::size_t bytes_each = 1) {
    const auto size = read_raw<std::uint64_t>();
    if (size > rest_.size() / bytes_each) [[unlikely]]
      detail::throw_wire(
          "trine: the bytes announce more elements than they can hold; were they "
          "damaged, or written as another type?");
    return static_cast<std::size_t>(size);
  }
  std::string read_string() {
    const auto text = take(read_size());
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }
  // Throws wire_error when bytes are left over.
  void expect_end() const {
    if (!rest_.empty()) detail::throw_wire("trine: bytes are left over after the value");
  }

  // Held while a value that may contain values of its own type is in hand; throws wire_error when
  // they nest too deep. serialize() hooks and trine::serializer are counted without it.
  [[nodiscard]] detail::nesting nest() { return detail::nesting(depth_); }

  // Where shared objects that are read are noted as well; null: nowhere.
  detail::attachments* attached() const noexcept { return attached_; }
  void attach_to(detail::attachments* to) noexcept { attached_ = to; }

 private:
  std::span<const std::byte> rest_;
  detail::attachments* attached_ = nullptr;
  unsigned depth_ = 0;
};

}  // namespace trine
