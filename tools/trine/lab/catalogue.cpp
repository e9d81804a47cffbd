#include "catalogue.hpp"

namespace trine_tool::lab {

std::vector<std::unique_ptr<experiment>> all_experiments() {
  std::vector<std::unique_ptr<experiment>> all;
  all.push_back(make_count_experiment());
  all.push_back(make_switch_experiment());
  all.push_back(make_create_experiment());
  all.push_back(make_memory_experiment());
  all.push_back(make_share_experiment());
  return all;
}

}  // namespace trine_tool::lab
