// Every verdict of `trine lab create`, from made-up samples.
#include <gtest/gtest.h>

#include "../../tools/trine/lab/create_samples.hpp"

namespace {

using namespace trine_tool::lab;

std::vector<create_run> costs(double coroutine, double reused, double fresh, double warm,
                              double process) {
  return {{"coroutine", {coroutine}, 1},
          {"thread_reused", {reused}, 1},
          {"thread_fresh", {fresh}, 1},
          {"process_warm", {warm}, 1},
          {"process_fresh", {process}, 1}};
}

void expect(const std::vector<create_run>& runs, outcome what, const std::string& sentence) {
  const verdict found = judge_create(runs);
  EXPECT_EQ(found.what, what);
  EXPECT_EQ(found.sentence, sentence);
}

TEST(create_verdict, holds) {
  expect(costs(100, 9000, 20000, 30000, 500000), outcome::holds,
         "holds: a fresh process costs 500 µs, a fresh thread 20 µs; a coroutine costs 100 ns.");
}

TEST(create_verdict, holds_with_a_warm_process_cheaper_than_a_thread) {
  expect(costs(100, 9000, 20000, 800, 500000), outcome::holds_with,
         "holds here with a process that is kept warm, which at 800 ns costs less than a fresh "
         "thread; a fresh process costs 500 µs, a fresh thread 20 µs; a coroutine costs 100 ns.");
}

TEST(create_verdict, holds_with_a_small_difference) {
  expect(costs(100, 9000, 20000, 30000, 40000), outcome::holds_with,
         "holds here with the difference small: a fresh process costs 40 µs, a fresh thread 20 µs; "
         "a coroutine costs 100 ns.");
}

TEST(create_verdict, does_not_hold_when_a_process_is_cheaper) {
  expect(costs(100, 9000, 20000, 30000, 20000), outcome::does_not_hold,
         "does not hold here because a fresh process costs 20 µs, a fresh thread 20 µs.");
}

TEST(create_verdict, does_not_hold_when_a_coroutine_is_not_cheaper) {
  expect(costs(9000, 9000, 20000, 30000, 500000), outcome::does_not_hold,
         "does not hold here because a coroutine cost 9 µs, no less than a thread with 9 µs.");
}

TEST(create_verdict, does_not_hold_without_samples) {
  expect({}, outcome::does_not_hold,
         "does not hold here because coroutines, fresh threads or fresh processes were not "
         "measured.");
}

TEST(create_table, one_row_for_each_way) {
  EXPECT_EQ(tabulate_create(costs(1, 2, 3, 4, 5)).rows.size(), 5U);
}

}  // namespace
