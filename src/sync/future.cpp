#include "sync/future.hpp"

#include <memory>
#include <utility>

#include <trine/condition_variable.hpp>

#include "sync/queue.hpp"
#include "wait/stop.hpp"
#include "wait/unit_exit.hpp"
#include "wait/waiter.hpp"

namespace trine {

namespace sync {

bool future_queue::enqueue(detail::future_state& s, wait::waiter& w, bool first) noexcept {
  using state = detail::future_state;
  std::uint32_t seen = s.word_.load(std::memory_order_acquire);
  for (unsigned looks = 1;;) {
    // acquire, here and where it is read again: as in is_ready(), or for the list.
    if ((seen & state::ready) != 0) return false;
    if ((seen & state::queue) != 0) {
      be_patient(looks++);
      seen = s.word_.load(std::memory_order_acquire);
    } else if (s.word_.compare_exchange_weak(seen, seen | state::queue,
                                             std::memory_order_acquire)) {
      break;
    }
  }
  if (first) {
    s.waiters_.push_front(w);
  } else {
    s.waiters_.push_back(w);
  }
  s.word_.store(state::waiting, std::memory_order_release);
  return true;
}

void future_queue::withdraw(detail::future_state& s, wait::waiter& w) noexcept {
  using state = detail::future_state;
  std::uint32_t seen = s.word_.load(std::memory_order_acquire);
  for (unsigned looks = 1;;) {
    // acquire: when it is ready, whoever made it so is done with w.
    if ((seen & state::ready) != 0) return;
    if ((seen & state::queue) != 0) {
      be_patient(looks++);
      seen = s.word_.load(std::memory_order_acquire);
    } else if (s.word_.compare_exchange_weak(seen, seen | state::queue,
                                             std::memory_order_acquire)) {
      break;
    }
  }
  if (w.linked) s.waiters_.erase(w);
  s.word_.store(s.waiters_.empty() ? 0 : state::waiting, std::memory_order_release);
}

}  // namespace sync

namespace detail {

void throw_future_error(std::future_errc code) { throw std::future_error(code); }

bool future_state::wait_slow(const limit& bound, bool stoppable) {
  for (bool again = false;; again = true) {
    wait::waiter w;
    if (!sync::future_queue::enqueue(*this, w, again)) return true;
    const wait::outcome o = w.wait({.why = observe::reason::join,
                                    .object = this,
                                    .deadline = bound.at(),
                                    .stoppable = stoppable});
    if (o == wait::outcome::woken) return true;
    sync::future_queue::withdraw(*this, w);
    if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
    if (!bound.renew()) return is_ready();
  }
}

void future_state::wait_to_the_end() noexcept {
  if (!is_ready()) wait_slow(limit(), false);
}

void future_state::publish() noexcept {
  std::uint32_t alone = 0;
  // release: partner is the acquire in is_ready() and enqueue().
  if (word_.compare_exchange_strong(alone, ready, std::memory_order_release,
                                    std::memory_order_relaxed))
    return;
  sync::lock_queue(word_, queue);
  sync::to_resume woken;
  while (wait::waiter* const w = waiters_.pop_front()) woken.claim(*w);
  // release: as above. The last touch of the state.
  word_.store(ready, std::memory_order_release);
  woken.resume();
}

void future_state::publish_at_exit() {
  struct at_exit : wait::exit_call {
    future_state* state;
  };
  auto entry = std::make_unique<at_exit>();
  entry->state = this;
  entry->call = [](wait::exit_call* self) noexcept {
    const std::unique_ptr<at_exit> mine(static_cast<at_exit*>(self));
    mine->state->publish();
    mine->state->release();
  };
  wait::at_unit_exit(*entry);
  [[maybe_unused]] auto* const kept = entry.release();
  retain();
}

void future_state::abandon() noexcept {
  if (satisfied_.exchange(true, std::memory_order_acq_rel)) return;
  fail(std::make_exception_ptr(std::future_error(std::future_errc::broken_promise)));
  publish();
}

}  // namespace detail

void notify_all_at_thread_exit(condition_variable& condition, std::unique_lock<mutex> lock) {
  struct at_exit : wait::exit_call {
    condition_variable* condition;
    std::unique_lock<mutex> lock;
  };
  auto entry = std::make_unique<at_exit>();
  entry->condition = &condition;
  entry->lock = std::move(lock);
  entry->call = [](wait::exit_call* self) noexcept {
    const std::unique_ptr<at_exit> mine(static_cast<at_exit*>(self));
    mine->lock.unlock();
    mine->condition->notify_all();
  };
  wait::at_unit_exit(*entry);
  [[maybe_unused]] auto* const kept = entry.release();
}

}  // namespace trine
