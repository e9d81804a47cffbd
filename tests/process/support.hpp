// What the tests of process units share.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <trine/trine.hpp>

namespace process_tests {

// Threads, address space and timing under a sanitizer differ too much for some checks.
inline constexpr bool sanitized =
#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
    true;
#else
    false;
#endif

// Spins, giving the processor away, until the condition holds; false after 20 seconds.
bool eventually(const std::function<bool()>& condition);

std::size_t open_descriptors();
// Mappings whose line in /proc/self/maps contains the text.
std::size_t mappings_of(std::string_view text);
// Children of this process, of any kind, alive or zombie.
std::vector<pid_t> children_of(pid_t parent);
bool alive(pid_t pid);  // and no zombie

// This test program once more, running one of its DISABLED_ tests as a helper.
struct program_result {
  int status = -1;
  std::string output;  // stdout and stderr
};
program_result run_helper(const std::string& test, const std::vector<std::string>& environment = {},
                          const std::function<void()>& in_child = {});

}  // namespace process_tests
