// Models of what waits: they use the sources of waiter and stop protocol as they are, and follow
// coroutine/worker.cpp and runtime.cpp where a worker is needed.
#pragma once

#include "atomic/inbox.hpp"
#include "explore/check.hpp"
#include "explore/runtime_source.hpp"

namespace models {

using explore::order;
using explore::require;
using namespace explored;
namespace detail = explored::detail;

// A lock for models: spins.
struct spin_lock {
  explore::atomic<int> taken{0};
  void lock() {
    while (taken.exchange(1, order::acquire) != 0) explore::relax();
  }
  void unlock() { taken.store(0, order::release); }
};

constexpr detail::core_ops no_ops{};

// An event as any primitive is built on the waiter. The waiting unit is a thread; a waker, a stop
// request and (Timed) its own timer race for the end of its wait.
template <bool Timed>
struct three_claimers {
  spin_lock guard;
  explore::cell<wait::waiter*> registered;
  explore::cell<bool> happened;
  explore::cell<int> data;
  detail::core unit{&no_ops};
  wait::outcome first = wait::outcome::armed;

  static constexpr unsigned threads = 3;
  explore::kept_waiters waiters;
  wait::outcome wait_once(bool stoppable, bool timed) {
    wait::waiter& w = waiters.make();
    const wait::outcome o = wait_once(w, stoppable, timed);
    waiters.end(w);
    return o;
  }
  wait::outcome wait_once(wait::waiter& w, bool stoppable, bool timed) {
    guard.lock();
    const bool already = happened.get();
    if (!already) registered.set(&w);
    guard.unlock();
    if (already) return wait::outcome::woken;
    const wait::outcome o =
        w.wait({.deadline = timed ? explored::base::never - 1 : explored::base::never,
                .stoppable = stoppable});
    if (o == wait::outcome::woken) return o;
    guard.lock();
    registered.set(nullptr);
    guard.unlock();
    return o;
  }
  void thread(unsigned t) {
    explore::become(t == 0 ? &unit : nullptr);
    if (t == 0) {
      first = wait_once(true, Timed);
      if (first != wait::outcome::woken)
        require(wait_once(false, false) == wait::outcome::woken, "only the event ends this wait");
      require(data.get() == 1, "what the waker wrote is seen");
    } else if (t == 1) {
      data.set(1);
      guard.lock();
      happened.set(true);
      wait::waiter* const w = registered.get();
      registered.set(nullptr);
      const wait::claimed how = w != nullptr ? w->claim(wait::outcome::woken) : wait::claimed::lost;
      guard.unlock();
      if (how == wait::claimed::parked) w->resume();
    } else {
      wait::request_stop(unit, wait::stop_requested);
    }
  }
  void after() {
    using wait::outcome;
    require(first == outcome::woken || first == outcome::stopped ||
                (Timed && first == outcome::timed_out),
            "an outcome");
    require(unit.parked.load() == nullptr, "nothing stays published");
  }
};

// Nobody wakes it: the stop request must, whenever it comes.
struct stopped_thread {
  detail::core unit{&no_ops};
  explore::kept_waiters waiters;
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(t == 0 ? &unit : nullptr);
    if (t == 0) {
      for (int i = 0; i < 2; ++i) {
        wait::waiter& w = waiters.make();
        require(w.wait({}) == wait::outcome::stopped, "every wait ends so");
        waiters.end(w);
      }
    } else {
      wait::request_stop(unit, t == 1 ? wait::stop_requested : wait::stop_deadline);
    }
  }
  void after() { require(unit.parked.load() == nullptr, "nothing stays published"); }
};

enum class bug { none, no_fence, shared_link };

// A coroutine's home, as coroutine/worker.cpp and runtime.cpp have it: one thread that runs the
// unit and, while it is parked, takes the stop requests others post. A posted core comes with a
// reference; where that may be the last one the loop releases it later, from a list.
template <bug Bug>
struct stopped_at_home final : wait::scheduler {
  static constexpr std::uint32_t awake = 0, sleeping = 1;
  static inline stopped_at_home* it;

  stopped_at_home() {
    it = this;
    unit.kind = unit_kind::coroutine;
    wait::stop_by_home.store(&deliver);
  }
  detail::core unit{&no_ops};
  ::trine::atomic::inbox<detail::core, explore::policy> stops;
  explore::atomic<std::uint32_t> sleep{awake};
  explore::kept_waiters waiters;
  bool resumed = false;
  detail::core* spent = nullptr;

  static void deliver(detail::core& c) noexcept {
    if (c.home.load(order::acquire) < 0) {
      if (Bug != bug::no_fence) explore::policy::process_fence();
      if (c.home.load(order::acquire) < 0) return;
    }
    if ((c.stop.fetch_or(wait::stop_posted, order::seq_cst) & wait::stop_posted) != 0) return;
    detail::retain(&c);
    it->stops.push(&c);
    if (it->sleep.load(order::seq_cst) == sleeping &&
        it->sleep.exchange(awake, order::seq_cst) == sleeping)
      explore::futex_wake(&it->sleep, 1);
  }
  void take_stops() noexcept {
    for (detail::core* c = stops.take_all(); c != nullptr;) {
      detail::core* const after = c->next;
      c->stop.fetch_and(~wait::stop_posted, order::seq_cst);
      wait::deliver_stop(*c);
      std::uint32_t others = c->refs.load(order::acquire);
      if (Bug != bug::shared_link) {
        while (others > 1 && !c->refs.compare_exchange_weak(others, others - 1, order::acq_rel)) {
        }
        require(others > 1, "the unit itself holds one");
      } else {
        require(spent != c, "it is in the list once");
        c->next = spent;
        spent = c;
      }
      c = after;
    }
  }
  void park(wait::waiter&, std::int64_t) noexcept override {
    for (resumed = false; !resumed;) {
      take_stops();
      if (resumed) return;
      sleep.store(sleeping, order::seq_cst);
      if (stops.empty()) explore::futex_wait(sleep, sleeping);
      sleep.store(awake, order::seq_cst);
    }
  }
  void resume(wait::waiter&) noexcept override {
    require(explore::engine().current() == 0, "only the home resumes");
    require(!resumed, "once");
    resumed = true;
  }
  void yield() noexcept override {}

  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(t == 0 ? &unit : nullptr, t == 0 ? this : nullptr);
    if (t != 0)
      return wait::request_stop(unit, t == 1 ? wait::stop_requested : wait::stop_deadline);
    unit.home.store(0, order::release);  // and a light fence: for the compiler alone
    for (int i = 0; i < 2; ++i) {
      wait::waiter& w = waiters.make();
      require(w.wait({}) == wait::outcome::stopped, "every wait ends so");
      waiters.end(w);
      take_stops();
    }
  }
  void after() { require(unit.parked.load() == nullptr, "nothing stays published"); }
};

// A coroutine's waiter, claimed perhaps before the coroutine has left its stack, goes through the
// home's inbox.
struct woken_at_home final : wait::scheduler {
  detail::core unit{&no_ops};  // a roaming one: a stopper claims the waiter itself
  spin_lock guard;
  explore::cell<wait::waiter*> registered;
  explore::cell<bool> happened;
  explore::cell<int> claimers;  // written by who claimed, while the waiter is its own
  explore::kept_waiters waiters;
  ::trine::atomic::inbox<wait::resume_link, explore::policy> wakes;
  explore::atomic<std::uint32_t> sleep{0};

  void park(wait::waiter& w, std::int64_t) noexcept override {
    for (;;) {
      if (wait::resume_link* const back = wakes.take_all()) {
        require(back == &w && back->next == nullptr, "it is resumed, alone");
        return;
      }
      sleep.store(1, order::seq_cst);
      if (wakes.empty()) explore::futex_wait(sleep, 1);
      sleep.store(0, order::seq_cst);
    }
  }
  void resume(wait::waiter& w) noexcept override {
    claimers.set(claimers.get() + 1);
    wakes.push(&w);
    if (sleep.load(order::seq_cst) == 1 && sleep.exchange(0, order::seq_cst) == 1)
      explore::futex_wake(&sleep, 1);
  }
  void yield() noexcept override {}

  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(t == 0 ? &unit : nullptr, t == 0 ? this : nullptr);
    if (t == 2) return wait::request_stop(unit, wait::stop_requested);
    if (t == 1) {
      guard.lock();
      happened.set(true);
      wait::waiter* const w = registered.get();
      const wait::claimed how = w != nullptr ? w->claim(wait::outcome::woken) : wait::claimed::lost;
      guard.unlock();
      if (how == wait::claimed::parked) w->resume();
      return;
    }
    wait::waiter& w = waiters.make();
    guard.lock();
    const bool already = happened.get();
    if (!already) registered.set(&w);
    guard.unlock();
    const wait::outcome o = already ? wait::outcome::woken : w.wait({});
    require(o == wait::outcome::woken || o == wait::outcome::stopped, "an outcome");
    guard.lock();
    registered.set(nullptr);
    guard.unlock();
    waiters.end(w);
  }
  void after() { require(wakes.empty() && claimers.get() <= 1, "woken once"); }
};

}  // namespace models
