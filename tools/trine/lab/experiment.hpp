// The frame for experiments: a question, a prediction, a measurement, a verdict.
//
// To add one: derive from `experiment` in a file of its own, keep the verdict a pure function of
// samples in another file (its tests feed it data), and list it in catalogue.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../terminal.hpp"
#include "report.hpp"

namespace trine_tool::lab {

/// One option of an experiment. Exactly one of `text` and `flag` is set.
struct option {
  std::string_view name;   ///< "--count"
  std::string_view value;  ///< what stands for the value in the help: "N"
  std::string_view help;
  std::optional<std::string>* text = nullptr;  ///< stays empty when the option is not given
  bool* flag = nullptr;
};

class experiment {
 public:
  experiment() = default;
  experiment(const experiment&) = delete;
  experiment& operator=(const experiment&) = delete;
  virtual ~experiment() = default;

  [[nodiscard]] virtual std::string_view id() const = 0;
  [[nodiscard]] virtual std::string_view question() const = 0;
  [[nodiscard]] virtual std::string_view prediction() const = 0;
  /// Lines for the help, each indented by two blanks.
  [[nodiscard]] virtual std::string_view examples() const = 0;
  /// Where the command line puts what the user typed.
  [[nodiscard]] virtual std::vector<option> options() = 0;

  /// Throws bad_usage when the options make no sense. Called before any experiment runs.
  virtual void check_options() = 0;
  /// Measures. Throws what the library throws.
  virtual report run(progress& line) = 0;
};

}  // namespace trine_tool::lab
