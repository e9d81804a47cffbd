#include "wait/owner.hpp"

#include "wait/waiter.hpp"

namespace trine::wait {

const observe::slot* owner_slot(std::uint32_t mark) noexcept {
  if (mark == 0) return nullptr;
  const std::uint32_t index = mark - mark_of(observe::slots());
  return index < observe::slot_count ? observe::slots() + index : nullptr;
}

bool mark_is_certain() noexcept {
  const execution& me = self();
  const observe::slot* const slot = me.slot;
  if (slot == nullptr || slot->id.load(std::memory_order_relaxed) == 0) return false;
  return me.sched == nullptr || !slot->foreign.load(std::memory_order_relaxed);
}

const void* identity() noexcept {
  const execution& me = self();
  return me.unit != nullptr ? static_cast<const void*>(me.unit) : &me;
}

}  // namespace trine::wait
