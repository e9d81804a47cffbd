#include <cstring>
#include <trine/detail/fair.hpp>
#include <trine/this_unit.hpp>

#include "coroutine/submit.hpp"
#include "observe/registry.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine::this_unit {

unit_kind kind() noexcept {
  detail::fair_point();
  const wait::execution& me = wait::self();
  return me.unit != nullptr ? me.unit->kind : unit_kind::thread;
}

std::uint64_t id() noexcept {
  detail::fair_point();
  const wait::execution& me = wait::self();
  // A forked unit has its id from its slot.
  return me.unit != nullptr && me.unit->id != 0 ? me.unit->id : observe::id_of(wait::self_slot());
}

std::string name() {
  detail::fair_point();
  const observe::slot* const slot = wait::self_slot();
  char text[32];
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t word = slot->name[i].load(std::memory_order_relaxed);
    std::memcpy(text + 8 * i, &word, 8);
  }
  text[31] = '\0';
  return text;
}

// No fair_point: a worker that is overdue looks around at its next pick, which this is.
void yield() noexcept { coroutines::yield(); }

// The count lives in the upper half of the stop bits. relaxed: only the unit's own waits care, and
// a stopper that misses it finds no wait, for the unit is here.
shield::shield() noexcept : unit_(wait::self().unit) {
  if (unit_ != nullptr) unit_->stop.fetch_add(wait::stop_shield_unit, std::memory_order_relaxed);
}
shield::~shield() {
  if (unit_ != nullptr) unit_->stop.fetch_sub(wait::stop_shield_unit, std::memory_order_relaxed);
}

std::stop_token stop_token() {
  detail::fair_point();
  detail::core* const unit = wait::self().unit;
  return unit != nullptr ? wait::stop_token_of(*unit) : std::stop_token{};
}

}  // namespace trine::this_unit

namespace trine::detail {

void sleep_until(std::int64_t deadline) {
  wait::check_stop();
  wait::waiter w;
  const wait::outcome o = w.wait({.why = observe::reason::sleep, .deadline = deadline});
  if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
}

}  // namespace trine::detail
