#include "observe/asked.hpp"

#include <atomic>

#include "base/clock.hpp"
#include "observe/registry.hpp"

namespace trine::observe {
namespace {

// A hash table of a few pages, touched where it is used. An entry whose unit has left the registry
// is free; nobody takes it out.
struct entry {
  std::atomic<std::uint64_t> id;
  std::atomic<std::int64_t> since;
};
constexpr std::uint64_t size = 4096;
constexpr std::uint64_t probes = 8;
constexpr std::uint64_t being_written = ~std::uint64_t{0};
entry the_entries[size];

bool gone(std::uint64_t id) noexcept {
  const auto index = static_cast<std::uint32_t>(id & 0xffffff);
  const std::uint32_t group = index / the_debugger_view.group_slots;
  return id == 0 || group >= used_groups() || !occupied(group) ||
         slots()[index].id.load(std::memory_order_relaxed) != id;
}

}  // namespace

void note_asked_to_stop(std::uint64_t id) noexcept {
  for (std::uint64_t k = 0; k < probes; ++k) {
    entry& e = the_entries[(id + k) % size];
    std::uint64_t seen = e.id.load(std::memory_order_relaxed);
    if (seen == being_written || !gone(seen)) continue;
    if (!e.id.compare_exchange_strong(seen, being_written, std::memory_order_relaxed)) continue;
    e.since.store(base::now_ns(), std::memory_order_relaxed);
    // release: partner is the acquire below; the time is this unit's.
    e.id.store(id, std::memory_order_release);
    return;
  }
}

std::int64_t asked_to_stop_since(std::uint64_t id) noexcept {
  for (std::uint64_t k = 0; k < probes; ++k) {
    const entry& e = the_entries[(id + k) % size];
    if (e.id.load(std::memory_order_acquire) == id) return e.since.load(std::memory_order_relaxed);
  }
  return 0;
}

}  // namespace trine::observe
