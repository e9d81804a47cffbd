// How the command says that something went wrong, and with which exit code it ends.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trine_tool {

enum exit_code : int { exit_ok = 0, exit_could_not_run = 1, exit_bad_usage = 2 };

/// What the user typed cannot be done. The text is a whole sentence that begins with "trine: ".
class bad_usage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Prints the exception in flight to stderr and returns the exit code that belongs to it.
/// Call it inside a catch block only.
int report_current_exception();

/// The text, with "trine: " before it unless it is there already.
std::string with_prefix(std::string_view text);

/// The candidate that the user most likely meant, or "" when none is close.
std::string closest(std::string_view typed, const std::vector<std::string>& candidates);

/// `trine: unknown command "labb"; did you mean lab? Run trine --help.`
std::string unknown_word(std::string_view kind, std::string_view typed,
                         const std::vector<std::string>& candidates, std::string_view help);

}  // namespace trine_tool
