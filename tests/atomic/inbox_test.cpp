// The inbox, and the sleep of the worker that owns it.
#include "atomic/inbox.hpp"

#include "explore/check.hpp"

namespace {

using explore::order;
using explore::require;

struct node {
  explore::plain<node*> next = nullptr;
  explore::plain<unsigned> payload = 0;
};

struct two_producers {
  trine::atomic::inbox<node, explore::policy> box;
  node nodes[2][2];
  unsigned taken[2] = {};

  static constexpr unsigned threads = 3;
  void take_all() {
    for (node* n = box.take_all(); n != nullptr;) {
      node* const after = n->next;
      const unsigned producer = n->payload / 10, number = n->payload % 10;
      require(producer < 2 && number == taken[producer], "in the order of its producer");
      ++taken[producer];
      n->payload = 99;
      n = after;
    }
  }
  void thread(unsigned t) {
    if (t == 2) {
      take_all();
      take_all();
      return;
    }
    for (unsigned i = 0; i < 2; ++i) {
      nodes[t][i].payload = 10 * t + i;
      box.push(&nodes[t][i]);
    }
  }
  void after() {
    take_all();
    require(taken[0] == 2 && taken[1] == 2, "nothing is lost");
    require(box.empty(), "empty in the end");
  }
};

TEST(inbox, order_of_each_producer) { explore::expect_sound<two_producers>("inbox", 38'000); }

// coroutine/idle.cpp and worker::wake: push, then look at the sleeper's word; announce the sleep,
// then look at the inbox.
template <order Announce = order::seq_cst, order Look = order::seq_cst>
struct sleeping_consumer {
  static constexpr std::uint32_t awake = 0, sleeping = 1;
  trine::atomic::inbox<node, explore::policy> box;
  explore::atomic<std::uint32_t> sleep{awake};
  node nodes[2];

  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    if (t != 0) {
      box.push(&nodes[t - 1]);
      if (sleep.load(Look) == sleeping && sleep.exchange(awake, order::seq_cst) == sleeping)
        explore::futex_wake(&sleep, 1);
      return;
    }
    for (unsigned got = 0; got < 2;) {
      for (node* n = box.take_all(); n != nullptr; n = n->next) ++got;
      if (got == 2) return;
      sleep.store(sleeping, Announce);
      if (box.empty()) explore::futex_wait(sleep, sleeping);
      sleep.store(awake, order::seq_cst);
    }
  }
  void after() { require(box.take_all() == nullptr, "all were taken"); }
};

TEST(sleep, no_wake_is_lost) { explore::expect_sound<sleeping_consumer<>>("sleep", 45'000); }

TEST(sleep, seeded_bugs_are_found) {
  explore::expect_found<sleeping_consumer<order::release>>("sleep_release", "deadlock");
  explore::expect_found<sleeping_consumer<order::relaxed>>("sleep_relaxed", "deadlock");
  explore::expect_found<sleeping_consumer<order::seq_cst, order::relaxed>>("sleep_relaxed_look",
                                                                           "deadlock");
}

TEST(inbox, orders_are_needed) {
  explore::expect_orders_needed<two_producers>("inbox", "inbox.hpp", 2);
}

TEST(sleep, orders_are_needed) {
  explore::expect_orders_needed<sleeping_consumer<>>("sleep", "inbox", 6);
}

}  // namespace
