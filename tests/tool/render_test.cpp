// Reports and answers as text and as JSON.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "../../tools/trine/doctor_render.hpp"
#include "../../tools/trine/lab/render.hpp"

namespace {

using namespace trine_tool;

lab::report example() {
  lab::report what;
  what.id = "example";
  what.question = "Does it?";
  what.prediction = "it does.";
  what.tables.push_back(
      {"times",
       "Times",
       {"kind", "ns"},
       {{std::string("thread"), std::int64_t{12}}, {std::string("coroutine"), std::int64_t{3456}}},
       {{"median", 1.5}},
       {}});
  what.found = {lab::outcome::holds_with, "holds here with \"quotes\"."};
  what.conditions = {{"cpus", std::int64_t{2}}};
  what.rerun = "trine lab example";
  return what;
}

TEST(render, text_is_aligned) {
  EXPECT_EQ(lab::render_text(example(), painter(false)),
            "example: Does it?\n"
            "Prediction: it does.\n"
            "\n"
            "Times\n"
            "kind         ns\n"
            "thread       12\n"
            "coroutine  3456\n"
            "median: 1.5\n"
            "\n"
            "Verdict: holds here with \"quotes\".\n"
            "Measured with: cpus=2\n"
            "Run it again: trine lab example\n");
}

TEST(render, a_table_without_rows_keeps_its_heads) {
  lab::report what = example();
  what.tables[0].rows.clear();
  EXPECT_NE(lab::render_text(what, painter(false)).find("kind  ns\n"), std::string::npos);
}

TEST(render, colour_only_when_asked_for) {
  EXPECT_EQ(lab::render_text(example(), painter(false)).find('\x1b'), std::string::npos);
  EXPECT_NE(lab::render_text(example(), painter(true)).find('\x1b'), std::string::npos);
}

TEST(render, json_says_the_same) {
  const auto document = nlohmann::json::parse(lab::render_json({example()}, "1.2.3"));
  EXPECT_EQ(document["schema"], 1);
  EXPECT_EQ(document["trine"], "1.2.3");
  const auto& only = document["experiments"].at(0);
  EXPECT_EQ(only["id"], "example");
  EXPECT_EQ(only["verdict"]["outcome"], "holds_with");
  EXPECT_EQ(only["verdict"]["sentence"], "holds here with \"quotes\".");
  EXPECT_EQ(only["tables"][0]["rows"][1]["ns"], 3456);
  EXPECT_EQ(only["tables"][0]["totals"]["median"], 1.5);
  EXPECT_EQ(only["conditions"]["cpus"], 2);
  EXPECT_EQ(only["rerun"], "trine lab example");
}

TEST(render, every_outcome_has_a_word) {
  EXPECT_EQ(lab::to_string(lab::outcome::holds), "holds");
  EXPECT_EQ(lab::to_string(lab::outcome::holds_with), "holds_with");
  EXPECT_EQ(lab::to_string(lab::outcome::does_not_hold), "does_not_hold");
}

TEST(doctor_render, says_what_happens_instead) {
  const std::vector<trine::probe_result> probes{
      {"good", trine::probe_state::yes, "There.", "Something else."},
      {"bad_one", trine::probe_state::no, "Not \xff there.", "Another way."}};
  EXPECT_EQ(doctor_text(probes, painter(false)),
            "yes       good     There.\n"
            "no        bad_one  Not \xff there.\n"
            "                   instead: Another way.\n"
            "\n2 facilities: 1 yes, 0 degraded, 1 no.\n");
  const auto document = nlohmann::json::parse(doctor_json(probes, "1.2.3"));
  EXPECT_EQ(document["summary"]["no"], 1);
  EXPECT_EQ(document["probes"][1]["state"], "no");
  EXPECT_EQ(document["probes"][1]["fallback"], "Another way.");
}

}  // namespace
