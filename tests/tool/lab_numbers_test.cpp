// What the experiments share.
#include <gtest/gtest.h>

#include "../../tools/trine/failure.hpp"
#include "../../tools/trine/lab/numbers.hpp"

namespace {

using namespace trine_tool::lab;

std::string refusal(const std::string& text) {
  try {
    read_whole("create", "--units", text, 5, 100);
  } catch (const trine_tool::bad_usage& error) {
    return error.what();
  }
  return "accepted";
}

TEST(numbers, whole_numbers_within_bounds) {
  EXPECT_EQ(read_whole("create", "--units", {}, 5, 100), 5U);
  EXPECT_EQ(read_whole("create", "--units", "100", 5, 100), 100U);
  EXPECT_EQ(refusal("101"),
            "trine: --units 101 is too large; use at most 100. Run trine lab create --help.");
  EXPECT_EQ(refusal("99999999999999999999999"),
            "trine: --units 99999999999999999999999 is too large; use at most 100. "
            "Run trine lab create --help.");
  for (const char* const bad : {"0", "-1", "", "x", "1.5", "1 "}) {
    EXPECT_EQ(refusal(bad),
              std::string("trine: --units needs a whole number of at least 1, not \"") + bad +
                  "\". Run trine lab create --help.");
  }
}

TEST(numbers, spread) {
  EXPECT_EQ(spread_of({}).median, 0);
  EXPECT_EQ(spread_of({3}).median, 3);
  EXPECT_EQ(spread_of({9, 1, 5}).median, 5);
  EXPECT_EQ(spread_of({9, 1, 5, 4}).median, 4.5);
  EXPECT_EQ(spread_of({9, 1, 5, 4}).low, 1);
  EXPECT_EQ(spread_of({9, 1, 5, 4}).high, 9);
}

TEST(numbers, texts) {
  EXPECT_EQ(time_text(12.34), "12.3 ns");
  EXPECT_EQ(time_text(4500), "4.5 µs");
  EXPECT_EQ(time_text(6e6), "6 ms");
  EXPECT_EQ(time_text(2e9), "2 s");
  EXPECT_EQ(bytes_text(296), "296 B");
  EXPECT_EQ(bytes_text(4608), "4.5 KiB");
  EXPECT_EQ(bytes_text(3.0 * 1024 * 1024), "3.0 MiB");
}

TEST(reasons, against_wins_over_with_wins_over_for) {
  reasons all;
  EXPECT_EQ(all.judge().sentence, "does not hold here because nothing was measured.");
  all.for_it("a");
  all.for_it("b");
  EXPECT_EQ(all.judge().what, outcome::holds);
  EXPECT_EQ(all.judge().sentence, "holds: a; b.");
  all.with("c");
  EXPECT_EQ(all.judge().what, outcome::holds_with);
  EXPECT_EQ(all.judge().sentence, "holds here with c; a; b.");
  all.against("d");
  EXPECT_EQ(all.judge().what, outcome::does_not_hold);
  EXPECT_EQ(all.judge().sentence, "does not hold here because d.");
}

}  // namespace
