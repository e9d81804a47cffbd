// States of the word of a once_flag, by its bits:
//
//   running  queue  waiting  done
//      0       0       0      0     nobody has tried, or who did has thrown
//      1       0       0      0     an attempt is made
//      1       0       1      0     the same, and others wait
//      x       1       x      0     someone works on the list
//      0       0       0      1     for good
//
// When an attempt throws while others wait, the running bit stays and the attempt is passed on to
// the first of them (data). When one succeeds all are woken.
#include <trine/once.hpp>

#include "sync/misuse.hpp"
#include "sync/queue.hpp"
#include "wait/waiter.hpp"

namespace trine {
namespace {

char next_attempt;  // its address marks a waiter that is to make it

}  // namespace

bool once_flag::begin() {
  sync::refuse_relock(owner_,
                      "calls call_once for a flag from within the function that this flag guards, "
                      "and would wait for itself; call that function without the flag");
  std::uint32_t seen = word_.load(std::memory_order_acquire);
  for (unsigned looks = 1;;) {
    // acquire: partner is the release in end(), for what f wrote, or for the list.
    if (seen == done) return false;
    if ((seen & queue) != 0) {
      sync::be_patient(looks++);
      seen = word_.load(std::memory_order_acquire);
    } else if (seen == 0) {
      if (word_.compare_exchange_weak(seen, running, std::memory_order_acquire)) {
        owner_.set();
        return true;
      }
    } else if (word_.compare_exchange_weak(seen, seen | queue, std::memory_order_acquire)) {
      break;
    }
  }
  wait::waiter w;
  waiters_.push_back(w);
  word_.store(running | waiting, std::memory_order_release);
  w.wait({.why = observe::reason::other, .object = this, .stoppable = false});
  if (w.data != &next_attempt) return false;
  owner_.set();
  return true;
}

void once_flag::end(bool succeeded) noexcept {
  owner_.clear();
  std::uint32_t alone = running;
  // release: partner is the acquire in call_once and begin().
  if (word_.compare_exchange_strong(alone, succeeded ? done : 0, std::memory_order_release,
                                    std::memory_order_relaxed))
    return;
  sync::lock_queue(word_, queue);
  sync::to_resume woken;
  std::uint32_t after = done;
  if (succeeded) {
    while (wait::waiter* const w = waiters_.pop_front()) woken.claim(*w);
  } else if (wait::waiter* const w = waiters_.pop_front()) {
    w->data = &next_attempt;
    woken.claim(*w);
    after = running | (waiters_.empty() ? 0 : waiting);
  } else {
    after = 0;
  }
  // release: as above. The last touch of the flag.
  word_.store(after, std::memory_order_release);
  woken.resume();
}

}  // namespace trine
