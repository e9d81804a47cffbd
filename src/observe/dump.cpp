#include <unistd.h>
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <trine/detail/fair.hpp>
#include <trine/observe.hpp>

#include "base/clock.hpp"
#include "observe/asked.hpp"
#include "observe/registry.hpp"

namespace trine {
namespace {

// Copies one slot. False when it is free or changed hands meanwhile.
bool read(const observe::slot& s, unit_info& out) {
  // acquire on every field: partner is the release in enter(). Who reads a field of a later unit
  // then also sees that the id is no longer this one's; and all are read before the second look.
  constexpr auto acquire = std::memory_order_acquire;
  // acquire: partner is the release in enter(); the fields belong to this id or a later one.
  out.id = s.id.load(std::memory_order_acquire);
  if (out.id == 0) return false;
  out.parent = s.parent.load(acquire);
  out.kind = s.kind.load(acquire);
  out.foreign = s.foreign.load(acquire);
  const observe::state now = s.now.load(acquire);
  out.state = observe::to_string(now);
  out.waiting_for = now == observe::state::parked ? observe::to_string(s.why.load(acquire)) : "";
  out.object = now == observe::state::parked ? s.object.load(acquire) : nullptr;
  out.since =
      std::chrono::steady_clock::time_point(std::chrono::nanoseconds(s.since.load(acquire)));
  out.parks = s.parks.load(acquire);
  out.where = s.where.load(acquire);
  out.running_since = {};
  if (now == observe::state::running && s.long_run_id.load(acquire) == out.id)
    out.running_since = std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(s.long_run_since.load(acquire)));
  out.line = s.line.load(acquire);
  const char* const file = s.file.load(acquire);
  const char* const function = s.function.load(acquire);
  char name[32];
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t word = s.name[i].load(acquire);
    std::memcpy(name + 8 * i, &word, 8);
  }
  name[31] = '\0';
  if (s.id.load(std::memory_order_relaxed) != out.id) return false;
  out.name = name;
  const std::int64_t asked = observe::asked_to_stop_since(out.id);
  out.asked_to_stop = asked != 0;
  out.asked_since = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(asked));
  out.file = file != nullptr ? file : "";
  out.function = function != nullptr ? function : "";
  return true;
}

void append(std::string& text, const unit_info& u, std::int64_t now) {
  char line[512];
  const char* const where = u.kind == unit_kind::coroutine ? "worker"
                            : u.kind == unit_kind::process ? "pid"
                                                           : "tid";
  std::snprintf(line, sizeof(line), "%-10" PRIu64 " %-9s %-20s %-8s", u.id & 0xffffff,
                to_string(u.kind), u.name.empty() ? "-" : u.name.c_str(), u.state.c_str());
  text += line;
  if (u.state != "queued") {
    std::snprintf(line, sizeof(line), " %s %d", where, u.where);
    text += line;
  }
  if (!u.waiting_for.empty()) {
    const double ms = static_cast<double>(now - u.since.time_since_epoch().count()) / 1e6;
    std::snprintf(line, sizeof(line), ", waits for %s %p for %.1f ms", u.waiting_for.c_str(),
                  u.object, ms < 0 ? 0.0 : ms);
    text += line;
  }
  if (u.running_since.time_since_epoch().count() != 0) {
    const double ms = static_cast<double>(now - u.running_since.time_since_epoch().count()) / 1e6;
    std::snprintf(line, sizeof(line), ", runs for %.0f ms without a Trine call", ms);
    text += line;
  }
  if (u.asked_to_stop) {
    const double ms = static_cast<double>(now - u.asked_since.time_since_epoch().count()) / 1e6;
    std::snprintf(line, sizeof(line), ", asked to stop %.1f ms ago", ms < 0 ? 0.0 : ms);
    text += line;
  }
  if (!u.file.empty()) {
    std::snprintf(line, sizeof(line), ", spawned at %s:%u", u.file.c_str(), u.line);
    text += line;
  }
  if (u.parent != 0) {
    std::snprintf(line, sizeof(line), " by %" PRIu64, u.parent & 0xffffff);
    text += line;
  }
  text += u.foreign ? ", not Trine's\n" : "\n";
}

}  // namespace

std::vector<unit_info> units() {
  detail::fair_point();
  std::vector<unit_info> all;
  const observe::slot* const slots = observe::slots();
  const std::uint32_t used = slots != nullptr ? observe::used_groups() : 0;
  unit_info one;
  for (std::uint32_t g = 0; g < used; ++g) {
    if (!observe::occupied(g)) continue;
    for (std::uint32_t i = 0; i < observe::group_slots; ++i)
      if (read(slots[g * observe::group_slots + i], one)) all.push_back(one);
  }
  std::sort(all.begin(), all.end(),
            [](const unit_info& a, const unit_info& b) { return a.id < b.id; });
  return all;
}

std::string dump() {
  const std::vector<unit_info> all = units();
  const std::int64_t now = base::now_ns();
  std::string text = "trine: " + std::to_string(all.size()) + " units in process " +
                     std::to_string(getpid()) + "\n";
  for (const unit_info& u : all) append(text, u, now);
  if (const std::uint64_t n = units_refused(); n != 0)
    text += "trine: " + std::to_string(n) + " units found the registry full and are not listed\n";
  return text;
}

std::uint64_t units_refused() noexcept { return observe::refused(); }

}  // namespace trine
