// Every outcome of the verdict of `count`, from made-up samples.
#include <gtest/gtest.h>

#include "../../tools/trine/lab/count_samples.hpp"
#include "../../tools/trine/lab/render.hpp"

namespace {

using namespace trine_tool::lab;

constexpr std::uint64_t each = 4'999'950'000;
constexpr std::int64_t main_pid = 100;
constexpr std::uint64_t address = 0x1000;

count_run processes(bool together = false) {
  count_run run;
  run.way = {unit_kind::process, together};
  run.count = 100'000;
  for (int k = 0; k < 5; ++k) run.units.push_back({each, address, 200 + k, 200 + k});
  run.main = {0, address, main_pid, main_pid};
  return run;
}

/// Units that share memory and lose nothing.
count_run sharing(unit_kind kind, bool together = false) {
  count_run run;
  run.way = {kind, together};
  run.count = 100'000;
  for (int k = 0; k < 5; ++k) {
    const std::int64_t tid = kind == unit_kind::thread ? 300 + k : 300;
    run.units.push_back({each * static_cast<std::uint64_t>(k + 1), address, main_pid, tid});
  }
  run.main = {each * 5, address, main_pid, main_pid};
  return run;
}

count_run racing() {
  count_run run = sharing(unit_kind::thread, true);
  run.main.n = 17'812'587'459;  // what the article saw
  return run;
}

void expect(const std::vector<count_run>& runs, outcome what, const std::string& sentence) {
  const verdict found = judge_count(runs);
  EXPECT_EQ(to_string(found.what), to_string(what));
  EXPECT_EQ(found.sentence, sentence);
}

TEST(count_verdict, holds_for_the_full_set) {
  expect({processes(), processes(true), sharing(unit_kind::thread), racing(),
          sharing(unit_kind::coroutine), sharing(unit_kind::coroutine, true)},
         outcome::holds,
         "holds: processes one by one each showed 4999950000 and Main 0; "
         "processes together each showed 4999950000 and Main 0; "
         "threads one by one grew n to 24999750000; "
         "threads together lost 7187162541 of 24999750000 (28.7 %); "
         "coroutines one by one grew n to 24999750000; "
         "coroutines together on one home lost nothing without a lock.");
}

TEST(count_verdict, holds_with_threads_that_lost_nothing) {
  count_run lucky = sharing(unit_kind::thread, true);
  lucky.tries = 200;
  expect({lucky, processes()}, outcome::holds_with,
         "holds here with threads together losing nothing in 200 runs, which luck allows; "
         "processes one by one each showed 4999950000 and Main 0.");
}

TEST(count_verdict, holds_with_nothing_added) {
  count_run run = processes();
  run.count = 1;
  for (unit_sample& unit : run.units) unit.n = 0;
  expect({run}, outcome::holds_with,
         "holds here with processes one by one adding only 0, which cannot tell memory shared "
         "from memory apart.");
}

TEST(count_verdict, does_not_hold_when_a_process_shows_another_number) {
  count_run run = processes();
  run.units[3].n = 2 * each;  // as if a warm worker had kept what an earlier job left
  expect({run, sharing(unit_kind::thread)}, outcome::does_not_hold,
         "does not hold here because process 3 of the processes one by one showed 9999900000 "
         "instead of 4999950000.");
}

TEST(count_verdict, does_not_hold_when_main_sees_the_processes) {
  count_run run = processes(true);
  run.main.n = 7;
  expect({run}, outcome::does_not_hold,
         "does not hold here because processes together left 7 in Main instead of 0.");
}

TEST(count_verdict, does_not_hold_when_a_process_is_main) {
  count_run run = processes();
  run.units[0].pid = main_pid;
  expect({run}, outcome::does_not_hold,
         "does not hold here because one of the processes one by one ran in Main's own process.");
}

TEST(count_verdict, does_not_hold_when_threads_one_by_one_lose) {
  count_run run = sharing(unit_kind::thread);
  run.units[1].n -= 1;
  expect({run}, outcome::does_not_hold,
         "does not hold here because thread 1 of the threads one by one showed 9999899999 "
         "instead of 9999900000.");
}

TEST(count_verdict, does_not_hold_when_main_disagrees_with_the_last_unit) {
  count_run run = sharing(unit_kind::coroutine);
  run.main.n = 0;
  expect({run}, outcome::does_not_hold,
         "does not hold here because coroutines one by one left 0 in Main instead of "
         "24999750000.");
}

TEST(count_verdict, does_not_hold_when_threads_do_not_share) {
  count_run run = sharing(unit_kind::thread, true);
  run.units[2].address = 0x2000;
  expect({run}, outcome::does_not_hold,
         "does not hold here because threads together did not share Main's n.");
}

TEST(count_verdict, does_not_hold_when_more_is_found_than_was_added) {
  count_run run = sharing(unit_kind::thread, true);
  run.main.n += 1;
  expect({run}, outcome::does_not_hold,
         "does not hold here because threads together left 24999750001 in Main, more than the "
         "24999750000 that were added.");
}

TEST(count_verdict, does_not_hold_when_coroutines_lose) {
  count_run run = sharing(unit_kind::coroutine, true);
  run.main.n -= 5;
  expect({run}, outcome::does_not_hold,
         "does not hold here because coroutines together on one home lost 5 of 24999750000.");
}

TEST(count_verdict, does_not_hold_when_coroutines_have_two_homes) {
  count_run run = sharing(unit_kind::coroutine, true);
  run.units[4].tid = 301;
  expect({run}, outcome::does_not_hold,
         "does not hold here because coroutines together ran on more than one thread.");
}

TEST(count_verdict, every_reason_against_is_named) {
  count_run first = processes();
  first.main.n = 1;
  count_run second = sharing(unit_kind::coroutine, true);
  second.main.n -= 1;
  expect({first, racing(), second}, outcome::does_not_hold,
         "does not hold here because processes one by one left 1 in Main instead of 0; "
         "coroutines together on one home lost 1 of 24999750000.");
}

TEST(count_verdict, does_not_hold_without_samples) {
  expect({}, outcome::does_not_hold, "does not hold here because nothing was measured.");
  count_run run = processes();
  run.units.clear();
  expect({run}, outcome::does_not_hold,
         "does not hold here because processes one by one left no samples.");
}

TEST(count_table, speaks_like_the_article) {
  const table result = tabulate_count(processes());
  ASSERT_EQ(result.text.size(), 7U);
  EXPECT_EQ(result.text[1], "Process 1:n=4999950000,id(n)=0x1000  pid=201 tid=201");
  EXPECT_EQ(result.text[5].substr(0, 20), "Main:n=0,id(n)=0x100");
  EXPECT_EQ(result.text[6], "Total time:0.000000");
  EXPECT_EQ(result.id, "process_one_by_one");
}

TEST(count_table, says_how_often_it_was_tried) {
  count_run run = racing();
  run.tries = 3;
  EXPECT_EQ(tabulate_count(run).text.back(), "Runs until an update was lost:3");
  run.main.n = 5 * each;
  EXPECT_EQ(tabulate_count(run).text.back(), "Runs in which no update was lost:3");
}

}  // namespace
