// The primitives by their own sources (see runtime_source.hpp): mutex, shared_mutex,
// condition_variable, semaphore, latch and once_flag among three virtual threads. The states of
// each protocol are in a table in src/sync/. Seeded bugs: expect_orders_needed weakens every memory
// order of a file by a step and tears every compare-and-swap apart, one at a time.
#include <gtest/gtest.h>

#include "explore/check.hpp"
#include "explore/runtime_source.hpp"

namespace {

using explore::require;
namespace detail = explored::detail;
namespace wait = explored::wait;

constexpr detail::core_ops no_ops{};
// Three threads. Three preemptions and two late accesses where that is quick, else two and one.
constexpr explore::bounds three{};
constexpr explore::bounds two{.preemptions = 2, .late = 1};
constexpr explore::bounds newest{.preemptions = 2, .late = 0};
constexpr explore::bounds one{.preemptions = 1, .late = 1};

// In storage that outlives it, so that a use after its end is found and is no crash.
template <class T>
class kept {
 public:
  template <class... A>
  explicit kept(A... a) : it_(::new (memory_) T(a...)) {}
  T* operator->() { return it_; }
  T& operator*() { return *it_; }
  void end() { it_->~T(); }

 private:
  alignas(T) std::byte memory_[sizeof(T)];
  T* it_;
};

explored::detail::limit soon() { return explored::detail::limit(std::chrono::hours(1)); }

// ---- mutex ----

// Two lock, one tries for a time; the last of all who were inside ends it.
struct timed_mutex_model {
  kept<explored::timed_mutex> m;
  explore::cell<int> count;
  int left = 3;
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(nullptr);
    if (t == 2) {
      const bool mine = m->try_lock_for(std::chrono::hours(1));
      if (!mine) m->lock();
    } else {
      m->lock();
    }
    count.set(count.get() + 1);
    const bool last = --left == 0;
    m->unlock();
    if (last) m.end();
  }
  void after() { require(count.get() == 3, "no two were inside"); }
};

TEST(mutex, timed_and_ended_by_the_last) {
  explore::expect_sound<timed_mutex_model>("timed_mutex", 30'000, two);
}

// ---- shared_mutex ----

template <bool Timed>
struct shared_model {
  kept<explored::shared_timed_mutex> m;
  explore::cell<int> value;
  explore::atomic<int> left{3};
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(nullptr);
    if (t == 0) {
      if (!Timed || !m->try_lock_for(std::chrono::hours(1))) m->lock();
      value.set(value.get() + 1);
      m->unlock();
    } else {
      m->lock_shared();
      const int seen = value.get();
      require(seen == 0 || seen == 1, "what a writer leaves");
      m->unlock_shared();
    }
  }
  void after() {
    require(value.get() == 1, "the writer was inside");
    require(m->try_lock(), "free in the end");
  }
};

TEST(shared_mutex, readers_beside_readers_and_never_a_writer) {
  explore::expect_sound<shared_model<false>>("shared_mutex", 650'000, three);
  explore::expect_sound<shared_model<true>>("shared_mutex_timed", 50'000, two);
  explore::expect_orders_needed<shared_model<false>>("shared_mutex", "shared_mutex", 10, two);
}

// A reader leaves; the writer that waited ends the mutex.
struct shared_end {
  kept<explored::shared_timed_mutex> m;
  int inside = 0;
  explore::atomic<int> read{0};
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(nullptr);
    if (t == 0) {
      while (read.load() != 2) explore::relax();
      m->lock();
      m->unlock();
      m.end();
    } else {
      m->lock_shared();
      read.fetch_add(1);
      m->unlock_shared();
    }
  }
  void after() {}
};

TEST(shared_mutex, ended_by_the_writer_after_the_readers) {
  explore::expect_sound<shared_end>("shared_mutex_end", 280'000, three);
}

// ---- condition_variable ----

// One waits, by a wait that may end by time; two notify, the second ends the condition variable.
template <bool Any>
struct condition_model {
  explored::mutex m;
  kept<detail::condition> changed;
  explore::cell<bool> go;
  bool first_done = false;
  static constexpr unsigned threads = 3;

  bool wait(const detail::limit& bound) {
    if (Any) return changed->wait(detail::any_lock::of(m), bound);
    return changed->wait(m, bound);
  }
  void thread(unsigned t) {
    explore::become(nullptr);
    m.lock();
    if (t < 2) {
      while (!go.get()) {
        if (t == 0 || !wait(soon())) {
          if (go.get()) break;
          wait(detail::limit());
        }
      }
      m.unlock();
    } else {
      go.set(true);
      changed->notify_all();
      m.unlock();
      changed.end();
    }
  }
  void after() {}
};

TEST(condition_variable, no_notification_is_lost_and_the_notifier_may_end_it) {
  explore::expect_sound<condition_model<false>>("condition", 650'000, two);
  explore::expect_sound<condition_model<true>>("condition_any", 750'000, two);
}

// Two wait, one of them stoppable and asked to stop; one notification must end one wait by itself.
struct condition_one {
  explored::mutex m;
  detail::condition changed;
  detail::core unit{&no_ops};
  int waiting = 0, woken = 0, stopped = 0;
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(t == 0 ? &unit : nullptr);
    if (t == 2) {
      wait::request_stop(unit, wait::stop_requested);
      for (bool there = false; !there; explore::relax()) {
        m.lock();
        there = waiting + stopped + woken == 2;
        if (there) changed.notify_one();
        m.unlock();
      }
      return;
    }
    m.lock();
    ++waiting;
    try {
      changed.wait(m, detail::limit());
      ++woken;
    } catch (const explored::cancelled&) {
      ++stopped;
    }
    --waiting;
    if (t == 0 && stopped == 0) changed.notify_one();  // passes it on, so that all end
    m.unlock();
  }
  void after() { require(woken + stopped == 2 && stopped <= 1, "each wait has ended once"); }
};

TEST(condition_variable, a_stop_takes_no_notification_with_it) {
  explore::expect_sound<condition_one>("condition_stop", 25'000, newest);
}

TEST(condition_variable, orders_are_needed) {
  explore::expect_orders_needed<condition_model<false>>("condition", "condition", 2, one);
  explore::expect_orders_needed<condition_model<true>>("condition_any", "condition", 5, one);
}

// ---- semaphore ----

// One token goes through three hands; one of them gives up once, perhaps.
struct semaphore_model {
  detail::semaphore s{1};
  explore::cell<int> count;
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(nullptr);
    if (t == 2) {
      if (!s.take() && !s.wait(soon())) return;
    } else if (!s.take()) {
      s.wait(detail::limit());
    }
    count.set(count.get() + 1);
    s.give(1, 1);
  }
  void after() {
    require(count.get() >= 2, "all but the impatient had it");
    require(s.take() && !s.take(), "one token in the end");
  }
};

// Two give what one takes twice; then it ends the semaphore.
struct semaphore_end {
  kept<detail::semaphore> s{0};
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(nullptr);
    if (t != 0) return s->give(1, 2);
    for (int i = 0; i < 2; ++i)
      if (!s->take()) s->wait(detail::limit());
    s.end();
  }
  void after() {}
};

// A stop request against a token.
struct semaphore_stop {
  detail::semaphore s{0};
  detail::core unit{&no_ops};
  bool had = false;
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(t == 0 ? &unit : nullptr);
    if (t == 1) return s.give(1, 1);
    if (t == 2) return wait::request_stop(unit, wait::stop_requested);
    try {
      if (!s.take()) s.wait(detail::limit());
      had = true;
    } catch (const explored::cancelled&) {
    }
  }
  void after() { require(s.take() != had, "the token is either taken or still there"); }
};

TEST(semaphore, tokens_are_neither_lost_nor_made) {
  explore::expect_sound<semaphore_model>("semaphore", 55'000, two);
  explore::expect_sound<semaphore_end>("semaphore_end", 40'000, two);
  explore::expect_sound<semaphore_stop>("semaphore_stop", 35'000, two);
}

TEST(semaphore, orders_are_needed) {
  explore::expect_orders_needed<semaphore_model>("semaphore", "semaphore", 14, two);
  explore::expect_orders_needed<semaphore_end>("semaphore_end", "semaphore", 9, two);
}

// ---- latch ----

struct latch_model {
  kept<explored::latch> l{std::ptrdiff_t{2}};
  explore::cell<int> a, b;
  static constexpr unsigned threads = 3;
  void thread(unsigned t) {
    explore::become(nullptr);
    if (t != 0) {
      (t == 1 ? a : b).set(1);
      return l->count_down();
    }
    l->wait();
    require(a.get() + b.get() == 2, "what was done before is seen");
    l.end();
  }
  void after() {}
};

TEST(latch, opens_for_all_and_may_end) {
  explore::expect_sound<latch_model>("latch", 130'000, three);
  explore::expect_orders_needed<latch_model>("latch", "latch", 8, two);
}

// ---- once_flag ----

struct once_model {
  explored::once_flag flag;
  explore::cell<int> made;
  int attempts = 0;
  static constexpr unsigned threads = 3;
  void thread(unsigned) {
    explore::become(nullptr);
    try {
      explored::call_once(flag, [this] {
        if (attempts++ == 0) throw 1;
        made.set(made.get() + 1);
      });
      require(made.get() == 1, "it has been done");
    } catch (int) {
    }
  }
  void after() { require(attempts == 2 && made.get() == 1, "once, after one failure"); }
};

TEST(once_flag, one_attempt_succeeds) {
  explore::expect_sound<once_model>("once", 28'000, two);
  explore::expect_orders_needed<once_model>("once", "once", 7, two);
}

}  // namespace
