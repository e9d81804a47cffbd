// What `trine lab count` makes of what was typed.
#include <gtest/gtest.h>

#include "../../tools/trine/failure.hpp"
#include "../../tools/trine/lab/count_samples.hpp"

namespace {

using namespace trine_tool::lab;

std::string refusal(const count_options& options) {
  try {
    plan_count(options);
  } catch (const trine_tool::bad_usage& error) {
    return error.what();
  }
  return "accepted";
}

count_options sized(const std::string& count, const std::string& units = "5",
                    const std::string& unit = "thread", bool together = false) {
  return {unit, count, units, together};
}

TEST(count_options, no_option_means_every_unit_both_ways) {
  const count_plan plan = plan_count({});
  EXPECT_EQ(plan.ways.size(), 6U);
  EXPECT_EQ(plan.count, 100'000U);
  EXPECT_EQ(plan.units, 5U);
  EXPECT_EQ(rerun_count({}), "trine lab count");
}

TEST(count_options, a_size_does_not_narrow_the_set) {
  count_options options;
  options.count = "10";
  EXPECT_EQ(plan_count(options).ways.size(), 6U);
}

TEST(count_options, a_unit_runs_one_way) {
  count_options options;
  options.unit = "thread";
  ASSERT_EQ(plan_count(options).ways.size(), 1U);
  EXPECT_FALSE(plan_count(options).ways[0].together);
  options.together = true;
  ASSERT_EQ(plan_count(options).ways.size(), 1U);
  EXPECT_TRUE(plan_count(options).ways[0].together);
  EXPECT_EQ(rerun_count(options), "trine lab count --unit thread --together");
}

TEST(count_options, together_alone_means_every_unit_together) {
  count_options options;
  options.together = true;
  ASSERT_EQ(plan_count(options).ways.size(), 3U);
  for (const count_way& way : plan_count(options).ways) EXPECT_TRUE(way.together);
}

TEST(count_options, numbers_are_whole_and_positive) {
  for (const char* text : {"0", "-1", "", " 5", "5 ", "+5", "1e5", "0x10", "5.0", "five", "1,000",
                           "--units", "99999999999999999999x"}) {
    EXPECT_EQ(refusal(sized(text)), "trine: --count needs a whole number of at least 1, not \"" +
                                        std::string(text) + "\". Run trine lab count --help.");
  }
  EXPECT_EQ(refusal(sized("18446744073709551616")),
            "trine: --count 18446744073709551616 is too large. Run trine lab count --help.");
}

TEST(count_options, n_must_fit) {
  EXPECT_EQ(refusal(sized("1920767767")), "accepted");
  EXPECT_NE(refusal(sized("1920767768")).find("Use at most --count 1920767767."),
            std::string::npos);
  EXPECT_NE(refusal(sized("18446744073709551615", "1")).find("carry n past"), std::string::npos);
  EXPECT_EQ(refusal(sized("1")), "accepted");
}

TEST(count_options, units_are_bounded) {
  EXPECT_EQ(refusal(sized("10", "1000", "process")), "accepted");
  EXPECT_EQ(refusal(sized("10", "100000", "process")),
            "trine: --units 100000 is more than the 1000 that the lab starts as a process. "
            "Use at most --units 1000, or another --unit.");
  EXPECT_NE(refusal(sized("10", "1001", "all")), "accepted");
  EXPECT_EQ(refusal(sized("10", "100000", "thread")), "accepted");
  EXPECT_NE(refusal(sized("10", "100000", "thread", true)), "accepted");
  EXPECT_NE(refusal(sized("10", "18446744073709551615", "coroutine")), "accepted");
}

TEST(count_options, an_unknown_unit_is_answered_with_a_guess) {
  EXPECT_EQ(refusal(sized("10", "5", "thraed")),
            "trine: unknown unit \"thraed\"; did you mean thread? "
            "Use process, thread, coroutine or all.");
  EXPECT_EQ(refusal(sized("10", "5", "")),
            "trine: unknown unit \"\". Use process, thread, coroutine or all.");
}

TEST(count_options, the_sum_is_exact) {
  EXPECT_EQ(sum_below(0), 0U);
  EXPECT_EQ(sum_below(1), 0U);
  EXPECT_EQ(sum_below(2), 1U);
  EXPECT_EQ(sum_below(100'000), 4'999'950'000U);
  EXPECT_EQ(sum_below(100'001), 5'000'050'000U);
}

TEST(words, the_closest_is_guessed_only_when_close) {
  const std::vector<std::string> words{"lab", "doctor"};
  EXPECT_EQ(trine_tool::closest("labb", words), "lab");
  EXPECT_EQ(trine_tool::closest("alb", words), "lab");
  EXPECT_EQ(trine_tool::closest("docter", words), "doctor");
  EXPECT_EQ(trine_tool::closest("zebra", words), "");
  EXPECT_EQ(trine_tool::closest("", words), "");
  EXPECT_EQ(trine_tool::closest(std::string(100'000, 'l'), words), "");
  EXPECT_EQ(trine_tool::unknown_word("command", "labb", words, "Run trine --help."),
            "trine: unknown command \"labb\"; did you mean lab? Run trine --help.");
}

}  // namespace
