// trine::channel: elements from units to units, in order.
//
//   trine::channel<std::string> lines(64);
//   trine::scope s;
//   s.spawn(trine::thread, [&] { while (auto l = read_line()) lines.send(*l); lines.close(); });
//   s.spawn(trine::coroutine, [&] { for (std::string& l : lines) parse(l); });
//   s.join();
//
// Any number of senders and receivers of any kind (coroutines, threads, plain std::threads), of
// this process. Elements of one sender arrive in the order in which it sent them; who waits is
// served first come, first served, and an element goes straight from sender to receiver when one
// waits.
//
//   channel<T>(n)                  holds up to n elements; the memory for them is reserved at once
//   channel<T>(), channel<T>(0)    a rendezvous: send returns when a receiver has the element
//   channel<T>::unbounded(limit)   as channel<T>(limit), but memory grows with what is in it, in
//                                  blocks, and is given back
//
// As in Go: a closed channel gives what is still in it, then nothing; sending on it throws
// `closed`, also to senders that wait when it is closed. Unlike Go, close() may be called again.
//
// Nothing is lost. A send that throws or times out leaves the value with the caller, unmoved; a
// receive that throws leaves the element in the channel. A blocking call whose unit has been asked
// to stop throws `cancelled` (`timed_out` at the unit's own deadline), even if it could be done at
// once; one that waits ends so promptly. The try_ calls never do.
//
// T must be move constructible. Its move runs under the channel's lock: it must not block, nor use
// the channel. If it throws, the element stays where it was, and the exception goes to the unit
// whose call moved it; one that the other side could not serve for that reason moves it itself.
//
// Costs: an element through the buffer is two short sections under a spin lock. A channel must
// outlive all calls on it; who has received the last element may destroy it at once.
#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <trine/detail/channel_core.hpp>
#include <trine/detail/deadline.hpp>
#include <trine/detail/fair.hpp>
#include <trine/detail/stop_point.hpp>
#include <trine/errors.hpp>

namespace trine {

// Why a call that may give up gave nothing.
enum class channel_status : std::uint8_t { done, empty, closed, timed_out };

// What try_receive and receive_for give: an optional element, and why there is none. `closed` means
// closed and drained: there will never be another.
template <class T>
class received : public std::optional<T> {
 public:
  channel_status status() const noexcept { return status_; }
  bool closed() const noexcept { return status_ == channel_status::closed; }

 private:
  template <class>
  friend class channel;
  channel_status status_ = channel_status::done;
};

template <class T>
class channel;

namespace detail {

struct channel_access;

template <class T>
struct typed_element {
  static void store(void* slot, void* value) { ::new (slot) T(std::move(*of(value))); }
  static void take(void* optional, void* slot) {
    static_cast<std::optional<T>*>(optional)->emplace(std::move(*of(slot)));
    std::destroy_at(of(slot));
  }
  static void deliver(void* optional, void* value) {
    static_cast<std::optional<T>*>(optional)->emplace(std::move(*of(value)));
  }
  static void drop(void* slot) noexcept { std::destroy_at(of(slot)); }
  static T* of(void* place) noexcept { return std::launder(static_cast<T*>(place)); }

  static constexpr element_ops ops{sizeof(T), alignof(T), &store, &take, &deliver, &drop};
};

}  // namespace detail

template <class T>
class channel {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                "trine: a channel carries objects; for a reference use a pointer");
  static_assert(std::is_move_constructible_v<T>,
                "trine: a channel's elements must be move constructible");

 public:
  using value_type = T;

  // Throws std::bad_alloc, or std::length_error when no memory could hold so many.
  explicit channel(std::size_t capacity = 0)
      : core_(capacity, detail::channel_core::storage::ring, detail::typed_element<T>::ops) {}
  static channel unbounded(std::size_t limit) { return channel(limit, blocks{}); }
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  // Destroys what is still in it. No unit may be waiting.
  ~channel() = default;

  // Parks the calling unit until the element is in the channel, or with a receiver when the
  // capacity is 0. Throws `closed`, `cancelled`, timed_out, what T's move throws; an unbounded
  // channel also std::bad_alloc.
  void send(T&& value) {
    detail::fair_point();
    detail::stop_point();
    if (!store(value)) core_.send(std::addressof(value), detail::no_deadline);
  }
  void send(const T& value) requires std::copy_constructible<T> {
    T copy(value);
    send(std::move(copy));
  }
  // Never blocks. False when the channel is full (or no receiver waits, when its capacity is 0);
  // the value is unmoved then. Throws `closed`.
  bool try_send(T&& value) {
    return store(value) || core_.try_send(std::addressof(value)) == detail::channel_result::done;
  }
  bool try_send(const T& value) requires std::copy_constructible<T> {
    T copy(value);
    return try_send(std::move(copy));
  }
  // As send, with a bound: false when it passed; the value is unmoved then.
  template <class Rep, class Period>
  bool send_for(T&& value, const std::chrono::duration<Rep, Period>& span) {
    detail::fair_point();
    detail::stop_point();
    return store(value) || send_by(value, detail::to_deadline(span));
  }
  template <class Rep, class Period>
  bool send_for(const T& value, const std::chrono::duration<Rep, Period>& span) requires
      std::copy_constructible<T> {
    T copy(value);
    return send_for(std::move(copy), span);
  }
  template <class Clock, class Duration>
  bool send_until(T&& value, const std::chrono::time_point<Clock, Duration>& when) {
    detail::fair_point();
    detail::stop_point();
    if (store(value)) return true;
    while (!send_by(value, detail::to_deadline(when)))
      if (Clock::now() >= when) return false;  // clocks may run apart
    return true;
  }
  template <class Clock, class Duration>
  bool send_until(const T& value, const std::chrono::time_point<Clock, Duration>& when) requires
      std::copy_constructible<T> {
    T copy(value);
    return send_until(std::move(copy), when);
  }

  // Parks the calling unit until there is an element. Empty when the channel is closed and drained.
  // Throws `cancelled`, timed_out, what T's move throws.
  std::optional<T> receive() {
    detail::fair_point();
    detail::stop_point();
    std::optional<T> out;
    if (!take(out)) core_.receive(&out, detail::no_deadline);
    return out;
  }
  // Never blocks. What it gives says whether the channel is only empty, or closed too.
  received<T> try_receive() {
    detail::fair_point();
    received<T> out;
    if (!take(out))
      settle(out, core_.try_receive(static_cast<std::optional<T>*>(&out)), channel_status::empty);
    return out;
  }
  // As receive, with a bound.
  template <class Rep, class Period>
  received<T> receive_for(const std::chrono::duration<Rep, Period>& span) {
    detail::fair_point();
    detail::stop_point();
    received<T> out;
    if (!take(out)) receive_by(out, detail::to_deadline(span));
    return out;
  }
  template <class Clock, class Duration>
  received<T> receive_until(const std::chrono::time_point<Clock, Duration>& when) {
    detail::fair_point();
    detail::stop_point();
    received<T> out;
    if (take(out)) return out;
    do {
      receive_by(out, detail::to_deadline(when));
    } while (out.status() == channel_status::timed_out && Clock::now() < when);
    return out;
  }

  // No more elements. Receivers that wait get nothing, senders that wait throw `closed`. Never
  // blocks; may be called again. Any thread.
  void close() noexcept { core_.close(); }

  // What was so a moment ago, when others use the channel. Never block.
  bool is_closed() const noexcept { return core_.is_closed(); }
  std::size_t size() const noexcept { return core_.count(); }
  bool empty() const noexcept { return size() == 0; }
  // What it can hold.
  std::size_t capacity() const noexcept { return core_.capacity(); }

  // for (T& element : channel): receives until the channel is closed and drained. Throws as
  // receive.
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&;

    iterator() = default;
    T& operator*() const noexcept { return *element_; }
    T* operator->() const noexcept { return std::addressof(*element_); }
    iterator& operator++() {
      element_.reset();
      detail::fair_point();
      detail::stop_point();
      if (!from_->take(element_)) from_->core_.receive(&element_, detail::no_deadline);
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return !element_.has_value(); }

   private:
    friend channel;
    explicit iterator(channel& from) : from_(&from) { ++*this; }
    channel* from_ = nullptr;
    mutable std::optional<T> element_;
  };
  iterator begin() { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend struct detail::channel_access;
  using section = detail::channel_core::section;
  struct blocks {};
  channel(std::size_t limit, blocks)
      : core_(limit, detail::channel_core::storage::blocks, detail::typed_element<T>::ops) {}

  // What needs nobody else: an element into the buffer,
  bool store(T& value) {
    if (core_.capacity() == 0) return false;
    section s(core_);
    if (!core_.can_store()) return false;
    ::new (core_.tail()) T(std::move(value));
    core_.stored(sizeof(T));
    return true;
  }
  // or out of it.
  bool take(std::optional<T>& out) {
    if (core_.capacity() == 0) return false;
    section s(core_);
    if (!core_.can_take()) return false;
    detail::typed_element<T>::take(&out, core_.head());
    core_.taken(sizeof(T), s);
    return true;
  }
  bool send_by(T& value, std::int64_t deadline) {
    return core_.send(std::addressof(value), deadline) == detail::channel_result::done;
  }
  void receive_by(received<T>& out, std::int64_t deadline) {
    settle(out, core_.receive(static_cast<std::optional<T>*>(&out), deadline),
           channel_status::timed_out);
  }
  static void settle(received<T>& out, detail::channel_result how, channel_status otherwise) {
    out.status_ = how == detail::channel_result::done     ? channel_status::done
                  : how == detail::channel_result::closed ? channel_status::closed
                                                          : otherwise;
  }

  mutable detail::channel_core core_;
};

namespace detail {
// For select and co_await.
struct channel_access {
  template <class T>
  static channel_core& core_of(channel<T>& c) noexcept {
    return c.core_;
  }
};
}  // namespace detail

}  // namespace trine
