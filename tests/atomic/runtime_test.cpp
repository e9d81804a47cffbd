// The waiter's word, the stop protocol and the mutex, by their own sources.
#include "waiter_models.hpp"

namespace {

using namespace models;

TEST(waiter, one_of_waker_timer_and_stop_ends_the_wait) {
  explore::expect_sound<three_claimers<false>>("waiter", 270'000);
  explore::expect_sound<three_claimers<true>>("waiter_timed", 650'000);
}

TEST(stop, no_request_is_lost) { explore::expect_sound<stopped_thread>("stop", 230'000); }

enum class spending { safely, by_the_same_link };

// A coroutine's home, as coroutine/worker.cpp and runtime.cpp have it: one thread that runs the
// unit and, while it is parked, takes the stop requests others post. A posted core comes with a
// reference; where that is the last one the loop releases it later, from a list.
template <spending Spending, order Home = order::release>
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
    if (c.home.load(order::seq_cst) < 0) return;
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
      if (Spending == spending::safely) {
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
  void park(wait::waiter& w, std::int64_t) noexcept override {
    if (!w.commit()) return;
    if (unit.parked.load(order::relaxed) == &w && wait::stop_wanted(unit) &&
        w.claim(wait::outcome::stopped) == wait::claimed::parked)
      return;
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
    unit.home.store(0, Home);
    for (int i = 0; i < 2; ++i) {
      wait::waiter& w = waiters.make();
      require(w.wait({}) == wait::outcome::stopped, "every wait ends so");
      waiters.end(w);
      take_stops();
    }
  }
  void after() { require(unit.parked.load() == nullptr, "nothing stays published"); }
};

TEST(stop, no_request_to_a_coroutine_is_lost) {
  using model = stopped_at_home<spending::safely, order::seq_cst>;
  explore::expect_sound<model>("stop_at_home", 300'000);
}

// worker::start publishes the home by a release store. That is enough where a locked instruction
// (the commit) or a store-release before a load-acquire keeps the order, as on x86-64 and AArch64;
// C++ alone does not promise it.
TEST(stop, a_home_published_by_release_relies_on_the_processor) {
  using model = stopped_at_home<spending::safely, order::release>;
  EXPECT_EQ(
      explore::explore_and_print<model>("home_release", {.model = explore::memory::tso}).failure,
      "");
  explore::expect_found<model>("home_release", "deadlock");
}

TEST(waiter, a_parked_frame_is_handed_over) {
  explore::expect_sound<woken_at_home>("waiter_frame", 80'000);
  explore::expect_orders_needed<woken_at_home>("waiter_frame", "/wait/", 4);
}

TEST(stop, a_posted_core_has_one_link) {
  explore::expect_found<stopped_at_home<spending::by_the_same_link>>("stop_shared_link", "once");
}

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
  explore::expect_sound<mutex_model<false>>("mutex", 650'000);
}
TEST(mutex, try_lock_enters_only_a_free_one) {
  explore::expect_sound<mutex_model<true>>("mutex_try_lock", 200'000);
}

TEST(waiter, orders_are_needed) {
  explore::expect_orders_needed<three_claimers<true>>("waiter", "/wait/", 7);
}

TEST(stop, orders_are_needed) {
  explore::expect_orders_needed<stopped_thread>("stop", "/wait/", 8);
}

TEST(mutex, orders_are_needed) {
  explore::expect_orders_needed<mutex_model<true>>("mutex", "mutex", 7);
}

}  // namespace
