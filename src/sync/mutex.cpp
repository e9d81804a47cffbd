#include "sync/mutex.hpp"

#include "sync/misuse.hpp"
#include "sync/queue.hpp"
#include "wait/waiter.hpp"

namespace trine {

namespace sync {
namespace {

char passed_on;  // its address marks a waiter that now owns the mutex

}  // namespace

bool mutex_queue::enqueue(mutex& m, wait::waiter& w, bool lost) noexcept {
  return enter(m, w, lost, lost);
}

bool mutex_queue::enqueue_for_hand_over(mutex& m, wait::waiter& w, bool first) noexcept {
  return enter(m, w, true, first);
}

bool mutex_queue::enter(mutex& m, wait::waiter& w, bool hand_over, bool first) noexcept {
  const std::uint32_t bits = lock_queue(m.word_, mutex::queue);
  if ((bits & mutex::locked) == 0) {
    // release: keeps the list in order for the next who takes the queue bit.
    m.word_.store(bits | mutex::locked, std::memory_order_release);
    return false;
  }
  w.tag = hand_over ? 1 : 0;
  if (first) {
    m.waiters_.push_front(w);
  } else {
    m.waiters_.push_back(w);
  }
  m.word_.store(bits | mutex::waiting, std::memory_order_release);
  return true;
}

bool mutex_queue::handed_over(const wait::waiter& w) noexcept { return w.data == &passed_on; }

void mutex_queue::withdraw(mutex& m, wait::waiter& w) noexcept {
  const std::uint32_t bits = lock_queue(m.word_, mutex::queue);
  if (w.linked) m.waiters_.erase(w);
  m.word_.store(m.waiters_.empty() ? bits & ~mutex::waiting : bits, std::memory_order_release);
}

}  // namespace sync

void mutex::lock_slow() { lock_until(detail::limit()); }

bool mutex::lock_until(const detail::limit& bound) {
  sync::refuse_relock(owner_, sync::relocked);
  for (bool lost = false;; lost = true) {
    wait::waiter w;
    if (!sync::mutex_queue::enqueue(*this, w, lost)) break;
    const wait::outcome o = w.wait({.why = observe::reason::mutex,
                                    .object = this,
                                    .deadline = bound.at(),
                                    .stoppable = false});
    if (o == wait::outcome::woken) {
      if (sync::mutex_queue::handed_over(w)) break;
      continue;
    }
    sync::mutex_queue::withdraw(*this, w);
    // By the clock of a time point it may be too early; then it waits on, in front.
    if (!bound.renew()) return false;
  }
  owner_.set();
  return true;
}

void mutex::unlock_slow() noexcept {
  const std::uint32_t bits = sync::lock_queue(word_, queue);
  if ((bits & locked) == 0 && detail::sync_checks)
    sync::misused("unlocked a mutex that nobody holds");
  sync::to_resume woken;
  bool passed = false;
  while (wait::waiter* const w = waiters_.pop_front()) {
    passed = w->tag != 0;
    if (passed) w->data = &sync::passed_on;
    if (woken.claim(*w)) break;
    passed = false;
  }
  std::uint32_t after = waiters_.empty() ? 0 : waiting;
  if (passed) after |= locked;
  // release: partner is the acquire of the next owner, by lock_queue, lock or try_lock. The last
  // touch of the mutex.
  word_.store(after, std::memory_order_release);
  woken.resume();
}

void mutex::check_owner() const noexcept { sync::check_owner(owner_, "mutex"); }
void mutex::check_end() const noexcept {
  if (!waiters_.empty()) sync::ended_while_waited_for("mutex", waiters_.front());
}

}  // namespace trine
