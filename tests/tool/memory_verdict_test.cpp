// Every verdict of `trine lab memory`, from made-up samples.
#include <gtest/gtest.h>

#include "../../tools/trine/lab/memory_samples.hpp"

namespace {

using namespace trine_tool::lab;

memory_run of(const std::string& kind, std::uint64_t count, double each) {
  memory_run run;
  run.kind = kind;
  run.asked = count;
  run.parked = count;
  run.rss_bytes = each * static_cast<double>(count);
  return run;
}

std::vector<memory_run> parked() {
  return {of("task", 100, 2000),        of("task", 10000, 296),  of("coroutine", 100, 9000),
          of("coroutine", 10000, 4608), of("thread", 100, 8000), of("thread", 10000, 9216)};
}

void expect(const std::vector<memory_run>& runs, outcome what, const std::string& sentence) {
  const verdict found = judge_memory(runs);
  EXPECT_EQ(found.what, what);
  EXPECT_EQ(found.sentence, sentence);
}

TEST(memory_verdict, holds) {
  expect(parked(), outcome::holds,
         "holds: of 10000 parked, a thread takes 9.0 KiB; a coroutine 4.5 KiB; a co_await 296 B.");
}

TEST(memory_verdict, holds_without_tasks) {
  auto runs = parked();
  runs.erase(runs.begin(), runs.begin() + 2);
  expect(runs, outcome::holds,
         "holds: of 10000 parked, a thread takes 9.0 KiB; a coroutine 4.5 KiB.");
}

TEST(memory_verdict, holds_with_a_kind_that_could_not_go_on) {
  auto runs = parked();
  runs.push_back(of("coroutine", 1000000, 0));
  runs.back().parked = 5;
  runs.back().refused = "no memory";
  expect(
      runs, outcome::holds_with,
      "holds here with only 5 of 1000000 coroutines (no memory); of 10000 parked, a thread takes "
      "9.0 KiB; a coroutine 4.5 KiB; a co_await 296 B.");
}

TEST(memory_verdict, compares_where_both_were_all_there) {
  auto runs = parked();
  runs[5].parked = 7;  // of 10 000 threads
  runs[5].refused = "a limit";
  const verdict found = judge_memory(runs);
  EXPECT_EQ(found.what, outcome::does_not_hold);
  EXPECT_EQ(found.sentence,
            "does not hold here because a coroutine takes 8.8 KiB, no less than a thread.");
}

TEST(memory_verdict, does_not_hold_when_threads_are_heavy) {
  auto runs = parked();
  runs[5] = of("thread", 10000, 100 << 10);
  expect(runs, outcome::does_not_hold,
         "does not hold here because of 10000 parked, a thread takes 100.0 KiB.");
}

TEST(memory_verdict, does_not_hold_when_a_task_is_no_lighter) {
  auto runs = parked();
  runs[1] = of("task", 10000, 5000);
  expect(runs, outcome::does_not_hold,
         "does not hold here because a co_await takes 4.9 KiB, no less than a coroutine.");
}

TEST(memory_verdict, does_not_hold_without_samples) {
  expect({}, outcome::does_not_hold,
         "does not hold here because coroutines and threads were not both measured.");
}

TEST(memory_table, divides_among_those_that_were_parked) {
  auto runs = parked();
  runs[0].parked = 0;
  const table what = tabulate_memory(runs);
  EXPECT_EQ(what.rows.size(), 6U);
  EXPECT_EQ(std::get<double>(what.rows[1][3]), 296);
}

TEST(memory, what_it_may_need_grows_with_the_number) {
  EXPECT_GT(expected_bytes("thread", 10), expected_bytes("coroutine", 10));
  EXPECT_GT(expected_bytes("coroutine", 10), expected_bytes("task", 10));
  EXPECT_EQ(expected_bytes("task", 20), 2 * expected_bytes("task", 10));
}

}  // namespace
