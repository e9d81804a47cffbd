// The fork deque: what its owner does seldom, and what thieves do. The contract is in
// trine/detail/fork_deque.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include <trine/detail/fork_deque.hpp>

namespace trine::atomic {

// Base: a detail::fork_deque. Slow: process_fence(), a full fence in every thread that may be an
// owner; and pause(n), called for the nth time in a row while another holds the lock.
template <class Base, class Slow>
class fork_deque : public Base {
  using base = Base;
  using Job = typename Base::job_type;
  using base::first_;
  using base::head_;
  using base::limit_;
  using base::tail_;

 public:
  using typename base::cell;

  fork_deque() = default;
  fork_deque(const fork_deque&) = delete;
  fork_deque& operator=(const fork_deque&) = delete;

  // Before the owner's first push and any thief's look. False when there is no memory.
  bool prepare(std::size_t capacity, bool fenced) noexcept {
    fenced_ = fenced;
    if (!allocate(capacity)) return false;
    set_first(cells_.get() + 1);
    tail_.store(first(), std::memory_order_relaxed);
    limit_.store(end_, std::memory_order_relaxed);
    return true;
  }

  // ---- the owner ----

  // After arm(), or when it is full: makes room. False when there is no memory for a larger one.
  // True: push again.
  bool make_room() noexcept {
    if (limit_.load(std::memory_order_relaxed) != end_) {
      limit_.store(end_, std::memory_order_relaxed);
      if (tail_.load(std::memory_order_relaxed) != end_) return true;
    }
    lock();
    const bool made = compact_or_grow();
    unlock();
    return made;
  }

  // After pop() has failed. True: the job is the caller's again, nobody has taken it. False: a
  // thief has, or it lies in another worker's deque; it will be run.
  bool pop_slow(Job* job) noexcept {
    cell* const t = tail_.load(std::memory_order_relaxed);
    lock();
    if (first() <= t && t->load(std::memory_order_relaxed) == job) {
      unlock();
      return true;
    }
    // It was another's cell, or none.
    tail_.store(t + 1, std::memory_order_release);
    const bool found = take_out(job);
    unlock();
    return found;
  }

  // ---- whoever ----

  // The next push goes the slow way, most likely: the owner may take it back before.
  void arm() noexcept { limit_.store(nullptr, std::memory_order_relaxed); }

  // Takes the job out, wherever it lies; for one that must not stay. False when it has been taken.
  // When it returns no thief looks at the job any more.
  // For who is not the owner, who may be pushing and popping meanwhile: a pop that is about to find
  // another's job has lowered tail for the moment, so one more cell is looked at; and there the job
  // may also be a remnant of before the cells moved, which the owner may be overwriting.
  bool remove(Job* job) noexcept {
    lock();
    bool found = false;
    cell* const last = tail_.load(std::memory_order_acquire);
    for (cell* c = first(); c <= last && c != end_; ++c) {
      Job* seen = job;
      if (c->compare_exchange_strong(seen, nullptr, std::memory_order_relaxed,
                                     std::memory_order_relaxed))
        found = true;
    }
    unlock();
    return found;
  }

  // Looks at the jobs from the oldest on, while no pop can take them. take(job) says what to do
  // with it: `taken`, it goes to the thief and steal returns; `kept`, it stays and steal returns;
  // `spent`, it leaves the deque, and the next is looked at. False when nothing was taken or kept.
  // `own`: called by the owner itself.
  enum class verdict : unsigned char { taken, kept, spent };
  template <class Take>
  bool steal(bool own, Take take) noexcept {
    if (!base::any()) return false;
    if (own) {
      lock();
    } else if (!try_lock()) {
      return false;  // another thief is at it
    }
    bool found = false;
    for (;;) {
      cell* const h = first();
      if (tail_.load(std::memory_order_relaxed) <= h) break;
      set_first(h + 1);
      // After the store to head, before the load of tail; partner is the barrier in pop. Without
      // it both could miss the other's store, and the job would be run twice.
      if (!own) Slow::process_fence();
      // acquire: partner is the release of push and pop; the cell and its job are seen.
      if (tail_.load(std::memory_order_acquire) <= h) {
        set_first(h);  // the owner was faster, and waits for the lock if it is in doubt
        break;
      }
      Job* const job = h->load(std::memory_order_relaxed);
      if (job == nullptr) continue;  // taken out by remove
      const verdict v = take(job);
      if (v == verdict::spent) continue;
      if (v == verdict::kept) set_first(h);
      found = true;
      break;
    }
    unlock();
    return found;
  }

  // The lock, for what goes on in a job while thieves may be at it.
  void lock() noexcept {
    for (unsigned n = 1; !try_lock(); ++n) Slow::pause(n);
  }
  // release: partner is the acquire in try_lock; what happened under the lock is seen.
  void unlock() noexcept { lock_.store(false, std::memory_order_release); }
  bool fenced() const noexcept { return fenced_; }

 private:
  bool try_lock() noexcept {
    return !lock_.load(std::memory_order_relaxed) &&
           !lock_.exchange(true, std::memory_order_acquire);
  }
  // Under the lock (the owner may also without: nobody else then changes it).
  cell* first() const noexcept { return first_.load(std::memory_order_relaxed); }
  void set_first(cell* to) noexcept {
    first_.store(to, std::memory_order_relaxed);
    head_.store(fenced_ ? never_reached() : to, std::memory_order_relaxed);
  }
  static cell* never_reached() noexcept { return reinterpret_cast<cell*>(~std::uintptr_t{0}); }

  // The owner, under the lock. What was taken out leaves holes; those at the end go at once.
  bool take_out(Job* job) noexcept {
    const bool found = erase(job);
    cell* t = tail_.load(std::memory_order_relaxed);
    while (t > first() && (t - 1)->load(std::memory_order_relaxed) == nullptr) --t;
    if (t == first()) {
      // Empty: begin at the front again, so that cells do not wander off.
      t = cells_.get() + 1;
      set_first(t);
    }
    tail_.store(t, std::memory_order_release);
    return found;
  }
  // The owner, under the lock.
  bool erase(Job* job) noexcept {
    for (cell* c = tail_.load(std::memory_order_relaxed); c-- > first();) {
      if (c->load(std::memory_order_relaxed) == job) {
        c->store(nullptr, std::memory_order_relaxed);
        return true;
      }
    }
    return false;
  }

  bool allocate(std::size_t capacity) noexcept {
    // One cell before the first: pop of an empty deque stands on it.
    cells_.reset(new (std::nothrow) cell[capacity + 1]);
    capacity_ = cells_ != nullptr ? capacity : 0;
    end_ = cells_.get() + 1 + capacity_;
    return cells_ != nullptr;
  }

  bool compact_or_grow() noexcept {
    cell* const from = first();
    cell* const to = tail_.load(std::memory_order_relaxed);
    const auto used = static_cast<std::size_t>(to - from);
    std::unique_ptr<cell[]> old = std::move(cells_);
    const std::size_t old_capacity = capacity_;
    if (used <= old_capacity / 2) {
      cells_ = std::move(old);
    } else if (!allocate(2 * old_capacity)) {
      cells_ = std::move(old);
      capacity_ = old_capacity;
      end_ = cells_.get() + 1 + capacity_;
      limit_.store(end_, std::memory_order_relaxed);
      return false;
    }
    cell* const front = cells_.get() + 1;
    for (std::size_t i = 0; i < used; ++i)
      front[i].store(from[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    set_first(front);
    tail_.store(front + used, std::memory_order_release);
    limit_.store(end_, std::memory_order_relaxed);
    return true;
  }

  typename Base::policy_type::template atomic<bool> lock_{false};
  bool fenced_ = false;
  std::unique_ptr<cell[]> cells_;
  std::size_t capacity_ = 0;
  cell* end_ = nullptr;
};

}  // namespace trine::atomic
