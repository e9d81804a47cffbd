// What several experiments do with numbers: read them from options, and sum up samples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report.hpp"

namespace trine_tool::lab {

/// The option's text as a whole number from 1 to `most`; `otherwise` when it was not given. Throws
/// bad_usage with a sentence that names the option and the experiment.
std::uint64_t read_whole(std::string_view experiment, std::string_view option,
                         const std::optional<std::string>& text, std::uint64_t otherwise,
                         std::uint64_t most);

struct spread {
  double low = 0;
  double median = 0;
  double high = 0;
};
/// Of no samples: zeros.
spread spread_of(std::vector<double> samples);

/// "12.3 ns", "4.5 µs", "6 ms".
std::string time_text(double ns);
/// "512 B", "4.3 KiB", "1.2 MiB".
std::string bytes_text(double bytes);

/// Reasons for a claim, reservations, and reasons against it, as one verdict. Reasons against win
/// over reservations, and these over the rest.
class reasons {
 public:
  void for_it(const std::string& why) { append(for_, why); }
  void with(const std::string& why) { append(with_, why); }
  void against(const std::string& why) { append(against_, why); }
  [[nodiscard]] verdict judge() const;

 private:
  static void append(std::string& list, const std::string& item);

  std::string for_;
  std::string with_;
  std::string against_;
};

}  // namespace trine_tool::lab
