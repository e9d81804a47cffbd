// trine::event: a flag that units wait for.
//
//   trine::event ready;
//   auto h = trine::spawn(trine::coroutine, [&] { ready.wait(); serve(); });
//   load();
//   ready.set();                      // wakes all who wait; who comes later does not wait
//   ready.reset();                    // from now on they wait again
//
// For units of every kind and plain threads. What a unit did before set() is seen by who has
// waited. A wait that set() has ended stays ended, whatever reset() follows. The event may be
// destroyed as soon as the waits on it have returned, even while set() is just returning.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <trine/detail/deadline.hpp>
#include <trine/detail/fair.hpp>
#include <trine/detail/stop_point.hpp>
#include <trine/detail/waiter_list.hpp>

namespace trine {

namespace sync {
struct event_queue;
}

class event {
 public:
  constexpr event() noexcept = default;
  explicit constexpr event(bool set_at_first) noexcept : word_(set_at_first ? is_on : 0) {}
  ~event() = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  // Sets it and wakes all who wait. Never blocks.
  void set() noexcept {
    detail::fair_point();
    set_and_wake();
  }
  // Never blocks.
  void reset() noexcept;
  // acquire: partner is the release in set(); what came before it is seen.
  bool is_set() const noexcept { return (word_.load(std::memory_order_acquire) & is_on) != 0; }

  // Parks the calling unit until it is set. Throws `cancelled` when the unit is asked to stop,
  // timed_out at the unit's own deadline.
  void wait() {
    detail::fair_point();
    detail::stop_point();
    if (!settled()) wait_slow(detail::no_deadline);
  }
  // With a bound: whether it was set. Throws as wait().
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& span) {
    detail::fair_point();
    detail::stop_point();
    return settled() || wait_slow(detail::to_deadline(span));
  }
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& when) {
    detail::fair_point();
    detail::stop_point();
    if (settled()) return true;
    while (!wait_slow(detail::to_deadline(when)))
      if (Clock::now() >= when) return false;  // clocks may run apart
    return true;
  }

 private:
  friend struct sync::event_queue;
  friend struct detail::wait_access;

  // Bits of the word. set() takes the lock and gives it back by the same store that sets the event:
  // who sees is_on alone knows that set() will not touch it any more.
  static constexpr std::uint32_t is_on = 1;
  static constexpr std::uint32_t locked = 2;

  bool settled() const noexcept { return word_.load(std::memory_order_acquire) == is_on; }
  std::uint32_t lock() noexcept;
  void set_and_wake() noexcept;
  bool wait_slow(std::int64_t deadline);

  std::atomic<std::uint32_t> word_{0};
  detail::waiter_list waiters_;
};

}  // namespace trine
