#include "sync/barrier.hpp"

#include <trine/detail/fair.hpp>

#include "sync/misuse.hpp"
#include "sync/queue.hpp"
#include "wait/waiter.hpp"

namespace trine {

namespace sync {

bool barrier_queue::enqueue(const detail::phases& b, std::uint64_t phase,
                            wait::waiter& w) noexcept {
  using phases = detail::phases;
  std::uint64_t seen = b.word_.load(std::memory_order_acquire);
  for (unsigned looks = 1;;) {
    // acquire, here and where it is read again: partner is the release in complete().
    if ((seen & phases::phase_mask) != phase) return false;
    if ((seen & phases::queue) != 0) {
      be_patient(looks++);
      seen = b.word_.load(std::memory_order_acquire);
    } else if (b.word_.compare_exchange_weak(seen, seen | phases::queue,
                                             std::memory_order_acquire)) {
      break;
    }
  }
  b.waiters_.push_back(w);
  // release: for the list, and for what those who arrived released; the acquire above saw it.
  b.word_.store(seen | phases::waiting, std::memory_order_release);
  return true;
}

void barrier_queue::withdraw(const detail::phases& b, wait::waiter& w) noexcept {
  const std::uint64_t seen = lock_queue(b.word_, detail::phases::queue);
  if (w.linked) b.waiters_.erase(w);
  b.word_.store(b.waiters_.empty() ? seen & ~detail::phases::waiting : seen,
                std::memory_order_release);
}

}  // namespace sync

namespace detail {

bool phases::arrive(std::ptrdiff_t n, std::uint64_t& phase) noexcept {
  fair_point();
  if (sync_checks) check_count(n);
  const std::uint64_t less = static_cast<std::uint64_t>(n) * one;
  std::uint64_t seen = word_.load(std::memory_order_relaxed);
  for (unsigned looks = 1;;) {
    if ((seen & queue) != 0) {
      sync::be_patient(looks++);
      seen = word_.load(std::memory_order_relaxed);
      continue;
    }
    phase = seen & phase_mask;
    if ((seen & count_mask) < less) {
      if (sync_checks) sync::misused("arrived at a barrier at which no more are expected");
      return false;
    }
    // release: what was done before the arrival is seen by who completes the phase, by the acquire
    // here of the last, and from there on by all.
    if (word_.compare_exchange_weak(seen, seen - less, std::memory_order_acq_rel,
                                    std::memory_order_relaxed))
      return (seen & count_mask) == less && less != 0;
  }
}

void phases::complete() noexcept {
  const std::uint64_t seen = sync::lock_queue(word_, queue);
  sync::to_resume woken;
  while (wait::waiter* const w = waiters_.pop_front()) woken.claim(*w);
  // relaxed: who dropped did so before it arrived, and all have arrived.
  const auto expected = static_cast<std::uint64_t>(expected_.load(std::memory_order_relaxed));
  // release: partner is the acquire in wait(). The last touch of the barrier.
  word_.store((seen & phase_mask) + next_phase + expected * one, std::memory_order_release);
  woken.resume();
}

void phases::drop() noexcept { expected_.fetch_sub(1, std::memory_order_relaxed); }

void phases::wait(std::uint64_t phase) const {
  fair_point();
  // acquire: partner is the release in complete().
  if ((word_.load(std::memory_order_acquire) & phase_mask) != phase) return;
  wait::waiter w;
  if (sync::barrier_queue::enqueue(*this, phase, w))
    w.wait({.why = observe::reason::other, .object = this, .stoppable = false});
}

void phases::check_count(std::ptrdiff_t n) const noexcept {
  if (n < 0 || n > most)
    sync::misused("gave a barrier a count that is negative or above its max()");
}

void phases::check_end() const noexcept {
  if (!waiters_.empty()) sync::ended_while_waited_for("barrier", waiters_.front());
}

}  // namespace detail
}  // namespace trine
