// One word after `trine`. Each command lives in a file of its own and is listed in main.cpp.
#pragma once

#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace trine_tool {

class command {
 public:
  command() = default;
  command(const command&) = delete;
  command& operator=(const command&) = delete;
  virtual ~command() = default;

  /// Adds the word, its options and its help to the command line.
  virtual void attach(CLI::App& root) = 0;
  /// Whether the user typed this word.
  [[nodiscard]] virtual bool chosen() const = 0;
  /// Does the work; returns an exit code or throws.
  virtual int run() = 0;
};

std::unique_ptr<command> make_doctor_command();
std::unique_ptr<command> make_lab_command();

/// Writes to standard output, at once; throws when it cannot be written (a full disk).
void write_output(const std::string& text);

/// The version of Trine that this command belongs to.
const char* version_text();

}  // namespace trine_tool
