// The members of robust_mutex and shared_semaphore, over the protocols of shared_sync.cpp.
#include <new>
#include <stdexcept>

#include <trine/shared_sync.hpp>

namespace trine {
namespace {

using detail::robust_outcome;

constexpr std::int64_t no_limit = detail::no_deadline;

[[noreturn]] void fail(std::errc why, const char* sentence) {
  throw std::system_error(std::make_error_code(why), sentence);
}

// True when it is held now.
bool check(robust_outcome o) {
  if (o == robust_outcome::not_recoverable)
    fail(std::errc::state_not_recoverable,
         "trine: a holder of this robust_mutex died and the next one unlocked it without saying "
         "consistent(); make a new one, with fresh data");
  if (o == robust_outcome::mine)
    fail(std::errc::resource_deadlock_would_occur,
         "trine: the unit holds this robust_mutex already and would wait for itself");
  return o != robust_outcome::timed_out;
}

}  // namespace

robust_mutex::robust_mutex() : segment_(detail::make_segment(sizeof(detail::robust_state))) {
  new (detail::segment_data(segment_.get())) detail::robust_state{};
}

detail::robust_state& robust_mutex::state() const noexcept {
  return *reinterpret_cast<detail::robust_state*>(detail::segment_data(segment_.get()));
}

std::error_code robust_mutex::lock() {
  const robust_outcome o = detail::lock_robust(state(), no_limit);
  check(o);
  if (o == robust_outcome::owner_died) return std::make_error_code(std::errc::owner_dead);
  return {};
}

bool robust_mutex::try_lock() {
  const robust_outcome o = detail::lock_robust(state(), detail::do_not_wait);
  return o != robust_outcome::mine && check(o);
}

bool robust_mutex::try_lock_at(std::int64_t deadline) {
  return check(detail::lock_robust(state(), deadline));
}

void robust_mutex::unlock() {
  if (!detail::holds_robust(state()) || !detail::unlock_robust(state()))
    fail(std::errc::operation_not_permitted,
         "trine: unlock() of a robust_mutex that this unit does not hold");
}

bool robust_mutex::owner_died() const noexcept { return detail::is_inconsistent(state()); }

void robust_mutex::consistent() {
  if (!detail::holds_robust(state()) || !detail::make_consistent(state()))
    fail(std::errc::operation_not_permitted,
         "trine: consistent() is for the unit that holds the robust_mutex");
}

shared_semaphore::shared_semaphore(std::ptrdiff_t count) {
  if (count < 0 || count > max())
    throw std::invalid_argument("trine: a shared_semaphore counts from 0 to 2147483647");
  segment_ = detail::make_segment(sizeof(detail::semaphore_state));
  auto* const s = new (detail::segment_data(segment_.get())) detail::semaphore_state{};
  s->count.store(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
}

detail::semaphore_state& shared_semaphore::state() const noexcept {
  return *reinterpret_cast<detail::semaphore_state*>(detail::segment_data(segment_.get()));
}

void shared_semaphore::acquire() { detail::acquire_shared(state(), no_limit); }
bool shared_semaphore::try_acquire() {
  return detail::acquire_shared(state(), detail::do_not_wait);
}

void shared_semaphore::release(std::ptrdiff_t n) {
  if (n < 0) throw std::invalid_argument("trine: release() of a negative number");
  if (n > max() || !detail::release_shared(state(), static_cast<std::uint32_t>(n)))
    fail(std::errc::value_too_large, "trine: a shared_semaphore counts to 2147483647 at most");
}

}  // namespace trine
