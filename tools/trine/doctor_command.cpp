// `trine doctor`: what this machine offers, and what Trine does without it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <trine/doctor.hpp>

#include "command.hpp"
#include "doctor_render.hpp"
#include "failure.hpp"
#include "terminal.hpp"

namespace trine_tool {
namespace {

class doctor_command final : public command {
 public:
  void attach(CLI::App& root) override {
    app_ = root.add_subcommand("doctor", "Say what this kernel and container offer to Trine");
    app_->group("Commands");
    app_->add_flag("--json", json_, "Print JSON instead of text");
    app_->footer(
        "Answers: yes, degraded (works, but less well), no. What Trine does instead is said\n"
        "below every answer that is not yes. Missing facilities are no error: exit code 0.\n\n"
        "Examples:\n"
        "  trine doctor\n"
        "  trine doctor --json | jq '.probes[] | select(.state != \"yes\")'");
  }

  [[nodiscard]] bool chosen() const override { return app_->parsed(); }

  int run() override {
    const std::vector<trine::probe_result> probes = trine::doctor();
    write_output(json_ ? doctor_json(probes, version_text())
                       : doctor_text(probes, painter(standard_output_has_colour())));
    return exit_ok;
  }

 private:
  CLI::App* app_ = nullptr;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<command> make_doctor_command() { return std::make_unique<doctor_command>(); }

}  // namespace trine_tool
