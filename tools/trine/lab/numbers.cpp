#include "numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "../failure.hpp"

namespace trine_tool::lab {

std::uint64_t read_whole(std::string_view experiment, std::string_view option,
                         const std::optional<std::string>& text, std::uint64_t otherwise,
                         std::uint64_t most) {
  if (!text) return otherwise;
  const std::string help = fmt::format("Run trine lab {} --help.", experiment);
  std::uint64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (stop == end && (error == std::errc::result_out_of_range || number > most)) {
    throw bad_usage(
        fmt::format("trine: {} {} is too large; use at most {}. {}", option, *text, most, help));
  }
  if (error != std::errc() || stop != end || number == 0) {
    throw bad_usage(fmt::format("trine: {} needs a whole number of at least 1, not \"{}\". {}",
                                option, *text, help));
  }
  return number;
}

spread spread_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const std::size_t half = samples.size() / 2;
  const double median =
      samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
  return {samples.front(), median, samples.back()};
}

std::string time_text(double ns) {
  if (ns < 1e3) return fmt::format("{:.3g} ns", ns);
  if (ns < 1e6) return fmt::format("{:.3g} µs", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.3g} ms", ns / 1e6);
  return fmt::format("{:.3g} s", ns / 1e9);
}

std::string bytes_text(double bytes) {
  if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1024 * 1024) return fmt::format("{:.1f} KiB", bytes / 1024);
  return fmt::format("{:.1f} MiB", bytes / 1024 / 1024);
}

void reasons::append(std::string& list, const std::string& item) {
  if (!list.empty()) list += "; ";
  list += item;
}

verdict reasons::judge() const {
  if (!against_.empty()) {
    return {outcome::does_not_hold, fmt::format("does not hold here because {}.", against_)};
  }
  if (!with_.empty()) {
    return {outcome::holds_with,
            fmt::format("holds here with {}{}{}.", with_, for_.empty() ? "" : "; ", for_)};
  }
  if (for_.empty()) {
    return {outcome::does_not_hold, "does not hold here because nothing was measured."};
  }
  return {outcome::holds, fmt::format("holds: {}.", for_)};
}

}  // namespace trine_tool::lab
