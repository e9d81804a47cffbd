// What the commands share: where their output goes and which version they are.
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "command.hpp"

#ifndef TRINE_VERSION
#define TRINE_VERSION "0.1.0"
#endif

namespace trine_tool {

void write_output(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "trine: standard output cannot be written");
  }
}

const char* version_text() { return TRINE_VERSION; }

}  // namespace trine_tool
