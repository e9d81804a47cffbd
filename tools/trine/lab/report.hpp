// What an experiment hands back: plain data, rendered elsewhere as text or JSON.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace trine_tool::lab {

using value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

/// Named values in the order in which they are shown.
using facts = std::vector<std::pair<std::string, value>>;

enum class outcome { holds, holds_with, does_not_hold };

/// One sentence that begins with the outcome; computed from samples by a pure function.
struct verdict {
  outcome what = outcome::does_not_hold;
  std::string sentence;
};

struct table {
  std::string id;     ///< stable, for programs
  std::string title;  ///< for people
  std::vector<std::string> columns;
  std::vector<std::vector<value>> rows;
  facts totals;
  /// The table as lines, when it has a form of its own; empty: columns are aligned and headed.
  std::vector<std::string> text;
};

struct report {
  std::string id;
  std::string question;
  std::string prediction;
  std::vector<table> tables;
  verdict found;
  facts conditions;
  std::string rerun;
};

}  // namespace trine_tool::lab
