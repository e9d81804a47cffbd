// The waiter's word, the stop protocol and the mutex, by their own sources.
#include "waiter_models.hpp"

namespace {

using namespace models;

TEST(waiter, one_of_waker_timer_and_stop_ends_the_wait) {
  explore::expect_sound<three_claimers<false>>("waiter", 250'000);
  explore::expect_sound<three_claimers<true>>("waiter_timed", 600'000);
}

TEST(stop, no_request_is_lost) { explore::expect_sound<stopped_thread>("stop", 200'000); }

TEST(stop, no_request_to_a_coroutine_is_lost) {
  explore::expect_sound<stopped_at_home<bug::none>>("stop_at_home", 500'000);
}

TEST(stop, a_home_not_fenced_is_missed) {
  explore::expect_found<stopped_at_home<bug::no_fence>>("stop_no_fence", "deadlock");
}

// What links a core in a list of its home must not be what links it in the inbox: once it may be
// posted again.
TEST(stop, a_posted_core_has_one_link) {
  explore::expect_found<stopped_at_home<bug::shared_link>>("stop_shared_link", "once");
}

TEST(waiter, a_coroutine_is_handed_to_its_home) {
  explore::expect_sound<woken_at_home>("waiter_home", 130'000);
  explore::expect_orders_needed<woken_at_home>("waiter_home", "/wait/", 4);
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
