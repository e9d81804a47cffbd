#include "failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>
#include <trine/errors.hpp>
#include <utility>

namespace trine_tool {
namespace {

/// Edits that turn one word into the other; neighbours swapped count as one.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> two_back(to.size() + 1);
  std::vector<std::size_t> back(to.size() + 1);
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(back.begin(), back.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replace = back[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      row[j] = std::min({replace, back[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        row[j] = std::min(row[j], two_back[j - 2] + 1);
      }
    }
    std::swap(two_back, back);
    std::swap(back, row);
  }
  return back[to.size()];
}

}  // namespace

int report_current_exception() {
  int code = exit_could_not_run;
  std::string text = "something that is not a std::exception was thrown";
  try {
    throw;
  } catch (const bad_usage& error) {
    code = exit_bad_usage;
    text = error.what();
  } catch (const trine::usage_error& error) {
    code = exit_bad_usage;
    text = error.what();
  } catch (const std::invalid_argument& error) {
    code = exit_bad_usage;
    text = error.what();
  } catch (const std::bad_alloc&) {
    text = "there is not enough memory; ask for fewer units";
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
  }
  fmt::print(stderr, "{}\n", with_prefix(text));
  return code;
}

std::string with_prefix(std::string_view text) {
  constexpr std::string_view prefix = "trine: ";
  if (text.substr(0, prefix.size()) == prefix) return std::string(text);
  return fmt::format("{}{}", prefix, text);
}

std::string closest(std::string_view typed, const std::vector<std::string>& candidates) {
  // A long argument is no slip of the finger, and the distance costs its square.
  if (typed.size() > 64) return "";
  std::string best;
  std::size_t least = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t edits = distance(typed, candidate);
    if (edits < least && edits < candidate.size()) {
      least = edits;
      best = candidate;
    }
  }
  return best;
}

std::string unknown_word(std::string_view kind, std::string_view typed,
                         const std::vector<std::string>& candidates, std::string_view help) {
  const std::string guess = closest(typed, candidates);
  if (guess.empty()) return fmt::format("trine: unknown {} \"{}\". {}", kind, typed, help);
  return fmt::format("trine: unknown {} \"{}\"; did you mean {}? {}", kind, typed, guess, help);
}

}  // namespace trine_tool
