// Where and from what the figures come: a line above every report.
#pragma once

#include <string>

namespace bench {

struct conditions {
  std::string cpu;
  int cores = 0;  // that this program may use
  std::string kernel;
  std::string compiler;
  std::string flags;
  std::string commit;  // "+changes" when the tree is not as committed
  std::string load;    // averages over 1, 5 and 15 minutes, before the first run
  std::string date;
};

conditions current_conditions();
std::string to_string(const conditions& facts);

}  // namespace bench
