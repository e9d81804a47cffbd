// Every outcome of the verdict of `share`, from made-up samples.
#include <gtest/gtest.h>

#include "../../tools/trine/failure.hpp"
#include "../../tools/trine/lab/render.hpp"
#include "../../tools/trine/lab/share_samples.hpp"

namespace {

using namespace trine_tool::lab;
using trine::unit_kind;

share_run of(unit_kind kind, share_way way, std::uint64_t found, double seconds) {
  return {.kind = kind,
          .way = way,
          .units = 4,
          .count = 250,
          .found = found,
          .seconds = seconds,
          .tries = 3,
          .one_home = kind == unit_kind::coroutine};
}

std::vector<share_run> threads(std::uint64_t racing) {
  return {of(unit_kind::thread, share_way::racing, racing, 1),
          of(unit_kind::thread, share_way::mutex, 1000, 10),
          of(unit_kind::thread, share_way::atomic, 1000, 2),
          of(unit_kind::thread, share_way::channel, 1000, 20)};
}

void expect(const std::vector<share_run>& runs, outcome what, const std::string& sentence) {
  const verdict found = judge_share(runs);
  EXPECT_EQ(to_string(found.what), to_string(what));
  EXPECT_EQ(found.sentence, sentence);
}

TEST(share_verdict, holds) {
  expect(threads(600), outcome::holds,
         "holds: racing threads lost 400 of 1000 (40.0 %); threads with a mutex lost nothing at "
         "1/10.0 of the racing rate; threads with an atomic lost nothing at 1/2.0 of the racing "
         "rate; threads with a channel lost nothing at 1/20.0 of the racing rate.");
}

TEST(share_verdict, holds_for_processes_alone) {
  expect({of(unit_kind::process, share_way::channel, 1000, 1)}, outcome::holds,
         "holds: no synchronised way lost anything.");
}

TEST(share_verdict, coroutines_of_one_worker_need_no_lock) {
  expect({of(unit_kind::coroutine, share_way::racing, 1000, 1)}, outcome::holds,
         "holds: racing coroutines of one worker lost nothing, for only one runs at a time; no "
         "synchronised way lost anything.");
}

TEST(share_verdict, holds_with_luck) {
  const verdict found = judge_share(threads(1000));
  EXPECT_EQ(to_string(found.what), "holds_with");
  EXPECT_EQ(found.sentence.find("holds here with racing threads losing nothing in 3 runs, which "
                                "luck allows; threads with a mutex"),
            0U)
      << found.sentence;
}

TEST(share_verdict, does_not_hold_when_a_lock_loses) {
  auto runs = threads(600);
  runs[1].found = 999;
  runs.push_back(of(unit_kind::coroutine, share_way::racing, 998, 1));
  expect(runs, outcome::does_not_hold,
         "does not hold here because threads with a mutex lost 1 of 1000; racing coroutines of one "
         "worker lost 2 of 1000.");
}

TEST(share_verdict, does_not_hold_when_something_is_counted_twice) {
  expect({of(unit_kind::process, share_way::channel, 1001, 1)}, outcome::does_not_hold,
         "does not hold here because processes with a channel counted 1001 of 1000.");
}

TEST(share_verdict, does_not_hold_without_samples) {
  expect({}, outcome::does_not_hold, "does not hold here because nothing was measured.");
}

TEST(share_plan, options) {
  const share_plan plan = plan_share({});
  EXPECT_EQ(plan.kinds.size(), 3U);
  EXPECT_EQ(plan.units, 4U);
  EXPECT_EQ(plan_share({.unit = "thread", .count = "7", .units = "2"}).count, 7U);
  EXPECT_THROW(plan_share({.unit = "fibre", .count = {}, .units = {}}), trine_tool::bad_usage);
  EXPECT_THROW(plan_share({.unit = {}, .count = "0", .units = {}}), trine_tool::bad_usage);
  EXPECT_THROW(plan_share({.unit = {}, .count = {}, .units = "1001"}), trine_tool::bad_usage);
  EXPECT_EQ(rerun_share({.unit = "thread", .count = "7", .units = {}}),
            "trine lab share --unit thread --count 7");
}

TEST(share_table, a_row_for_each_run) {
  const table t = tabulate_share(threads(600));
  ASSERT_EQ(t.rows.size(), 4U);
  EXPECT_EQ(std::get<std::int64_t>(t.rows[0][4]), 400);
  EXPECT_EQ(std::get<double>(t.rows[1][5]), 100.0);
}

}  // namespace
