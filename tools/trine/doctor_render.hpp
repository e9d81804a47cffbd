// The two faces of `trine doctor`.
#pragma once

#include <string>
#include <string_view>
#include <trine/doctor.hpp>
#include <vector>

#include "terminal.hpp"

namespace trine_tool {

std::string doctor_text(const std::vector<trine::probe_result>& probes, const painter& paint);

/// {"schema":1,"trine":…,"summary":{"yes":…,"degraded":…,"no":…},
///  "probes":[{"name":…,"state":"yes|degraded|no","detail":…,"fallback":…}]}
std::string doctor_json(const std::vector<trine::probe_result>& probes, std::string_view version);

}  // namespace trine_tool
