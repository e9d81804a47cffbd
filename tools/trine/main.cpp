// The command `trine`. Exit codes: 0 done, 1 something could not run, 2 bad usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <sstream>
#include <vector>

#include "command.hpp"
#include "failure.hpp"

namespace trine_tool {
namespace {

/// The innermost word that was understood: `lab count` for `trine lab count --uints 5`.
const CLI::App& innermost(const CLI::App& app) {
  const std::vector<CLI::App*> words = app.get_subcommands();
  return words.empty() ? app : innermost(*words.back());
}

std::string help_of(const CLI::App& app) {
  std::string words = app.get_name();
  for (const CLI::App* up = app.get_parent(); up != nullptr; up = up->get_parent()) {
    words = up->get_name() + " " + words;
  }
  return fmt::format("Run {} --help.", words);
}

std::string describe_unknown(const CLI::App& root, const std::string& typed) {
  const CLI::App& app = innermost(root);
  std::vector<std::string> candidates;
  if (typed.front() == '-') {
    for (const CLI::App* up = &app; up != nullptr; up = up->get_parent()) {
      for (const CLI::Option* option : up->get_options()) {
        for (const std::string& name : option->get_lnames()) candidates.push_back("--" + name);
      }
    }
    return unknown_word("option", typed, candidates, help_of(app));
  }
  for (const CLI::App* word : app.get_subcommands({})) candidates.push_back(word->get_name());
  if (app.get_parent() == nullptr) return unknown_word("command", typed, candidates, help_of(app));
  if (!candidates.empty()) return unknown_word("experiment", typed, candidates, help_of(app));
  return fmt::format("trine: \"{}\" was not expected here. {}", typed, help_of(app));
}

std::string describe(const CLI::App& root, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    for (const std::string& typed : root.remaining(true)) {
      if (!typed.empty()) return describe_unknown(root, typed);
    }
    return fmt::format("trine: an empty argument was not expected. {}", help_of(innermost(root)));
  }
  const std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return fmt::format("trine: {} needs one value, and once. {}", text.substr(0, text.find(':')),
                       help_of(innermost(root)));
  }
  return fmt::format("{}. {}", with_prefix(text), help_of(innermost(root)));
}

int run(int argc, char** argv) {
  CLI::App app("One function as a process, a thread or a coroutine: the lab and its tools.",
               "trine");
  app.set_version_flag("--version", std::string("trine ") + version_text());
  app.footer(
      "Exit codes: 0 done, 1 something could not run, 2 bad usage.\n"
      "Colour appears on a terminal only; NO_COLOR=1 turns it off.\n\n"
      "Examples:\n"
      "  trine lab                    run all experiments on this machine\n"
      "  trine lab count --help       what the experiment count asks, and its options\n"
      "  trine doctor                 what this kernel and container offer");
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  std::vector<std::unique_ptr<command>> commands;
  commands.push_back(make_lab_command());
  commands.push_back(make_doctor_command());
  for (const auto& each : commands) each->attach(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    std::ostringstream text;
    app.exit(asked, text, text);
    write_output(text.str());
    return exit_ok;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "{}\n", describe(app, error));
    return exit_bad_usage;
  }
  for (const auto& each : commands) {
    if (each->chosen()) return each->run();
  }
  fmt::print(stderr, "trine: say what to do, for example: trine lab. Run trine --help.\n");
  return exit_bad_usage;
}

}  // namespace
}  // namespace trine_tool

int main(int argc, char** argv) {
  try {
    return trine_tool::run(argc, argv);
  } catch (...) {
    return trine_tool::report_current_exception();
  }
}
