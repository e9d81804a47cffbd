// A variable that one thread writes and others may glance at: every access is a relaxed load or
// store, so it costs what a plain variable costs. What it points to needs an order of its own.
#pragma once

#include <atomic>

namespace trine::base {

template <class T>
class relaxed {
 public:
  constexpr relaxed() noexcept = default;
  constexpr relaxed(T value) noexcept : value_(value) {}
  constexpr relaxed(const relaxed& other) noexcept : value_(other.get()) {}
  relaxed& operator=(const relaxed& other) noexcept { return *this = other.get(); }
  relaxed& operator=(T value) noexcept {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }

  T get() const noexcept { return value_.load(std::memory_order_relaxed); }
  operator T() const noexcept { return get(); }
  // Of pointers.
  T operator->() const noexcept { return get(); }

 private:
  std::atomic<T> value_{};
};

}  // namespace trine::base
