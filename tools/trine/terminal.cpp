#include "terminal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace trine_tool {
namespace {

bool is_dumb() {
  const char* const term = std::getenv("TERM");
  return term == nullptr || std::string_view(term) == "dumb";
}

const char* escape_of(tint how) {
  switch (how) {
    case tint::good:
      return "\x1b[32m";
    case tint::warning:
      return "\x1b[33m";
    case tint::bad:
      return "\x1b[31m";
    case tint::strong:
      return "\x1b[1m";
    case tint::faint:
      return "\x1b[2m";
    case tint::plain:
      break;
  }
  return "";
}

}  // namespace

std::string painter::operator()(tint how, std::string_view text) const {
  if (!colour_ || how == tint::plain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape_of(how), text);
}

bool standard_output_has_colour() {
  // no-color.org: present and not empty, whatever the value.
  const char* const no_colour = std::getenv("NO_COLOR");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  return ::isatty(STDOUT_FILENO) == 1 && !is_dumb();
}

progress::progress()
    : next_(std::chrono::steady_clock::now() + std::chrono::milliseconds(300)),
      enabled_(::isatty(STDERR_FILENO) == 1 && !is_dumb()) {}

progress::~progress() { clear(); }

void progress::step(std::string_view what, std::uint64_t done, std::uint64_t total) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  shown_ = true;
  std::fputs(fmt::format("\r\x1b[K{}: {} of {}", what, done, total).c_str(), stderr);
  std::fflush(stderr);
}

void progress::clear() {
  if (!shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace trine_tool
