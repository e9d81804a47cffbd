#include "sync/shared_mutex.hpp"

#include "sync/misuse.hpp"
#include "wait/waiter.hpp"

namespace trine {

namespace sync {
namespace {

constexpr std::uint32_t wants_to_write = 0, wants_to_read = 1;  // waiter::tag

}  // namespace

bool shared_mutex_queue::enqueue(shared_mutex& m, wait::waiter& w, bool shared,
                                 bool first) noexcept {
  const std::uint32_t bits = lock_queue(m.word_, shared_mutex::queue);
  const bool free =
      shared ? (bits & (shared_mutex::locked | shared_mutex::waiting)) == 0 : bits == 0;
  if (free) {
    // release: keeps the list in order for the next who takes the queue bit.
    m.word_.store(bits + (shared ? shared_mutex::reader : shared_mutex::locked),
                  std::memory_order_release);
    return false;
  }
  w.tag = shared ? wants_to_read : wants_to_write;
  if (first) {
    m.waiters_.push_front(w);
  } else {
    m.waiters_.push_back(w);
  }
  m.word_.store(bits | shared_mutex::waiting, std::memory_order_release);
  return true;
}

void shared_mutex_queue::withdraw(shared_mutex& m, wait::waiter& w) noexcept {
  const std::uint32_t bits = lock_queue(m.word_, shared_mutex::queue);
  if (w.linked) m.waiters_.erase(w);
  let_in(m, bits);
}

void shared_mutex_queue::let_in(shared_mutex& m, std::uint32_t bits) noexcept {
  to_resume woken;
  bits &= ~shared_mutex::waiting;
  while (wait::waiter* const w = m.waiters_.front()) {
    const bool reads = w->tag == wants_to_read;
    if (reads ? (bits & shared_mutex::locked) != 0 : bits != 0) break;
    m.waiters_.erase(*w);
    if (woken.claim(*w)) bits += reads ? shared_mutex::reader : shared_mutex::locked;
  }
  if (!m.waiters_.empty()) bits |= shared_mutex::waiting;
  // release: partner is the acquire of the next owner. The last touch of the mutex.
  m.word_.store(bits, std::memory_order_release);
  woken.resume();
}

}  // namespace sync

void shared_mutex::lock_slow() { lock_until(detail::limit(), false); }
void shared_mutex::lock_shared_slow() { lock_until(detail::limit(), true); }

bool shared_mutex::lock_until(const detail::limit& bound, bool shared) {
  sync::refuse_relock(owner_, sync::relocked);
  for (bool again = false;; again = true) {
    wait::waiter w;
    if (!sync::shared_mutex_queue::enqueue(*this, w, shared, again)) break;
    const wait::outcome o = w.wait({.why = observe::reason::mutex,
                                    .object = this,
                                    .deadline = bound.at(),
                                    .stoppable = false});
    if (o == wait::outcome::woken) break;
    sync::shared_mutex_queue::withdraw(*this, w);
    if (!bound.renew()) return false;
  }
  if (!shared) owner_.set();
  return true;
}

void shared_mutex::unlock_slow() noexcept {
  const std::uint32_t bits = sync::lock_queue(word_, queue);
  if ((bits & locked) == 0 && detail::sync_checks)
    sync::misused("unlocked a shared mutex that no writer holds");
  sync::shared_mutex_queue::let_in(*this, bits & ~locked);
}

void shared_mutex::unlock_shared_slow() noexcept {
  const std::uint32_t bits = sync::lock_queue(word_, queue);
  if (bits < reader && detail::sync_checks)
    sync::misused("unlocked a shared mutex, as a reader, that no reader holds");
  sync::shared_mutex_queue::let_in(*this, bits < reader ? bits : bits - reader);
}

void shared_mutex::check_owner() const noexcept { sync::check_owner(owner_, "shared mutex"); }
void shared_mutex::check_end() const noexcept {
  if (!waiters_.empty()) sync::ended_while_waited_for("shared mutex", waiters_.front());
}

}  // namespace trine
