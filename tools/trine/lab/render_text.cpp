#include <fmt/format.h>

#include <algorithm>

#include "render.hpp"

namespace trine_tool::lab {
namespace {

std::string text_of(const value& what) {
  return std::visit(
      [](const auto& plain) -> std::string {
        using type = std::decay_t<decltype(plain)>;
        if constexpr (std::is_same_v<type, double>) {
          return fmt::format("{:.6g}", plain);
        } else {
          return fmt::format("{}", plain);
        }
      },
      what);
}

bool is_number(const value& what) { return what.index() >= 1 && what.index() <= 3; }

std::string aligned(const table& what) {
  std::vector<std::size_t> widths;
  for (const std::string& column : what.columns) widths.push_back(column.size());
  for (const auto& row : what.rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], text_of(row[i]).size());
    }
  }
  std::string text;
  const auto add_line = [&](std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  std::string head;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const bool right = !what.rows.empty() && is_number(what.rows.front().at(i));
    head += right ? fmt::format("{:>{}}  ", what.columns[i], widths[i])
                  : fmt::format("{:<{}}  ", what.columns[i], widths[i]);
  }
  add_line(head);
  for (const auto& row : what.rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      line += is_number(row[i]) ? fmt::format("{:>{}}  ", text_of(row[i]), widths[i])
                                : fmt::format("{:<{}}  ", text_of(row[i]), widths[i]);
    }
    add_line(line);
  }
  for (const auto& [name, total] : what.totals) {
    add_line(fmt::format("{}: {}", name, text_of(total)));
  }
  return text;
}

tint tint_of(outcome what) {
  switch (what) {
    case outcome::holds:
      return tint::good;
    case outcome::holds_with:
      return tint::warning;
    case outcome::does_not_hold:
      return tint::bad;
  }
  return tint::plain;
}

}  // namespace

std::string render_text(const report& what, const painter& paint) {
  std::string text = fmt::format("{}: {}\n", paint(tint::strong, what.id), what.question);
  text += fmt::format("Prediction: {}\n", what.prediction);
  for (const table& each : what.tables) {
    text += fmt::format("\n{}\n", paint(tint::strong, each.title));
    if (each.text.empty()) {
      text += aligned(each);
      continue;
    }
    for (const std::string& line : each.text) text += line + "\n";
  }
  text += fmt::format("\nVerdict: {}\n", paint(tint_of(what.found.what), what.found.sentence));
  std::string conditions;
  for (const auto& [name, condition] : what.conditions) {
    conditions += fmt::format("{}{}={}", conditions.empty() ? "" : ", ", name, text_of(condition));
  }
  text += paint(tint::faint, "Measured with: " + conditions) + "\n";
  text += fmt::format("Run it again: {}\n", what.rerun);
  return text;
}

}  // namespace trine_tool::lab
