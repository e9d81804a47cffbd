#include <trine/mutex.hpp>

#include <limits>
#include <system_error>

#include "sync/misuse.hpp"
#include "wait/owner.hpp"

namespace trine {

namespace {

[[noreturn]] void throw_too_deep() {
  throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                          "trine: a recursive mutex is locked too many times by one unit");
}

}  // namespace

// True when the caller holds it: one level deeper now, unless it is full.
bool recursive_mutex::enter_again(const void* me, bool& full) noexcept {
  if (holder_.load(std::memory_order_relaxed) != me) return false;
  full = depth_ == std::numeric_limits<std::uint32_t>::max();
  if (!full) ++depth_;
  return true;
}

void recursive_mutex::entered(const void* me) noexcept {
  holder_.store(me, std::memory_order_relaxed);
  depth_ = 1;
}

void recursive_mutex::lock() {
  const void* const me = wait::identity();
  bool full = false;
  if (enter_again(me, full)) {
    if (full) throw_too_deep();
    return;
  }
  mutex_.lock();
  entered(me);
}

bool recursive_mutex::lock_until(const detail::limit& bound) {
  // The caller has tried; so it is another's.
  if (!mutex_.lock_until(bound)) return false;
  entered(wait::identity());
  return true;
}

bool recursive_mutex::try_lock() noexcept {
  const void* const me = wait::identity();
  bool full = false;
  if (enter_again(me, full)) return !full;
  if (!mutex_.try_lock()) return false;
  entered(me);
  return true;
}

void recursive_mutex::unlock() noexcept {
  if (detail::sync_checks && holder_.load(std::memory_order_relaxed) != wait::identity())
    sync::misused("unlocked a recursive mutex that it does not hold");
  if (--depth_ != 0) return;
  holder_.store(nullptr, std::memory_order_relaxed);
  mutex_.unlock();
}

}  // namespace trine
