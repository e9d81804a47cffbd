#include "sync/condition.hpp"

#include <optional>

#include "sync/misuse.hpp"
#include "sync/queue.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine {

namespace sync {
namespace {

constexpr std::uint32_t itself = 0, stand_in_for_unit = 1, stand_in_for_task = 2;  // waiter::tag

// Ends the wait of one in the list; false when it has ended otherwise.
bool claim(wait::waiter& w, to_resume& woken, bool all) noexcept {
  if (w.tag == itself) return woken.claim(w);
  auto& met = *static_cast<meeting*>(w.data);
  wait::waiter* there = nullptr;
  // acq_rel: release for what the notifier did before, whose partner is the unit's exchange;
  // acquire for the unit's waiter.
  if (met.compare_exchange_strong(there, all ? all_notified : notified, std::memory_order_acq_rel,
                                  std::memory_order_acquire))
    return true;
  if (!is_waiter(there)) return false;
  // Before the claim, whose release its unit acquires; who was not woken does not look.
  there->data = all ? all_notified : nullptr;
  return woken.claim(*there);
}

}  // namespace

void condition_queue::enqueue(detail::condition& c, wait::waiter& w, bool first) noexcept {
  lock_queue(c.word_, detail::condition::queue);
  if (first) {
    c.waiters_.push_front(w);
  } else {
    c.waiters_.push_back(w);
  }
  // seq_cst: partner is anyone().
  c.word_.store(detail::condition::waiting, std::memory_order_seq_cst);
}

void condition_queue::withdraw(detail::condition& c, wait::waiter& w) noexcept {
  lock_queue(c.word_, detail::condition::queue);
  if (w.linked) c.waiters_.erase(w);
  // release: partner is the acquire of the destructor, or of who takes the queue bit.
  c.word_.store(c.waiters_.empty() ? 0 : detail::condition::waiting, std::memory_order_release);
}

void condition_queue::replace(detail::condition& c, wait::waiter& old,
                              wait::waiter& fresh) noexcept {
  lock_queue(c.word_, detail::condition::queue);
  c.waiters_.erase(old);
  c.waiters_.push_front(fresh);
  c.word_.store(detail::condition::waiting, std::memory_order_release);
}

void condition_queue::notify(detail::condition& c, bool all) noexcept {
  lock_queue(c.word_, detail::condition::queue);
  to_resume woken;
  for (wait::waiter* w = c.waiters_.front(); w != nullptr;) {
    wait::waiter* const after = w->next;
    wait::waiter* const before = w->previous;
    // Out of the list first: a stand-in may be gone as soon as its unit has been told.
    c.waiters_.erase(*w);
    if (!claim(*w, woken, all)) {
      c.waiters_.insert_after(before, *w);
    } else if (!all) {
      break;
    }
    w = after;
  }
  // release: partner is the acquire of who takes the queue bit, or of the destructor. The last
  // touch of the condition variable.
  c.word_.store(c.waiters_.empty() ? 0 : detail::condition::waiting, std::memory_order_release);
  woken.resume();
}

void condition_queue::part(detail::condition& c, wait::waiter& stand_in) noexcept {
  lock_queue(c.word_, detail::condition::queue);
  // relaxed: a notifier comes by the queue bit.
  static_cast<meeting*>(stand_in.data)->store(nullptr, std::memory_order_relaxed);
  c.word_.store(detail::condition::waiting, std::memory_order_release);
}

void condition_queue::notify_this(detail::condition& c, wait::waiter& stand_in) noexcept {
  lock_queue(c.word_, detail::condition::queue);
  to_resume woken;
  if (stand_in.linked) {
    c.waiters_.erase(stand_in);
    if (!claim(stand_in, woken, false)) c.waiters_.push_front(stand_in);  // it takes itself out
  }
  c.word_.store(c.waiters_.empty() ? 0 : detail::condition::waiting, std::memory_order_release);
  woken.resume();
}

void condition_queue::enqueue_task(detail::condition& c, wait::waiter& stand_in,
                                   meeting& met) noexcept {
  stand_in.tag = stand_in_for_task;
  stand_in.data = &met;
  enqueue(c, stand_in);
}

bool condition_queue::meet(meeting& met, wait::waiter& w) noexcept {
  wait::waiter* there = nullptr;
  // acq_rel: release publishes w; acquire: partner is the notifier's swap.
  return met.compare_exchange_strong(there, &w, std::memory_order_acq_rel,
                                     std::memory_order_acquire);
}

void condition_queue::leave_task(detail::condition& c, meeting& met, wait::waiter& w) noexcept {
  wait::waiter* there = &w;
  // acquire: partner is the destructor's swap, after which it does not look at w.
  if (!met.compare_exchange_strong(there, leaving, std::memory_order_acq_rel,
                                   std::memory_order_acquire))
    return;
  // From now on the destructor waits for it. A notifier that has seen w is through after this.
  const std::uint32_t bits = lock_queue(c.word_, detail::condition::queue);
  c.word_.store(bits, std::memory_order_release);
}

}  // namespace sync

namespace detail {

using sync::condition_queue;

void condition::notify(bool all) noexcept { condition_queue::notify(*this, all); }

bool condition::wait(mutex& locked, const limit& bound) {
  std::optional<wait::waiter> place[2];
  wait::waiter* w = &place[0].emplace();
  condition_queue::enqueue(*this, *w);
  locked.unlock();
  wait::outcome o;
  for (int turn = 1;; turn ^= 1) {
    o = w->wait({.why = observe::reason::condition, .object = this, .deadline = bound.at()});
    if (o != wait::outcome::timed_out || !bound.renew()) break;
    wait::waiter& fresh = place[turn].emplace();
    condition_queue::replace(*this, *w, fresh);
    w = &fresh;
  }
  if (o != wait::outcome::woken) condition_queue::withdraw(*this, *w);
  locked.lock();
  if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
  return o != wait::outcome::timed_out;
}

namespace {

// Locks again, however the wait ends. A lock() that throws ends the program.
struct locks_again {
  const any_lock& lock;
  ~locks_again() { lock.reacquire(lock.lock); }
};

// Until the stand-in is notified, or the wait ends otherwise; then it is out of the list.
wait::outcome wait_behind(condition& c, wait::waiter& stand_in, sync::meeting& met,
                          const limit& bound) {
  for (;;) {
    wait::waiter w;
    if (!condition_queue::meet(met, w)) return wait::outcome::woken;
    const wait::outcome o =
        w.wait({.why = observe::reason::condition, .object = &c, .deadline = bound.at()});
    if (o == wait::outcome::woken) return o;
    if (o == wait::outcome::stopped || !bound.renew()) {
      condition_queue::withdraw(c, stand_in);
      return o;
    }
    condition_queue::part(c, stand_in);
  }
}

}  // namespace

bool condition::wait(const any_lock& locked, const limit& bound, const std::stop_token* stop) {
  wait::waiter stand_in;  // nobody waits by it
  sync::meeting met{nullptr};
  stand_in.tag = sync::stand_in_for_unit;
  stand_in.data = &met;
  // Until the callback is gone it may come to this condition variable, though it be notified.
  if (stop != nullptr) leaving_.fetch_add(1, std::memory_order_relaxed);
  condition_queue::enqueue(*this, stand_in);
  wait::outcome o;
  {
    const locks_again after{locked};
    {
      auto notify = [&] { condition_queue::notify_this(*this, stand_in); };
      // In the list first, then a look whether it has been requested.
      std::optional<std::stop_callback<decltype(notify)>> callback;
      if (stop != nullptr) callback.emplace(*stop, notify);
      locked.release(locked.lock);
      o = wait_behind(*this, stand_in, met, bound);
    }
    // release: partner is the acquire of the destructor. The last touch.
    if (stop != nullptr) leaving_.fetch_sub(1, std::memory_order_release);
  }
  if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
  return o != wait::outcome::timed_out;
}

void condition::end() noexcept {
  for (unsigned looks = 1;; ++looks) {
    // Those in the list cannot leave it, so they exist.
    sync::lock_queue(word_, queue);
    bool waited_for = false;
    for (wait::waiter* w = waiters_.front(); w != nullptr;) {
      wait::waiter* const after = w->next;
      auto* const met = w->tag == sync::itself ? nullptr : static_cast<sync::meeting*>(w->data);
      wait::waiter* real = met == nullptr ? w : met->load(std::memory_order_acquire);
      if (real == nullptr || (sync::is_waiter(real) && real->current() <= wait::outcome::parked)) {
        waited_for = true;
      } else if (w->tag == sync::stand_in_for_task && sync::is_waiter(real)) {
        // It may be of this home, and never leave while we wait for it. Out of the list first: it
        // may be gone as soon as it has been told. acq_rel: release for our look at it, whose
        // partner is in leave_task().
        wait::waiter* const before = w->previous;
        waiters_.erase(*w);
        if (!met->compare_exchange_strong(real, sync::passed_over, std::memory_order_acq_rel,
                                          std::memory_order_relaxed))
          waiters_.insert_after(before, *w);
      }
      w = after;
    }
    const bool nobody = waiters_.empty();
    word_.store(nobody ? 0 : waiting, std::memory_order_release);
    // acquire: as in the destructor.
    if (nobody && leaving_.load(std::memory_order_acquire) == 0) return;
    if (waited_for) {
      if (sync_checks) sync::ended_while_waited_for("condition variable", nullptr);
      return;
    }
    // They may be coroutines of this home.
    if (wait::scheduler* const sched = wait::self().sched; sched != nullptr) {
      sched->yield();
    } else {
      sync::be_patient(looks);
    }
  }
}

}  // namespace detail
}  // namespace trine
