// Every verdict of `trine lab switch`, from made-up samples.
#include <gtest/gtest.h>

#include "../../tools/trine/lab/switch_samples.hpp"

namespace {

using namespace trine_tool::lab;

std::vector<switch_run> costs() {
  return {{"coroutine", {10, 11, 12}, 1000, 3},
          {"thread_one_core", {2000, 2000, 2100}, 100, 100},
          {"thread_two_cores", {50000}, 100, 100}};
}
sharing_run threads() { return {"thread", {{{0, 4}, {8, 12}}, {{4, 8}, {12, 16}}}, 0}; }
sharing_run coroutines() { return {"coroutine", {{{0, 2}, {4, 6}}, {{2, 4}, {6, 8}}}, 3}; }

void expect(const std::vector<switch_run>& runs, const std::vector<sharing_run>& shared,
            outcome what, const std::string& sentence) {
  const verdict found = judge_switch(runs, shared);
  EXPECT_EQ(found.what, what);
  EXPECT_EQ(found.sentence, sentence);
}

TEST(switch_verdict, holds) {
  expect(costs(), {threads(), coroutines()}, outcome::holds,
         "holds: a coroutine switches in 11 ns, a thread on the same core in 2 µs; the kernel "
         "switched 3 times in 1000 switches of coroutines; a thread wakes one on another core in "
         "50 µs; the kernel moved the core 3 times between two threads that never gave it up; "
         "coroutines alternated 3 times, only where one of the 3 yields was.");
}

TEST(switch_verdict, holds_with_one_cpu) {
  auto runs = costs();
  runs.pop_back();
  const verdict found = judge_switch(runs, {threads(), coroutines()});
  EXPECT_EQ(found.what, outcome::holds_with);
  EXPECT_EQ(
      found.sentence.find("holds here with one usable CPU, so that nothing was measured across "
                          "cores; a coroutine switches"),
      0U);
}

TEST(switch_verdict, does_not_hold_when_coroutines_are_slower) {
  auto runs = costs();
  runs[0].ns = {2000};
  expect(runs, {}, outcome::does_not_hold,
         "does not hold here because a coroutine switched in 2 µs, no faster than the 2 µs of a "
         "thread.");
}

TEST(switch_verdict, does_not_hold_when_the_kernel_takes_part) {
  auto runs = costs();
  runs[0].kernel_switches = 11;
  expect(runs, {}, outcome::does_not_hold,
         "does not hold here because the kernel switched 11 times in 1000 switches of coroutines.");
}

TEST(switch_verdict, does_not_hold_when_threads_did_not_switch) {
  auto runs = costs();
  runs[1].kernel_switches = 49;
  expect(runs, {}, outcome::does_not_hold,
         "does not hold here because the kernel counted only 49 of 100 switches of threads.");
}

TEST(switch_verdict, does_not_hold_when_the_kernel_does_not_share) {
  sharing_run run = threads();
  run.units[0] = {{0, 8}};
  run.units[1] = {{8, 16}};
  expect(costs(), {run}, outcome::does_not_hold,
         "does not hold here because the kernel did not share the core between two busy threads.");
}

TEST(switch_verdict, does_not_hold_when_coroutines_alternate_without_a_yield) {
  sharing_run run = coroutines();
  run.hand_overs = 2;
  expect(costs(), {run}, outcome::does_not_hold,
         "does not hold here because coroutines alternated 3 times with only 2 yields.");
}

TEST(switch_verdict, does_not_hold_when_coroutines_do_not_alternate) {
  sharing_run run = coroutines();
  run.units[1].clear();
  expect(costs(), {run}, outcome::does_not_hold,
         "does not hold here because coroutines did not alternate in 3 yields.");
}

TEST(switch_verdict, does_not_hold_when_coroutines_of_a_home_run_at_the_same_time) {
  sharing_run run = coroutines();
  run.units[0][0].end_us = 3;
  expect(costs(), {run}, outcome::does_not_hold,
         "does not hold here because two coroutines of one home ran at the same time.");
}

TEST(switch_verdict, does_not_hold_without_samples) {
  expect({}, {}, outcome::does_not_hold,
         "does not hold here because coroutines or threads on one core were not measured.");
  auto runs = costs();
  runs[1].ns.clear();
  expect(runs, {}, outcome::does_not_hold,
         "does not hold here because coroutines or threads on one core were not measured.");
}

TEST(switch_table, draws_the_slices) {
  const table drawn = tabulate_sharing(threads());
  ASSERT_EQ(drawn.text.size(), 3U);
  const std::string on(16, '#');
  const std::string off(16, '.');
  EXPECT_EQ(drawn.text[0], "thread 0  " + on + off + on + off + "  2 slices");
  EXPECT_EQ(drawn.text[1], "thread 1  " + off + on + off + on + "  2 slices");
  EXPECT_EQ(drawn.rows.size(), 4U);
  EXPECT_EQ(tabulate_switch(costs()).rows.size(), 3U);
  EXPECT_EQ(tabulate_sharing({}).text.size(), 3U);
}

}  // namespace
