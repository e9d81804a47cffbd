#include "sync/semaphore.hpp"

#include "sync/misuse.hpp"
#include "sync/queue.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine {

namespace sync {

bool semaphore_queue::enqueue(detail::semaphore& s, wait::waiter& w, bool first) noexcept {
  constexpr std::int64_t waiting = detail::semaphore::waiting, busy = detail::semaphore::busy;
  std::int64_t seen = s.word_.load(std::memory_order_relaxed);
  for (unsigned looks = 1;;) {
    if (seen == busy) {
      be_patient(looks++);
      seen = s.word_.load(std::memory_order_relaxed);
      continue;
    }
    // acquire: partner is the release in give(), for the token, and of the store that ends busy,
    // for the list.
    if (!s.word_.compare_exchange_weak(seen, seen > 0 ? seen - 1 : busy, std::memory_order_acquire,
                                       std::memory_order_relaxed))
      continue;
    if (seen > 0) return false;
    break;
  }
  if (first) {
    s.waiters_.push_front(w);
  } else {
    s.waiters_.push_back(w);
  }
  // release: partner is the acquire of the next who takes the list.
  s.word_.store(waiting, std::memory_order_release);
  return true;
}

void semaphore_queue::withdraw(detail::semaphore& s, wait::waiter& w) noexcept {
  constexpr std::int64_t waiting = detail::semaphore::waiting, busy = detail::semaphore::busy;
  for (unsigned looks = 1;; be_patient(looks++)) {
    // acquire: as in enqueue; and without a list, that a release which dropped w is done with it.
    std::int64_t seen = s.word_.load(std::memory_order_acquire);
    if (seen >= 0) return;
    if (seen == waiting && s.word_.compare_exchange_strong(seen, busy, std::memory_order_acquire,
                                                           std::memory_order_relaxed))
      break;
  }
  if (w.linked) s.waiters_.erase(w);
  s.word_.store(s.waiters_.empty() ? 0 : waiting, std::memory_order_release);
}

void semaphore_queue::give(detail::semaphore& s, std::int64_t update) noexcept {
  constexpr std::int64_t waiting = detail::semaphore::waiting, busy = detail::semaphore::busy;
  std::int64_t seen = s.word_.load(std::memory_order_relaxed);
  for (unsigned looks = 1;;) {
    if (seen == busy) {
      be_patient(looks++);
      seen = s.word_.load(std::memory_order_relaxed);
      continue;
    }
    // acquire: as in enqueue. release: partner is the acquire in take().
    if (!s.word_.compare_exchange_weak(seen, seen >= 0 ? seen + update : busy,
                                       std::memory_order_acq_rel, std::memory_order_relaxed))
      continue;
    if (seen >= 0) return;
    break;
  }
  to_resume woken;
  while (update > 0) {
    wait::waiter* const w = s.waiters_.pop_front();
    if (w == nullptr) break;
    if (woken.claim(*w)) --update;
  }
  // release: partner is the acquire of whoever takes what is left, or the list. The last touch.
  s.word_.store(s.waiters_.empty() ? update : waiting, std::memory_order_release);
  woken.resume();
}

}  // namespace sync

namespace detail {

bool semaphore::wait(const limit& bound) {
  for (bool again = false;; again = true) {
    wait::waiter w;
    if (!sync::semaphore_queue::enqueue(*this, w, again)) return true;
    const wait::outcome o =
        w.wait({.why = observe::reason::semaphore, .object = this, .deadline = bound.at()});
    if (o == wait::outcome::woken) return true;
    sync::semaphore_queue::withdraw(*this, w);
    if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
    if (!bound.renew()) return false;
  }
}

void semaphore::give_slow(std::int64_t update) noexcept {
  sync::semaphore_queue::give(*this, update);
}

void semaphore::check_start(std::ptrdiff_t most) const noexcept {
  const std::int64_t count = word_.load(std::memory_order_relaxed);
  if (count < 0 || count > most)
    sync::misused("made a semaphore with a count that is negative or greater than its max()");
}

void semaphore::check_release(std::ptrdiff_t update, std::ptrdiff_t most) const noexcept {
  const std::int64_t seen = word_.load(std::memory_order_relaxed);
  if (update < 0 || update > most || (seen > 0 && update > most - seen))
    sync::misused(
        "released a negative number of tokens of a semaphore, or more than its max() allows");
}

void semaphore::check_end() const noexcept {
  if (word_.load(std::memory_order_relaxed) < 0)
    sync::ended_while_waited_for("semaphore", waiters_.front());
}

}  // namespace detail
}  // namespace trine
