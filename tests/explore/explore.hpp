// Deterministic exploration of concurrent code: a small model checker for templates over an atomics
// policy.
//
//   struct counter {                                    // made anew for each execution
//     explore::atomic<int> n{0};
//     explore::cell<int> data;                          // plain data: races are found
//     static constexpr unsigned threads = 2;
//     void thread(unsigned) { n.fetch_add(1, std::memory_order_relaxed); }
//     void after() { explore::require(n.load() == 2, "both counted"); }   // the threads have ended
//   };
//   explore::expect_sound<counter>("counter", 12);      // fails below 12 executions
//   explore::expect_found<broken_counter>("broken_counter");
//
// What is explored. Every operation on an explore::atomic is a point at which another virtual
// thread may go on. All schedules are tried, depth first, up to a number of preemptions (3;
// switches away from a thread that waits are free) and a number of late accesses (2; those that do
// not see the newest store). Three memory models:
//   tso   Stores other than seq_cst go to a first-in-first-out buffer for each thread, and arrive
//   when
//         the schedule says; seq_cst stores, read-modify-writes and seq_cst fences wait until it is
//         empty. A store arrives only just before another's access to its atomic: earlier would
//         make no difference.
//   weak  A load may return any store that coherence and happens-before (views in every message,
//         release sequences, fences) leave visible; sequentially consistent operations agree with
//         the order in which they were executed, as C++20 has it.
//   both  Together, so that a relaxed store may also come after a later operation of its thread.
// expect_sound runs tso and weak depth first and both at random. 200,000 to 500,000 executions of a
// model of 20 operations take a second.
//
// Also found: races on a cell (vector clocks, whatever the schedule), use of an atomic after its
// end or not ordered after its construction, an end not ordered after the last use, deadlock (all
// wait: futex or spin without a write), loops without an end.
//
// Not seen:
//   - A store that overtakes an earlier load of its thread (load buffering). x86 does not do it;
//   that
//     the load must be acquire, or a later release stand between, is not shown: so the acquire of
//     head in run_queue::push is not refuted when it is weakened.
//   - Orders of seq_cst operations other than that of execution, but for those the buffers give.
//   - Compare-and-swaps that fail for no reason. A relaxed read-modify-write empties the buffer.
//   - What needs more preemptions or late accesses than the bounds allow; more than 6 threads, 48
//     atomics, 250 stores to one of them, 2000 steps.
//
// Proof that it finds bugs: expect_orders_needed weakens each memory order of a source file by a
// step, and tears each compare-and-swap into load and store, one at a time, and counts what is
// found.
//
// TRINE_EXPLORE=full raises the bounds by one each and the random runs to a million.
// TRINE_EXPLORE_REPLAY=NAME:SCHEDULE runs the one schedule a failure printed, with its trace. In
// it, T0 is a thread, a0 an atomic, in the order of construction; static ones come first.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "explore/machine_inline.hpp"
#include "explore/sites.hpp"

namespace explore {

inline machine& engine() {
  static machine the_only;
  return the_only;
}

inline void require(bool holds, const char* what) {
  if (!holds) engine().fail(std::string("not so: ") + what);
}

template <class T>
class atomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);

 public:
  using value_type = T;
  static constexpr auto sc = order::seq_cst;

  // constexpr only so that a class with a constexpr constructor may have one.
  constexpr atomic() noexcept : atomic(T{}) {}
  constexpr atomic(T value) noexcept : place_(engine().make_place(raw(value))) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
  constexpr ~atomic() { engine().end_place(place_); }

  T load(order o = sc, where at = where::current()) const noexcept {
    return of(engine().load(place_, at_site(at, kind::load, o)));
  }
  void store(T value, order o = sc, where at = where::current()) noexcept {
    engine().store(place_, raw(value), at_site(at, kind::store, o));
  }
  T exchange(T value, order o = sc, where at = where::current()) noexcept {
    return change([&](T) { return value; }, o, at);
  }
  bool compare_exchange_strong(T& expected, T desired, order success, order failure,
                               where at = where::current()) noexcept {
    std::uint64_t seen = raw(expected);
    const order ours = at_site(at, kind::swap, success);
    bool done;
    if (site_is_torn(at)) {
      const std::uint64_t found = engine().load(place_, order::acquire);
      done = found == seen;
      if (done) engine().store(place_, raw(desired), order::release);
      seen = found;
    } else {
      done = engine().compare_exchange(place_, seen, raw(desired), ours, failure);
    }
    if (!done) expected = of(seen);
    return done;
  }
  bool compare_exchange_strong(T& expected, T desired, order o = sc,
                               where at = where::current()) noexcept {
    const order failure = o == order::acq_rel   ? order::acquire
                          : o == order::release ? order::relaxed
                                                : o;
    return compare_exchange_strong(expected, desired, o, failure, at);
  }
  bool compare_exchange_weak(T& expected, T desired, order success, order failure,
                             where at = where::current()) noexcept {
    return compare_exchange_strong(expected, desired, success, failure, at);
  }
  bool compare_exchange_weak(T& expected, T desired, order o = sc,
                             where at = where::current()) noexcept {
    return compare_exchange_strong(expected, desired, o, at);
  }
  T fetch_add(T by, order o = sc, where at = where::current()) noexcept {
    return change([&](T old) { return static_cast<T>(old + by); }, o, at);
  }
  T fetch_sub(T by, order o = sc, where at = where::current()) noexcept {
    return change([&](T old) { return static_cast<T>(old - by); }, o, at);
  }
  T fetch_or(T bits, order o = sc, where at = where::current()) noexcept {
    return change([&](T old) { return static_cast<T>(old | bits); }, o, at);
  }
  T fetch_and(T bits, order o = sc, where at = where::current()) noexcept {
    return change([&](T old) { return static_cast<T>(old & bits); }, o, at);
  }

  unsigned place() const noexcept { return place_; }

 private:
  static std::uint64_t raw(T value) noexcept {
    std::uint64_t out = 0;
    std::memcpy(&out, &value, sizeof value);
    return out;
  }
  static T of(std::uint64_t value) noexcept {
    T out;
    std::memcpy(&out, &value, sizeof out);
    return out;
  }
  template <class F>
  T change(F f, order o, const where& at) noexcept {
    return of(engine().update(
        place_, [&](std::uint64_t old) { return raw(f(of(old))); }, at_site(at, kind::update, o)));
  }

  const unsigned place_;
};

// Plain data of one execution. Two uses of which one writes must be ordered by happens-before.
template <class T>
class cell {
 public:
  cell() : cell(T{}) {}
  explicit cell(T value) : value_(value), written_by_(engine().current()), written_at_(clock()) {}

  T get() const {
    ordered(written_by_, written_at_, "a read", "a write");
    read_at_[engine().current()] = clock();
    return value_;
  }
  void set(T value) {
    ordered(written_by_, written_at_, "a write", "a write");
    for (unsigned t = 0; t < max_threads; ++t) ordered(t, read_at_[t], "a write", "a read");
    written_by_ = engine().current();
    written_at_ = clock();
    value_ = value;
  }

 private:
  static std::uint16_t clock() { return engine().now().clock[engine().current()]; }
  void ordered(unsigned by, std::uint16_t at, const char* mine, const char* theirs) const {
    if (by == engine().current() || engine().now().clock[by] >= at) return;
    engine().fail(std::string("a race: ") + mine + " of a cell, not ordered after " + theirs +
                  " by T" + std::to_string(by));
  }

  T value_;
  unsigned written_by_;
  std::uint16_t written_at_;
  mutable std::uint16_t read_at_[max_threads] = {};
};

// A cell that reads and writes as a plain variable does.
template <class T>
class plain : public cell<T> {
 public:
  plain() = default;
  plain(T value) : cell<T>(value) {}
  operator T() const { return this->get(); }
  plain& operator=(T value) {
    this->set(value);
    return *this;
  }
  plain& operator=(const plain& other) { return *this = other.get(); }
};

inline void relax() { engine().yield(); }
template <class T>
bool futex_wait(const atomic<T>& word, std::type_identity_t<T> expected, bool timed = false) {
  return engine().sleep(&word, word.place(), static_cast<std::uint64_t>(expected), timed);
}
template <class T>
void futex_wake(const atomic<T>* word, unsigned count) {
  engine().wake_sleepers(word, count);
}

// The atomics policy for templates of src/atomic.
struct policy {
  template <class T>
  using atomic = explore::atomic<T>;
  static void relax() { explore::relax(); }
  static void fence(order o) { engine().fence(o); }
  static void process_fence() { engine().process_fence(); }
};

}  // namespace explore
