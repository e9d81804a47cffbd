// All experiments, in the order of `trine lab`.
#pragma once

#include <memory>
#include <vector>

#include "experiment.hpp"

namespace trine_tool::lab {

std::vector<std::unique_ptr<experiment>> all_experiments();

std::unique_ptr<experiment> make_count_experiment();
std::unique_ptr<experiment> make_switch_experiment();
std::unique_ptr<experiment> make_create_experiment();
std::unique_ptr<experiment> make_memory_experiment();
std::unique_ptr<experiment> make_share_experiment();

}  // namespace trine_tool::lab
