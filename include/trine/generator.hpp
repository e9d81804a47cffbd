// trine::generator<T>: a sequence computed as it is read.
//
//   trine::generator<int> up_to(int n) { for (int i = 0; i < n; ++i) co_yield i; }
//   trine::generator<const node&> walk(const node& n) {
//     for (const node& child : n.children) co_yield trine::elements_of(walk(child));
//     co_yield n;
//   }
//   for (int i : up_to(10) | std::views::take(3)) …
//
// As C++23's std::generator: an input range, move-only, read once. generator<T> gives T&& (so a
// value may be moved out), generator<T&> the reference, generator<R, V> the reference R with the
// value type V. Between two elements the body stands still; an exception of the body comes out of
// begin() or ++. elements_of reads a generator of the same type, or any range, as part of this one;
// nesting costs O(1) for each element however deep it is, and no stack.
//
// Synchronous: the body runs on the reader's stack and may call anything, blocking calls too, which
// park the reader's unit. It awaits nothing. One generator belongs to one unit at a time.
// Destroying it destroys the body where it stands.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>

namespace trine {

template <class Ref, class Value = void>
class generator;

// co_yield elements_of(range): all its elements, in order.
template <class Range>
struct elements_of {
  explicit elements_of(Range&& of) noexcept : range(static_cast<Range&&>(of)) {}
  Range&& range;
};
template <class Range>
elements_of(Range&&) -> elements_of<Range>;

namespace detail {

// What the bodies of one type of element share. Bodies that read each other with elements_of form a
// chain; the first keeps which is the last, and that is the one that runs. No body resumes another:
// each hands over to the reader's loop, so that no depth of nesting needs stack.
template <class Yielded>
class generator_promise {
  using frame = std::coroutine_handle<generator_promise>;

 public:
  generator_promise() noexcept = default;
  generator_promise(const generator_promise&) = delete;
  generator_promise& operator=(const generator_promise&) = delete;

  std::suspend_always initial_suspend() const noexcept { return {}; }
  std::suspend_always final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error_ = std::current_exception(); }
  void await_transform() = delete;  // nobody could resume it

  std::suspend_always yield_value(Yielded value) noexcept {
    first_->value_ = std::addressof(value);
    return {};
  }
  // A value given for an rvalue: a copy, which lives until the reader asks for the next.
  auto yield_value(const std::remove_reference_t<Yielded>& value) requires(
      std::is_rvalue_reference_v<Yielded>&& std::constructible_from<
          std::remove_cvref_t<Yielded>, const std::remove_reference_t<Yielded>&>) {
    return copied{value, first_};
  }

  template <class Ref, class Value>
  requires std::same_as<typename generator<Ref, Value>::yielded, Yielded>
  auto yield_value(elements_of<generator<Ref, Value>> of) noexcept {
    return nested<generator<Ref, Value>>{std::move(of.range)};
  }
  template <class Ref, class Value>
  requires std::same_as<typename generator<Ref, Value>::yielded, Yielded>
  auto yield_value(elements_of<generator<Ref, Value>&> of) noexcept {
    return nested<generator<Ref, Value>>{std::move(of.range)};
  }
  template <std::ranges::input_range Range>
  requires(
      std::convertible_to<std::ranges::range_reference_t<Range>, Yielded> ||
      (std::is_rvalue_reference_v<Yielded> &&
       std::convertible_to<std::ranges::range_reference_t<Range>,
                           std::remove_cvref_t<Yielded>>)) auto yield_value(elements_of<Range> of) {
    auto each = [](std::ranges::iterator_t<Range> at,
                   std::ranges::sentinel_t<Range> end) -> generator<Yielded> {
      for (; at != end; ++at) {
        if constexpr (std::convertible_to<std::ranges::range_reference_t<Range>, Yielded>) {
          co_yield static_cast<Yielded>(*at);
        } else {
          co_yield std::remove_cvref_t<Yielded>(*at);
        }
      }
    };
    return nested<generator<Yielded>>{
        each(std::ranges::begin(of.range), std::ranges::end(of.range))};
  }

  // The reader's, on the first of the chain.
  // Runs until there is an element (true) or the end. Throws what the bodies let out.
  bool advance() {
    for (;;) {
      generator_promise* const running = last_;
      frame::from_promise(*running).resume();
      if (last_ != running) continue;  // it reads another now
      if (!frame::from_promise(*running).done()) return true;
      if (running == this) {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return false;
      }
      last_ = running->reader_;  // which takes the error, if there is one, in nested
    }
  }
  auto* value() const noexcept { return value_; }

 private:
  template <class Generator>
  struct nested {
    Generator of;

    bool await_ready() const noexcept { return of.frame_ == nullptr; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> reader) noexcept {
      generator_promise& me = reader.promise();
      generator_promise& its = of.frame_.promise();
      its.first_ = me.first_;
      its.reader_ = &me;
      me.first_->last_ = &its;
    }
    void await_resume() {
      if (of.frame_ && of.frame_.promise().error_ != nullptr)
        std::rethrow_exception(std::exchange(of.frame_.promise().error_, nullptr));
    }
  };
  struct copied {
    copied(const std::remove_reference_t<Yielded>& value, generator_promise* first)
        : copy(value), chain(first) {}
    std::remove_cvref_t<Yielded> copy;
    generator_promise* chain;
    bool await_ready() noexcept {
      chain->value_ = std::addressof(copy);
      return false;
    }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
  };

  std::add_pointer_t<Yielded> value_ = nullptr;
  generator_promise* first_ = this;
  generator_promise* last_ = this;       // of the first only
  generator_promise* reader_ = nullptr;  // who reads this one with elements_of
  std::exception_ptr error_;
};

}  // namespace detail

template <class Ref, class Value>
class [[nodiscard]] generator : public std::ranges::view_interface<generator<Ref, Value>> {
 public:
  using value_type = std::conditional_t<std::is_void_v<Value>, std::remove_cvref_t<Ref>, Value>;
  using reference = std::conditional_t<std::is_void_v<Value>, Ref&&, Ref>;
  // What co_yield takes.
  using yielded = std::conditional_t<std::is_reference_v<reference>, reference, const reference&>;
  static_assert(std::is_object_v<value_type> && !std::is_const_v<value_type>,
                "trine: a generator's elements have an object type as their value");

  class promise_type final : public detail::generator_promise<yielded> {
   public:
    generator get_return_object() noexcept {
      return generator(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };

  class iterator {
   public:
    using value_type = generator::value_type;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator(iterator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    iterator& operator=(iterator&& other) noexcept {
      frame_ = std::exchange(other.frame_, nullptr);
      return *this;
    }
    reference operator*() const { return static_cast<reference>(*frame_.promise().value()); }
    iterator& operator++() {
      if (!frame_.promise().advance()) ended_ = true;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return i.ended_; }

   private:
    friend class generator;
    explicit iterator(std::coroutine_handle<promise_type> frame)
        : frame_(frame), ended_(!frame_.promise().advance()) {}

    std::coroutine_handle<promise_type> frame_;
    bool ended_ = false;
  };

  generator() noexcept = default;
  generator(generator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  generator& operator=(generator&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~generator() {
    if (frame_) frame_.destroy();
  }

  // Once only. Runs the body to its first element.
  iterator begin() { return iterator(frame_); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  template <class Yielded>
  friend class detail::generator_promise;
  explicit generator(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_ = nullptr;
};

}  // namespace trine
