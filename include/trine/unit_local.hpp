// unit_local<T>: a variable of which every unit has its own.
//
//   trine::unit_local<std::string> request_id;
//   request_id.get() = "r-17";         // this unit's, made when it first asks
//
// As thread_local, for coroutines, threads, processes' jobs and plain threads alike. The value is
// made by the unit's first access (by T{}, or by the function given), and destroyed on the unit at
// its end, before its handle sees it done; on a plain thread at the thread's end. Values and
// this_unit::on_exit functions of a unit end in the reverse order of their beginning. A unit that
// uses none pays nothing.
//
// The first access may throw what T's constructor throws, and std::bad_alloc; the next one tries
// again. An access costs a look through what the unit has (few are meant). A unit_local may be
// destroyed while units still have values of it: those stay until their units end.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include <trine/detail/unit_ends.hpp>

namespace trine {

template <class T>
class unit_local {
 public:
  constexpr unit_local() requires std::is_default_constructible_v<T>
  = default;
  // make() gives the first value for each unit; it is called on that unit.
  template <std::invocable F>
  requires std::is_convertible_v<std::invoke_result_t<F&>, T>
  explicit unit_local(F make) : make_(std::move(make)) {}
  unit_local(const unit_local&) = delete;
  unit_local& operator=(const unit_local&) = delete;

  // The calling unit's value. The reference is good until the unit ends, on that unit.
  T& get() {
    const std::uint64_t key = detail::key_of(key_);
    if (detail::unit_end* const found = detail::find_end(key))
      return static_cast<kept*>(found)->value;
    kept* const made = make();
    detail::add_end(*made, key);
    return made->value;
  }
  T& operator*() { return get(); }
  T* operator->() { return std::addressof(get()); }
  // Whether the calling unit has a value.
  bool has_value() const noexcept {
    const std::uint64_t key = key_.load(std::memory_order_relaxed);
    return key != 0 && detail::find_end(key) != nullptr;
  }

 private:
  struct kept final : detail::unit_end {
    template <class... A>
    explicit kept(A&&... a) : unit_end(&end), value(std::forward<A>(a)...) {}
    static void end(unit_end* e) { delete static_cast<kept*>(e); }
    T value;
  };
  kept* make() {
    if constexpr (std::is_default_constructible_v<T>) {
      if (!make_) return new kept();
    }
    return new kept(make_());
  }

  std::function<T()> make_;
  std::atomic<std::uint64_t> key_{0};
};

}  // namespace trine
