// The waiter's word, the stop protocol and the mutex, by their own sources.
#include "explore/check.hpp"
#include "explore/runtime_source.hpp"

namespace {

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
  wait::outcome wait_once(bool stoppable, bool timed) {
    wait::waiter w;
    guard.lock();
    const bool already = happened.get();
    if (!already) registered.set(&w);
    guard.unlock();
    if (already) return wait::outcome::woken;
    const wait::outcome o =
        w.wait({.deadline = timed ? explored::base::never - 1 : explored::base::never, .stoppable = stoppable});
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

TEST(waiter, one_of_waker_timer_and_stop_ends_the_wait) {
  explore::expect_sound<three_claimers<false>>("waiter", 1);
  explore::expect_sound<three_claimers<true>>("waiter_timed", 1);
}

// Nobody wakes it: the stop request must, whenever it comes.
struct stopped_thread {
  detail::core unit{&no_ops};
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(t == 0 ? &unit : nullptr);
    if (t == 0) {
      for (int i = 0; i < 2; ++i) {
        wait::waiter w;
        require(w.wait({}) == wait::outcome::stopped, "every wait ends so");
      }
    } else {
      wait::request_stop(unit, t == 1 ? wait::stop_requested : wait::stop_deadline);
    }
  }
  void after() { require(unit.parked.load() == nullptr, "nothing stays published"); }
};

TEST(stop, no_request_is_lost) { explore::expect_sound<stopped_thread>("stop", 1); }

template <bool Try>
struct mutex_model {
  explored::mutex m;
  explore::cell<int> count;
  int entered = 0;
  static constexpr unsigned threads = 3;
  void inside() {
    count.set(count.get() + 1);
    ++entered;
  }
  void thread(unsigned t) {
    explore::become(nullptr);
    if (Try && t == 2) {
      if (m.try_lock()) {
        inside();
        m.unlock();
      }
      return;
    }
    for (int i = 0; i < (t == 0 ? 2 : 1); ++i) {
      m.lock();
      inside();
      m.unlock();
    }
  }
  void after() {
    require(count.get() == entered, "no two were inside");
    require(entered >= 3, "all were inside");
    require(m.try_lock(), "free in the end");
  }
};

TEST(mutex, one_inside_and_none_forgotten) {
  explore::expect_sound<mutex_model<false>>("mutex", 1);
}
TEST(mutex, try_lock_enters_only_a_free_one) {
  explore::expect_sound<mutex_model<true>>("mutex_try_lock", 1);
}

}  // namespace
