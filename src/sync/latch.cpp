#include "sync/latch.hpp"

#include "sync/misuse.hpp"
#include "sync/queue.hpp"
#include "wait/waiter.hpp"

namespace trine {

namespace sync {

bool latch_queue::enqueue(const latch& l, wait::waiter& w) noexcept {
  std::uint64_t seen = l.word_.load(std::memory_order_acquire);
  for (unsigned looks = 1;;) {
    // acquire, here and where it is read again: as in try_wait().
    if (seen == 0) return false;
    if ((seen & latch::queue) != 0) {
      be_patient(looks++);
      seen = l.word_.load(std::memory_order_acquire);
    } else if (l.word_.compare_exchange_weak(seen, seen | latch::queue,
                                             std::memory_order_acquire)) {
      break;
    }
  }
  l.waiters_.push_back(w);
  // release: for the list, and for what earlier steps of the count released: the acquire above saw
  // it, and this store is not part of their release sequence.
  l.word_.store(seen | latch::waiting, std::memory_order_release);
  return true;
}

void latch_queue::withdraw(const latch& l, wait::waiter& w) noexcept {
  const std::uint64_t seen = lock_queue(l.word_, latch::queue);
  if (w.linked) l.waiters_.erase(w);
  // release: as in enqueue(). The count has not changed: every step of it waits for the queue bit.
  l.word_.store(l.waiters_.empty() ? seen & ~latch::waiting : seen, std::memory_order_release);
}

}  // namespace sync

void latch::wait_slow() const {
  wait::waiter w;
  if (sync::latch_queue::enqueue(*this, w))
    w.wait({.why = observe::reason::other, .object = this, .stoppable = false});
}

void latch::count_down_slow(std::uint64_t less) noexcept {
  std::uint64_t seen = word_.load(std::memory_order_relaxed);
  bool last = false;
  for (unsigned looks = 1;;) {
    if ((seen & queue) != 0) {
      sync::be_patient(looks++);
      seen = word_.load(std::memory_order_relaxed);
      continue;
    }
    if (seen < less) {
      if (detail::sync_checks) sync::misused("counted a latch down below zero");
      return;
    }
    last = seen - less < one && (seen & waiting) != 0;
    // acquire: what earlier steps released goes on by the store below; and the list is seen.
    // release: as in count_down().
    if (word_.compare_exchange_weak(seen, last ? queue : seen - less, std::memory_order_acq_rel,
                                    std::memory_order_relaxed))
      break;
  }
  if (!last) return;
  sync::to_resume woken;
  while (wait::waiter* const w = waiters_.pop_front()) woken.claim(*w);
  // release: partner is the acquire in try_wait(). The last touch of the latch.
  word_.store(0, std::memory_order_release);
  woken.resume();
}

void latch::check_count(std::ptrdiff_t n) const noexcept {
  if (n < 0 || n > max()) sync::misused("gave a latch a count that is negative or above its max()");
}

void latch::check_end() const noexcept {
  if (!waiters_.empty()) sync::ended_while_waited_for("latch", waiters_.front());
}

}  // namespace trine
