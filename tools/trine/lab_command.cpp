// `trine lab`: runs experiments and prints what they found.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "command.hpp"
#include "failure.hpp"
#include "lab/catalogue.hpp"
#include "lab/render.hpp"
#include "terminal.hpp"

namespace trine_tool {
namespace {

class lab_command final : public command {
 public:
  void attach(CLI::App& root) override {
    app_ = root.add_subcommand("lab", "Measure what separates the three units, on this machine");
    app_->add_flag("--json", json_, "Print JSON instead of text");
    app_->require_subcommand(0, 0);
    // Its own formatter: the one inherited from the root is shared with every other command.
    app_->formatter(std::make_shared<CLI::Formatter>());
    app_->get_formatter()->label("SUBCOMMAND", "EXPERIMENT");
    app_->group("Commands");
    app_->footer(
        "Without a name, every experiment runs. Several names may be given, each with its own\n"
        "options after it. A verdict that does not hold is a result: exit code 0.\n\n"
        "Examples:\n"
        "  trine lab\n"
        "  trine lab count\n"
        "  trine lab count --unit thread --together --json");
    for (const auto& each : experiments_) attach_experiment(*each);
  }

  [[nodiscard]] bool chosen() const override { return app_->parsed(); }

  int run() override {
    const std::vector<lab::experiment*> selected = select();
    // All options are looked at before anything runs: a slip in the last should not cost minutes.
    for (lab::experiment* each : selected) each->check_options();
    bool failed = false;
    std::vector<lab::report> done;
    for (lab::experiment* each : selected) {
      try {
        progress line;
        done.push_back(each->run(line));
      } catch (const std::exception&) {
        const int code = report_current_exception();
        // A broken environment would fail every experiment in the same words.
        if (code == exit_bad_usage) return code;
        failed = true;
        continue;
      }
      if (!json_) {
        write_output((done.size() > 1 ? "\n" : "") +
                     lab::render_text(done.back(), painter(standard_output_has_colour())));
      }
    }
    // A document of nothing would look like a run that found nothing.
    if (json_ && !done.empty()) write_output(lab::render_json(done, version_text()));
    return failed ? exit_could_not_run : exit_ok;
  }

 private:
  void attach_experiment(lab::experiment& each) {
    CLI::App* const word =
        app_->add_subcommand(std::string(each.id()), std::string(each.question()));
    word->group("Experiments");
    for (const lab::option& option : each.options()) {
      if (option.flag != nullptr) {
        word->add_flag(std::string(option.name), *option.flag, std::string(option.help));
      } else {
        word->add_option(std::string(option.name), *option.text, std::string(option.help))
            ->type_name(std::string(option.value));
      }
    }
    word->add_flag("--json", json_, "Print JSON instead of text");
    word->footer(
        fmt::format("Prediction: {}\n\nExamples:\n{}", each.prediction(), each.examples()));
  }

  [[nodiscard]] std::vector<lab::experiment*> select() const {
    std::vector<lab::experiment*> all;
    std::vector<lab::experiment*> named;
    for (const auto& each : experiments_) {
      all.push_back(each.get());
      if (app_->got_subcommand(std::string(each->id()))) named.push_back(each.get());
    }
    return named.empty() ? all : named;
  }

  CLI::App* app_ = nullptr;
  bool json_ = false;
  std::vector<std::unique_ptr<lab::experiment>> experiments_ = lab::all_experiments();
};

}  // namespace

std::unique_ptr<command> make_lab_command() { return std::make_unique<lab_command>(); }

}  // namespace trine_tool
