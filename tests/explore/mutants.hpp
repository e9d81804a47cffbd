// Policies with a bug, to show that the explorer would find it in the structure that uses them.
#pragma once

#include "explore/explore.hpp"

namespace explore {

enum class bug {
  none,
  no_seq_cst,  // acquire and release instead
  no_acquire,
  no_release,
  relaxed,   // all of them
  torn_swap  // compare-and-swap by a load and a store
};

template <bug Bug>
struct mutant {
  static constexpr order weaken(order o) {
    if (Bug == bug::relaxed) return order::relaxed;
    if (Bug == bug::no_seq_cst && o == order::seq_cst) return order::acq_rel;
    if (Bug == bug::no_acquire) {
      if (o == order::acquire) return order::relaxed;
      if (o == order::acq_rel) return order::release;
    }
    if (Bug == bug::no_release) {
      if (o == order::release) return order::relaxed;
      if (o == order::acq_rel) return order::acquire;
    }
    return o;
  }
  static constexpr order for_load(order o) {
    return weaken(o) == order::acq_rel ? order::acquire : weaken(o);
  }
  static constexpr order for_store(order o) {
    return weaken(o) == order::acq_rel ? order::release : weaken(o);
  }

  template <class T>
  class atomic : public explore::atomic<T> {
    using base = explore::atomic<T>;

   public:
    using base::base;
    T load(order o = base::sc) const noexcept { return base::load(for_load(o)); }
    void store(T value, order o = base::sc) noexcept { base::store(value, for_store(o)); }
    T exchange(T value, order o = base::sc) noexcept { return base::exchange(value, weaken(o)); }
    T fetch_add(T by, order o = base::sc) noexcept { return base::fetch_add(by, weaken(o)); }
    T fetch_sub(T by, order o = base::sc) noexcept { return base::fetch_sub(by, weaken(o)); }
    T fetch_or(T bits, order o = base::sc) noexcept { return base::fetch_or(bits, weaken(o)); }
    T fetch_and(T bits, order o = base::sc) noexcept { return base::fetch_and(bits, weaken(o)); }
    bool compare_exchange_strong(T& expected, T desired, order success, order failure) noexcept {
      if (Bug != bug::torn_swap)
        return base::compare_exchange_strong(expected, desired, weaken(success), for_load(failure));
      const T seen = base::load(order::acquire);
      if (seen == expected) {
        base::store(desired, order::release);
        return true;
      }
      expected = seen;
      return false;
    }
    bool compare_exchange_strong(T& expected, T desired, order o = base::sc) noexcept {
      return compare_exchange_strong(expected, desired, o, order::acquire);
    }
    bool compare_exchange_weak(T& expected, T desired, order success, order failure) noexcept {
      return compare_exchange_strong(expected, desired, success, failure);
    }
    bool compare_exchange_weak(T& expected, T desired, order o = base::sc) noexcept {
      return compare_exchange_strong(expected, desired, o);
    }
  };
  static void relax() { explore::relax(); }
  static void fence(order o) { policy::fence(weaken(o)); }
};

}  // namespace explore
