// shared_channel<T>: a bounded channel between units of different processes.
//
//   trine::shared_channel<std::string> lines(100);
//   auto reader = trine::spawn(trine::process, read_log, lines);   // calls lines.send(…),
//   lines.close() for (const std::string& line : lines) show(line);              // until closed
//   and drained
//
// The same calls as trine::channel. A handle: copies are the same channel, and it crosses to any
// unit as an argument or result. Elements are copied, as arguments of process units are
// (trine/serialize.hpp); shared arrays do not fit into elements. Many senders and receivers; first
// in, first out. Waiting parks the calling unit only. What a process had sent when it was killed
// arrives; what it was just sending or receiving is there wholly or not at all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <type_traits>

#include <trine/detail/shared_state.hpp>
#include <trine/handle.hpp>
#include <trine/serialize.hpp>

namespace trine {

template <class T>
class shared_channel {
  static_assert((require_process_copyable<T>(), true));
  // What an element takes: exactly its bytes, or, where they vary, this many on average.
  static constexpr std::size_t guess = detail::is_raw<T> ? sizeof(T) : 256;

 public:
  using value_type = T;

  // Room for `capacity` elements, 1 or more. Elements of varying size (strings, vectors) share
  // `bytes`, 256 for each element if 0; one larger than all of it cannot be sent. Throws
  // std::invalid_argument, std::system_error when there is no memory or descriptor.
  explicit shared_channel(std::size_t capacity, std::size_t bytes = 0)
      : segment_(detail::make_shared_channel(capacity, bytes, guess)), capacity_(capacity) {}

  // Parks the calling unit until there is room. Throws closed, wire_error when the element cannot
  // be encoded or is too large, cancelled or timed_out when the unit is stopped; then nothing was
  // sent.
  void send(const T& value) { send_by(value, detail::no_deadline); }
  // Never waits. False when there is no room; throws closed as send does.
  bool try_send(const T& value) { return send_by(value, detail::do_not_wait); }
  template <class Rep, class Period>
  bool send_for(const T& value, const std::chrono::duration<Rep, Period>& span) {
    return send_by(value, detail::to_deadline(span));
  }

  // Parks the calling unit until there is an element. Empty when closed and drained. Throws
  // cancelled or timed_out when the unit is stopped; then nothing was taken.
  std::optional<T> receive() { return receive_by(detail::no_deadline); }
  // Never waits. Empty when there is none; is_closed() tells why.
  std::optional<T> try_receive() { return receive_by(detail::do_not_wait); }
  template <class Rep, class Period>
  std::optional<T> receive_for(const std::chrono::duration<Rep, Period>& span) {
    return receive_by(detail::to_deadline(span));
  }

  // No more sends, for all handles everywhere. What is in it can still be received. Any number of
  // times.
  void close() noexcept { detail::close_shared(segment_); }
  bool is_closed() const noexcept { return state().closed.load(std::memory_order_acquire) != 0; }
  std::size_t size() const noexcept { return detail::size_of_shared(segment_); }
  std::size_t capacity() const noexcept { return capacity_; }

  // Receives until closed and drained.
  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using reference = T&;
    using pointer = T*;

    explicit iterator(shared_channel& from) : from_(&from), value_(from.receive()) {}
    T& operator*() { return *value_; }
    T* operator->() { return &*value_; }
    iterator& operator++() {
      value_ = from_->receive();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return !value_.has_value(); }

   private:
    shared_channel* from_;
    std::optional<T> value_;
  };
  iterator begin() { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend struct serializer<shared_channel>;
  shared_channel(detail::segment_ref segment, std::size_t capacity) noexcept
      : segment_(std::move(segment)), capacity_(capacity) {}

  detail::shared_channel_state& state() const noexcept {
    return *reinterpret_cast<detail::shared_channel_state*>(detail::segment_data(segment_.get()));
  }
  bool send_by(const T& value, std::int64_t deadline) {
    byte_buffer bytes;
    serialize_to(bytes, value);
    switch (detail::send_shared(segment_, bytes.bytes(), deadline)) {
      case detail::channel_outcome::closed:
        throw closed();
      case detail::channel_outcome::done:
        return true;
      default:
        return false;
    }
  }
  std::optional<T> receive_by(std::int64_t deadline) {
    byte_buffer bytes;
    if (detail::receive_shared(segment_, bytes, deadline) != detail::channel_outcome::done)
      return std::nullopt;
    byte_reader in(bytes.bytes());
    std::optional<T> value(deserialize<T>(in));
    in.expect_end();
    return value;
  }

  detail::segment_ref segment_;
  std::size_t capacity_;
};

template <class T>
struct serializer<shared_channel<T>> {
  static void write(byte_writer& out, const shared_channel<T>& c) {
    out.write_raw(static_cast<std::uint64_t>(c.capacity_));
    detail::write_segment(out, c.segment_);
  }
  static shared_channel<T> read(byte_reader& in) {
    const auto capacity = in.read_raw<std::uint64_t>();
    detail::segment_ref s = detail::read_segment(in, sizeof(detail::shared_channel_state));
    detail::check_shared_channel(s, shared_channel<T>::guess);
    return {std::move(s), static_cast<std::size_t>(capacity)};
  }
};

}  // namespace trine
