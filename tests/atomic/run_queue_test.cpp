// The run queue: nothing lost, nothing taken twice, and what an item points to is seen.
#include "atomic/run_queue.hpp"

#include "explore/check.hpp"

namespace {

using explore::require;

// The owner pushes four through a queue of two, and pops in between; thieves take what they can.
struct owner_and_thieves {
  static constexpr unsigned items = 4;
  trine::atomic::run_queue<std::uint32_t, 2, explore::policy> queue;
  explore::cell<unsigned> payload[items];
  unsigned taken[items] = {};  // by whom is no matter; the threads run one at a time
  unsigned pushed = 0;

  static constexpr unsigned threads = 3;
  void take(std::uint32_t item) {
    require(item < items, "an item that was pushed");
    require(payload[item].get() == item + 1, "its payload is seen");
    payload[item].set(0);
    require(++taken[item] == 1, "it is taken once");
  }
  void push() {
    payload[pushed].set(pushed + 1);
    if (queue.push(pushed)) ++pushed;
  }
  void pop() {
    std::uint32_t item = items;
    if (queue.pop(item)) take(item);
  }
  void thread(unsigned t) {
    if (t == 0) {
      push();
      push();
      pop();
      push();
      if (pushed < items) push();
      pop();
      return;
    }
    std::uint32_t loot[2];
    const std::uint32_t count = queue.steal(loot, 2);
    require(count <= 2, "no more than the limit");
    for (std::uint32_t i = 0; i < count; ++i) take(loot[i]);
  }
  void after() {
    for (std::uint32_t item; queue.pop(item);) take(item);
    for (unsigned i = 0; i < pushed; ++i) require(taken[i] == 1, "nothing is lost");
    require(queue.size() == 0, "empty in the end");
  }
};

TEST(run_queue, nothing_lost_nothing_twice) {
  explore::expect_sound<owner_and_thieves>("run_queue", 600'000);
}

TEST(run_queue, orders_are_needed) {
  explore::expect_orders_needed<owner_and_thieves>("run_queue", "run_queue.hpp", 4);
}

}  // namespace
