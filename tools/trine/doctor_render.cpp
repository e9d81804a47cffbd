#include "doctor_render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace trine_tool {
namespace {

tint tint_of(trine::probe_state state) {
  switch (state) {
    case trine::probe_state::yes:
      return tint::good;
    case trine::probe_state::degraded:
      return tint::warning;
    case trine::probe_state::no:
      return tint::bad;
  }
  return tint::plain;
}

std::size_t how_many(const std::vector<trine::probe_result>& probes, trine::probe_state state) {
  return static_cast<std::size_t>(
      std::count_if(probes.begin(), probes.end(),
                    [state](const trine::probe_result& probe) { return probe.state == state; }));
}

}  // namespace

std::string doctor_text(const std::vector<trine::probe_result>& probes, const painter& paint) {
  std::size_t widest = 0;
  for (const trine::probe_result& probe : probes) widest = std::max(widest, probe.name.size());
  constexpr std::size_t state_width = 8;
  std::string text;
  for (const trine::probe_result& probe : probes) {
    // Padding is computed before colouring: escapes have no width on the screen.
    const std::string state = fmt::format("{:<{}}", trine::to_string(probe.state), state_width);
    text += fmt::format("{}  {:<{}}  {}\n", paint(tint_of(probe.state), state), probe.name, widest,
                        probe.detail);
    if (probe.state != trine::probe_state::yes && !probe.fallback.empty()) {
      text += fmt::format("{:{}}{}\n", "", state_width + widest + 4,
                          paint(tint::faint, "instead: " + probe.fallback));
    }
  }
  text += fmt::format("\n{} facilities: {} yes, {} degraded, {} no.\n", probes.size(),
                      how_many(probes, trine::probe_state::yes),
                      how_many(probes, trine::probe_state::degraded),
                      how_many(probes, trine::probe_state::no));
  return text;
}

std::string doctor_json(const std::vector<trine::probe_result>& probes, std::string_view version) {
  nlohmann::ordered_json document;
  document["schema"] = 1;
  document["trine"] = version;
  for (const auto state :
       {trine::probe_state::yes, trine::probe_state::degraded, trine::probe_state::no}) {
    document["summary"][std::string(trine::to_string(state))] = how_many(probes, state);
  }
  document["probes"] = nlohmann::ordered_json::array();
  for (const trine::probe_result& probe : probes) {
    document["probes"].push_back({{"name", probe.name},
                                  {"state", trine::to_string(probe.state)},
                                  {"detail", probe.detail},
                                  {"fallback", probe.fallback}});
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace trine_tool
