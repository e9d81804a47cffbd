// The fork deque and the ranges in it: every job is run once, by its owner or by one thief.
#include "atomic/fork_deque.hpp"

#include <trine/detail/fork_range.hpp>

#include "explore/check.hpp"

namespace {

using explore::require;

// The owner's barrier costs nothing and orders nothing: its store may stay in the buffer. The
// thief's fence does it for both, unless it is the bug that is to be found.
struct owner_policy : explore::policy {
  template <class T>
  struct hint {
    T value;
    T load(explore::order) const { return value; }
    void store(T to, explore::order) { value = to; }
  };
  static void compiler_barrier() {}
};
template <bool Fence>
struct thief_policy {
  static void process_fence() {
    if (Fence) explore::policy::process_fence();
  }
  static void pause(unsigned) { explore::relax(); }
};

struct job {
  explore::cell<unsigned> payload;
  unsigned runs = 0;  // the threads run one at a time
  bool lies_there = false;
};

template <bool Fence, bool Fenced, unsigned Rounds = 2>
struct owner_and_two_thieves {
  using base = trine::detail::fork_deque<job, owner_policy>;
  using deque = trine::atomic::fork_deque<base, thief_policy<Fence>>;
  static constexpr unsigned jobs = 4;

  deque queue;
  job all[jobs];
  owner_and_two_thieves() { require(queue.prepare(2, Fenced), "memory"); }

  void run(job& it) {
    require(it.payload.get() == 7, "what its owner wrote is seen");
    it.payload.set(8);
    require(++it.runs == 1, "it is run once");
  }
  void push(job& it) {
    it.payload.set(7);
    if (!queue.push(&it)) {
      require(queue.make_room(), "memory");
      require(queue.push(&it), "there is room");
    }
  }
  void join(job& it) {
    if (queue.pop(&it) || queue.pop_slow(&it)) run(it);
  }

  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    if (t == 0) {
      push(all[0]);
      push(all[1]);
      if (Rounds > 1) push(all[2]);  // the array grows or is moved
      if (Rounds > 1) join(all[2]);
      join(all[1]);
      if (Rounds > 1) {
        push(all[3]);
        join(all[3]);
      }
      join(all[0]);
      return;
    }
    queue.steal(false, [&](job* oldest) {
      run(*oldest);
      return deque::verdict::taken;
    });
  }
  void after() {
    for (unsigned i = 0; i < jobs; ++i)
      if (i < 2 || Rounds > 1) require(all[i].runs == 1, "nothing is lost");
    // Holes of jobs taken out may be left; the owner's next look closes them.
    require(!queue.steal(true, [](job*) { return deque::verdict::taken; }), "no job is left");
    require(!queue.any(), "empty in the end");
  }
};

TEST(fork_deque, each_job_once) {
  explore::expect_sound<owner_and_two_thieves<true, false>>("fork_deque", 1'000'000,
                                                            {.preemptions = 2});
}
TEST(fork_deque, each_job_once_two_jobs_more_preemptions) {
  explore::expect_sound<owner_and_two_thieves<true, false, 1>>("fork_deque_two", 800'000);
}
// Where membarrier is refused.
TEST(fork_deque, fenced_needs_no_fence_of_the_thief) {
  explore::expect_sound<owner_and_two_thieves<false, true, 1>>("fork_deque_fenced", 2'000'000);
}
TEST(fork_deque, a_missing_fence_is_found) {
  explore::expect_found<owner_and_two_thieves<false, false, 1>>("fork_deque_no_fence", "race");
}
TEST(fork_deque, orders_are_needed) {
  explore::expect_orders_needed<owner_and_two_thieves<true, false, 1>>("fork_deque", "fork_deque",
                                                                       4);
}

// ---- coroutines that change places --------------------------------------------------------------

// Two coroutines of one owner whose forks lie in the deque at the same time, joined in the other
// order; what is not found at the top is taken out below it. A thief takes what it can.
struct out_of_order : owner_and_two_thieves<true, false> {
  void thread(unsigned t) {
    if (t != 0) return owner_and_two_thieves::thread(t);
    push(all[0]);
    push(all[1]);
    join(all[0]);
    push(all[2]);
    join(all[1]);
    join(all[2]);
    all[3].runs = 1;  // not used
  }
};
TEST(fork_deque, joined_out_of_order) {
  explore::expect_sound<out_of_order>("fork_deque_order", 1'500'000, {.preemptions = 2});
}

// A roaming coroutine takes its job out of the deque of a worker it has left, which goes on.
struct removed_from_afar : owner_and_two_thieves<true, false> {
  explore::atomic<bool> forked{false};
  void thread(unsigned t) {
    if (t == 2) return owner_and_two_thieves::thread(t);
    if (t == 0) {
      push(all[1]);
      forked.store(true, explore::order::release);
      push(all[2]);
      join(all[2]);
      all[0].runs = all[3].runs = 1;  // not used
      return;
    }
    while (!forked.load(explore::order::acquire)) explore::relax();
    if (queue.remove(&all[1])) run(all[1]);
  }
};
TEST(fork_deque, removed_by_another_than_the_owner) {
  explore::expect_sound<removed_from_afar>("fork_deque_remove", 850'000);
}

// ---- ranges -------------------------------------------------------------------------------------

template <bool Fence, bool Fenced>
struct range_and_two_thieves {
  struct entry {
    trine::detail::fork_range<owner_policy> range;
  };
  using base = trine::detail::fork_deque<entry, owner_policy>;
  using slow = thief_policy<Fence>;
  using deque = trine::atomic::fork_deque<base, slow>;
  static constexpr unsigned numbers = 4;

  deque queue;
  entry all;
  explore::cell<unsigned> ran[numbers];
  range_and_two_thieves() { require(queue.prepare(2, Fenced), "memory"); }

  void run(std::uint64_t i) {
    require(i < numbers, "a number of the range");
    require(ran[i].get() == 0, "it is run once");
    ran[i].set(1);
  }
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    if (t == 0) {
      all.range.begin(0, numbers, Fenced);
      queue.push(&all);
      for (std::uint64_t i = 0;; ++i) {
        if (!all.range.claim(i)) {
          if (i == numbers) break;
          queue.lock();
          const std::uint64_t end = all.range.end_of(i, i + 1);
          queue.unlock();
          if (end <= i) break;
        }
        run(i);
      }
      if (!queue.pop(&all)) queue.pop_slow(&all);
      return;
    }
    std::uint64_t from = 0, to = 0;
    queue.steal(false, [&](entry* oldest) {
      bool spent = false;
      if (oldest->range.template cut<slow>(from, to, spent, false)) return deque::verdict::kept;
      return spent ? deque::verdict::spent : deque::verdict::kept;
    });
    for (; from < to; ++from) run(from);
  }
  void after() {
    for (const auto& n : ran) require(n.get() == 1, "nothing is lost");
    require(!queue.any(), "empty in the end");
  }
};

TEST(fork_range, each_number_once) {
  explore::expect_sound<range_and_two_thieves<true, false>>("fork_range", 1'200'000);
}
TEST(fork_range, fenced_needs_no_fence_of_the_thief) {
  explore::expect_sound<range_and_two_thieves<false, true>>("fork_range_fenced", 400'000,
                                                            {.preemptions = 2});
}
TEST(fork_range, a_missing_fence_is_found) {
  explore::expect_found<range_and_two_thieves<false, false>>("fork_range_no_fence", "race");
}

}  // namespace
