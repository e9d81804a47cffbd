// The results as a table for people, as Markdown and as JSON.
#pragma once

#include <string>
#include <vector>

#include "conditions.hpp"
#include "harness.hpp"

namespace bench {

struct report {
  conditions where;
  plan how;
  std::vector<figure_result> figures;
};

std::string as_text(const report& all);
std::string as_markdown(const report& all);
std::string as_json(const report& all);

bool any_failed(const report& all);
bool any_missed(const report& all);

}  // namespace bench
