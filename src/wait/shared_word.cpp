#include "wait/shared_word.hpp"

#include <pthread.h>
#include <algorithm>
#include <climits>

#include "base/clock.hpp"
#include "os/block_signals.hpp"
#include "os/futex.hpp"
#include "os/lock.hpp"

namespace trine::wait {
namespace {

constexpr std::int64_t poll_ns = 1'000'000;

using word_type = std::atomic<std::uint32_t>;

// A coroutine that waits; on its stack.
struct entry {
  const word_type& word;
  std::uint32_t expected;
  waiter& who;
  entry* next = nullptr;
  entry* previous = nullptr;
  bool linked = false;
};

// The thread that sleeps for the coroutines. Started by the first that waits.
class listener {
 public:
  // False when there is no thread to be had.
  bool add(entry& e) noexcept;
  // After it returns nobody touches the entry.
  void remove(entry& e) noexcept;

 private:
  bool start() noexcept;
  void run() noexcept;
  void unlink(entry& e) noexcept;

  os::lock lock_;
  // guarded by lock_
  entry* first_ = nullptr;
  entry* last_ = nullptr;
  bool started_ = false;

  word_type changes_{0};  // counts the additions
};

listener& the_listener() noexcept {
  static auto* const one = new listener;  // its thread may outlive static destructors
  return *one;
}

bool listener::start() noexcept {
  const auto body = [](void* self) -> void* {
    pthread_setname_np(pthread_self(), "trine-listener");
    static_cast<listener*>(self)->run();
    return nullptr;
  };
  const os::block_signals no_signals;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, body, this) != 0) return false;
  pthread_detach(thread);
  return true;
}

bool listener::add(entry& e) noexcept {
  {
    const os::hold guard(lock_);
    if (!started_) started_ = start();
    if (!started_) return false;
    e.previous = last_;
    (last_ != nullptr ? last_->next : first_) = &e;
    last_ = &e;
    e.linked = true;
    // Under the lock, so that the listener, which reads it under the lock, has the entry or sees
    // the change when it goes to sleep.
    changes_.fetch_add(1, std::memory_order_relaxed);
  }
  os::futex_wake(&changes_, 1);
  return true;
}

void listener::unlink(entry& e) noexcept {
  (e.previous != nullptr ? e.previous->next : first_) = e.next;
  (e.next != nullptr ? e.next->previous : last_) = e.previous;
  e.linked = false;
}

void listener::remove(entry& e) noexcept {
  const os::hold guard(lock_);
  if (e.linked) unlink(e);
}

void listener::run() noexcept {
  const bool by_kernel = os::has_futex_waitv();
  for (;;) {
    os::futex_word words[os::most_futex_words];
    std::size_t count = 1;
    bool more = false;
    waiter* parked = nullptr;
    {
      const os::hold guard(lock_);
      words[0] = {&changes_, changes_.load(std::memory_order_relaxed),
                  os::futex_scope::this_process};
      for (entry* e = first_; e != nullptr;) {
        entry* const after = e->next;
        // acquire: what the other process wrote before it changed the word is seen.
        if (e->word.load(std::memory_order_acquire) != e->expected) {
          unlink(*e);
          // Claimed under the lock: whoever gave up takes it before its frame goes.
          if (e->who.claim(outcome::woken) == claimed::parked) {
            e->who.next = parked;
            parked = &e->who;
          }
        } else if (count < os::most_futex_words) {
          const auto known = [&](const os::futex_word& w) {
            return w.word == &e->word && w.expected == e->expected;
          };
          if (std::none_of(words + 1, words + count, known))
            words[count++] = {&e->word, e->expected, os::futex_scope::shared};
        } else {
          more = true;
        }
        e = after;
      }
    }
    while (parked != nullptr) {
      waiter* const w = parked;
      parked = w->next;
      w->resume();
    }
    if (count == 1)
      os::futex_wait(changes_, words[0].expected, base::never);
    else if (by_kernel)
      // More words than one call takes: the rest are looked at every millisecond.
      os::futex_wait_any({words, count}, more ? base::now_ns() + poll_ns : base::never);
    else
      os::futex_wait(changes_, words[0].expected, base::now_ns() + poll_ns);
  }
}

outcome wait_thread(const word_type& word, std::uint32_t expected, wait_for what,
                    std::int64_t look_at) noexcept {
  waiter w;
  what.deadline = std::min(what.deadline, look_at);
  if (os::has_futex_waitv()) {
    what.second = {&word, expected};
  } else {
    what.deadline = std::min(what.deadline, base::now_ns() + poll_ns);
  }
  return w.wait(what);
}

outcome wait_coroutine(const word_type& word, std::uint32_t expected, wait_for what,
                       std::int64_t look_at) noexcept {
  waiter w;
  entry e{word, expected, w};
  const bool heard = the_listener().add(e);
  what.deadline = std::min(what.deadline, heard ? look_at : base::now_ns() + poll_ns);
  const outcome o = w.wait(what);
  the_listener().remove(e);
  return o;
}

}  // namespace

outcome wait_on_shared(const word_type& word, std::uint32_t expected, wait_for what) noexcept {
  if (word.load(std::memory_order_acquire) != expected) return outcome::woken;
  const std::int64_t deadline = what.deadline;
  const std::int64_t look_at = base::now_ns() + longest_sleep_ns;
  const outcome o = self().sched == nullptr ? wait_thread(word, expected, what, look_at)
                                            : wait_coroutine(word, expected, what, look_at);
  if (o == outcome::stopped) return o;
  if (o == outcome::timed_out && deadline != base::never && base::now_ns() >= deadline) return o;
  return outcome::woken;
}

void wake_shared(const word_type& word, int count) noexcept {
  os::futex_wake(&word, count, os::futex_scope::shared);
}

}  // namespace trine::wait
