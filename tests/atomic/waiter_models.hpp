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

// The frame of a parked coroutine is handed to the waker by commit and claim, and from there to the
// home by its inbox.
struct woken_at_home final : wait::scheduler {
  struct frame {
    explore::plain<frame*> next = nullptr;
    explore::plain<int> where = 0;
  };
  spin_lock guard;
  explore::cell<wait::waiter*> registered;
  explore::cell<bool> happened;
  explore::kept_waiters waiters;
  frame frames[2];
  unsigned used = 0;
  ::trine::atomic::inbox<frame, explore::policy> wakes;
  explore::atomic<std::uint32_t> sleep{0};

  void park(wait::waiter& w, std::int64_t) noexcept override {
    frame& mine = frames[used++];
    mine.where = 1;
    w.frame = &mine;
    if (!w.commit()) return;
    for (;;) {
      if (frame* const back = wakes.take_all()) {
        require(back == &mine && back->where == 2, "the frame comes back, changed");
        return;
      }
      sleep.store(1, order::seq_cst);
      if (wakes.empty()) explore::futex_wait(sleep, 1);
      sleep.store(0, order::seq_cst);
    }
  }
  void resume(wait::waiter& w) noexcept override {
    auto* const f = static_cast<frame*>(w.frame);
    require(f->where == 1, "the frame is seen");
    f->where = 2;
    wakes.push(f);
    if (sleep.load(order::seq_cst) == 1 && sleep.exchange(0, order::seq_cst) == 1)
      explore::futex_wake(&sleep, 1);
  }
  void yield() noexcept override {}

  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(nullptr, t == 0 ? this : nullptr);
    if (t == 0) {
      wait::waiter& w = waiters.make();
      guard.lock();
      const bool already = happened.get();
      if (!already) registered.set(&w);
      guard.unlock();
      if (!already) require(w.wait({}) == wait::outcome::woken, "woken");
      guard.lock();
      registered.set(nullptr);
      guard.unlock();
      waiters.end(w);
      return;
    }
    // Two wakers; the waiter is there until the lock has been theirs.
    guard.lock();
    happened.set(true);
    wait::waiter* const w = registered.get();
    const wait::claimed how = w != nullptr ? w->claim(wait::outcome::woken) : wait::claimed::lost;
    guard.unlock();
    if (how == wait::claimed::parked) w->resume();
  }
  void after() { require(wakes.empty(), "woken once"); }
};

}  // namespace models
