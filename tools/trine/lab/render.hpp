// The two faces of a report. The JSON is described in tools/trine/lab/README.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../terminal.hpp"
#include "report.hpp"

namespace trine_tool::lab {

/// "holds", "holds_with" or "does_not_hold".
std::string_view to_string(outcome what);

std::string render_text(const report& what, const painter& paint);

/// One document for all reports of a run.
std::string render_json(const std::vector<report>& reports, std::string_view version);

}  // namespace trine_tool::lab
