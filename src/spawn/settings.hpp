// The settings in force: those of configure(), else those of the environment.
#pragma once

#include <atomic>

namespace trine::spawning {

// Set once the environment has been read and the first spawn may go on.
inline std::atomic<bool> settings_applied{false};

// Reads the environment and passes the settings on. Throws std::invalid_argument in a sentence that
// names the variable; then nothing is applied and the next call tries again.
void apply_settings();

}  // namespace trine::spawning
