// The explorer itself: known answers to litmus tests of the C++ memory model.
#include "explore/check.hpp"

namespace {

using explore::memory;
using explore::order;
using explore::require;

// Whether the outcome a model's after() forbids occurs under a memory model.
template <class Model>
bool occurs(memory m, unsigned late = 3) {
  return !explore::explore<Model>({.model = m, .preemptions = 3, .late = late}).failure.empty();
}

template <order Store, order Load, bool Fence = false>
struct store_buffering {
  explore::atomic<int> x{0}, y{0};
  int seen[2] = {};
  static constexpr unsigned threads = 2;
  void thread(unsigned t) {
    (t == 0 ? x : y).store(1, Store);
    if (Fence) explore::policy::fence(order::seq_cst);
    seen[t] = (t == 0 ? y : x).load(Load);
  }
  void after() { require(seen[0] + seen[1] != 0, "one sees the other"); }
};

TEST(explorer, store_buffering_needs_sequential_consistency_on_both_sides) {
  using relaxed = store_buffering<order::relaxed, order::relaxed>;
  using acq_rel = store_buffering<order::release, order::acquire>;
  using half = store_buffering<order::release, order::seq_cst>;
  for (const memory m : {memory::tso, memory::weak, memory::both}) {
    EXPECT_TRUE(occurs<relaxed>(m));
    EXPECT_TRUE(occurs<acq_rel>(m));
    EXPECT_TRUE(occurs<half>(m));
    EXPECT_FALSE((occurs<store_buffering<order::seq_cst, order::seq_cst>>(m)));
    EXPECT_FALSE((occurs<store_buffering<order::relaxed, order::relaxed, true>>(m)));
  }
}

template <order Store, order Load, bool Fences = false>
struct message_passing {
  explore::atomic<int> flag{0};
  explore::cell<int> data;
  static constexpr unsigned threads = 2;
  void thread(unsigned t) {
    if (t == 0) {
      data.set(1);
      if (Fences) explore::policy::fence(order::release);
      flag.store(1, Store);
    } else if (flag.load(Load) == 1) {
      if (Fences) explore::policy::fence(order::acquire);
      require(data.get() == 1, "the message is seen");
    }
  }
  void after() {}
};

TEST(explorer, message_passing_needs_release_and_acquire) {
  for (const memory m : {memory::tso, memory::weak, memory::both}) {
    EXPECT_TRUE((occurs<message_passing<order::relaxed, order::acquire>>(m)));
    EXPECT_TRUE((occurs<message_passing<order::release, order::relaxed>>(m)));
    EXPECT_FALSE((occurs<message_passing<order::release, order::acquire>>(m)));
    EXPECT_FALSE((occurs<message_passing<order::relaxed, order::relaxed, true>>(m)));
  }
}

template <order O>
struct independent_reads {
  explore::atomic<int> x{0}, y{0};
  int seen[4] = {};
  static constexpr unsigned threads = 4;
  void thread(unsigned t) {
    constexpr order store = O == order::seq_cst ? O : order::release;
    if (t == 0) x.store(1, store);
    if (t == 1) y.store(1, store);
    if (t < 2) return;
    seen[2 * t - 4] = (t == 2 ? x : y).load(O);
    seen[2 * t - 3] = (t == 2 ? y : x).load(O);
  }
  void after() {
    require(!(seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0), "one order");
  }
};

TEST(explorer, readers_may_disagree_but_not_on_x86) {
  EXPECT_TRUE(occurs<independent_reads<order::acquire>>(memory::weak));
  EXPECT_FALSE(occurs<independent_reads<order::acquire>>(memory::tso));
  EXPECT_FALSE(occurs<independent_reads<order::seq_cst>>(memory::weak));
}

// A relaxed store passes a later seq_cst load, then a read-modify-write of another thread reads
// what was there before: only a buffer shows it when stores are ordered as executed.
struct late_store {
  explore::atomic<int> x{0}, y{0};
  int seen[2] = {};
  static constexpr unsigned threads = 2;
  void thread(unsigned t) {
    if (t == 0) {
      x.store(1, order::relaxed);
      seen[0] = y.load(order::seq_cst);
    } else {
      y.store(1, order::seq_cst);
      seen[1] = x.fetch_add(0, order::seq_cst);
    }
  }
  void after() { require(seen[0] + seen[1] != 0, "one sees the other"); }
};

TEST(explorer, relaxed_store_passes_sequentially_consistent_load) {
  EXPECT_TRUE(occurs<late_store>(memory::tso));
  EXPECT_TRUE(occurs<late_store>(memory::both));
}

struct coherence {
  explore::atomic<int> x{0};
  static constexpr unsigned threads = 2;
  void thread(unsigned t) {
    if (t == 0) {
      x.store(1, order::relaxed);
      x.store(2, order::relaxed);
    } else {
      const int first = x.load(order::relaxed);
      require(x.load(order::relaxed) >= first, "an atomic does not go back");
    }
  }
  void after() { require(x.load(order::relaxed) == 2, "the last store stays"); }
};

// Membarrier: one side pays for both.
struct asymmetric {
  explore::atomic<int> x{0}, y{0};
  int seen[2] = {};
  static constexpr unsigned threads = 2;
  void thread(unsigned t) {
    (t == 0 ? x : y).store(1, order::relaxed);
    if (t == 0) explore::policy::process_fence();
    seen[t] = (t == 0 ? y : x).load(order::relaxed);
  }
  void after() { require(seen[0] + seen[1] != 0, "one sees the other"); }
};

TEST(explorer, what_holds_is_not_refuted) {
  for (const memory m : {memory::tso, memory::weak, memory::both}) {
    EXPECT_FALSE(occurs<coherence>(m));
    EXPECT_FALSE(occurs<asymmetric>(m));
  }
}

struct sleeps_for_ever {
  explore::atomic<unsigned> word{0};
  static constexpr unsigned threads = 2;
  void thread(unsigned t) {
    if (t == 0) {
      explore::futex_wait(word, 0);
    } else {
      word.store(1, order::release);  // and no wake
    }
  }
  void after() {}
};

struct spins_until_told {
  explore::atomic<int> word{0};
  static constexpr unsigned threads = 2;
  void thread(unsigned t) {
    if (t == 1) return word.store(1, order::release);
    while (word.load(order::acquire) == 0) explore::relax();
  }
  void after() {}
};

struct used_after_its_end {
  alignas(explore::atomic<int>) char memory[sizeof(explore::atomic<int>)];
  explore::atomic<int>* there = ::new (memory) explore::atomic<int>(0);
  explore::atomic<int> gone{0};
  static constexpr unsigned threads = 2;
  void thread(unsigned t) {
    if (t == 0) {
      there->~atomic();
    } else {
      there->store(1, order::relaxed);
    }
  }
  void after() {}
};

TEST(explorer, finds_deadlock_and_use_after_end) {
  explore::expect_found<sleeps_for_ever>("sleeps_for_ever", "deadlock: T0 sleeps");
  explore::expect_found<used_after_its_end>("used_after_its_end", "end");
  explore::expect_sound<spins_until_told>("spins_until_told", 20'000);
}

TEST(explorer, a_schedule_replays) {
  using model = store_buffering<order::relaxed, order::relaxed>;
  const explore::bounds limits{.model = memory::weak};
  const explore::result r = explore::explore<model>(limits);
  ASSERT_NE(r.failure, "");
  std::string trace;
  EXPECT_EQ(explore::replay<model>(limits, r.schedule, trace), r.failure);
  EXPECT_EQ(trace, r.trace);
  EXPECT_NE(trace.find("(old: 1 newer)"), std::string::npos) << trace;
}

}  // namespace
