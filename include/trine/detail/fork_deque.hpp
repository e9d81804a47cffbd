// The fork deque of a worker: the part its owner runs at every fork and join. No promises to users.
//
// The THE protocol of Cilk-5 (Frigo, Leiserson and Randall 1998): the owner pushes and pops at the
// tail, thieves take at the head, one at a time under the lock. A job lies in the cells
// [head, tail) from its push until it is popped, or until a thief has moved the head past it.
//
//   owner                                       thief, holding the lock
//     pop:  tail = t              (store)         head = h + 1              (store)
//           compiler barrier                      process_fence
//           head > t ? conflict   (load)          tail < h + 1 ? conflict   (load)
//
// Of an owner and a thief who want the same cell at least one sees the other's store. The owner
// pays no fence for it: process_fence makes every thread of the process execute one. A thief that
// sees the conflict steps back; an owner that sees it takes the lock and looks again. So the owner
// takes the lock only when a thief is at its last job, or has taken it.
//
// Who may touch what: tail and the cells are written by the owner alone (but for remove); head and
// first by who holds the lock; limit, a hint, by the owner, and by arm, which anyone may call. The
// owner replaces or moves the cells (growing) under the lock. What a thief reads of a cell is
// stable: once head is past it the owner cannot pop it without the lock.
//
// Where the kernel refuses membarrier the deque is `fenced`: the head that the owner compares with
// is beyond every cell, so each pop takes the lock. The owner's code is the same.
//
// A popped cell may hold another job than the caller's: a coroutine that parked may come back to a
// deque on which others have pushed, or to another worker's. Then pop fails, and pop_slow
// (src/atomic/fork_deque.hpp) looks further.
#pragma once

#include <atomic>

namespace trine::detail {

// The atomics policy of the runtime; tests explore the same code with another.
struct fork_atomics {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using hint = std::atomic<T>;  // accesses are relaxed and may be lost
  static void compiler_barrier() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
};

struct nothing_else {};

// With: what else the owner needs at hand, in the cache line of its tail.
template <class Job, class Policy, class With = nothing_else>
class fork_deque {
 public:
  using job_type = Job;
  using policy_type = Policy;
  using cell = typename Policy::template atomic<Job*>;

  // Owner. False: push_slow must be called instead.
  bool push(Job* job) noexcept {
    cell* const t = tail_.load(std::memory_order_relaxed);
    if (t >= limit_.load(std::memory_order_relaxed)) return false;
    t->store(job, std::memory_order_relaxed);
    // release: partner is the acquire of tail in steal; the thief sees the cell and the job.
    tail_.store(t + 1, std::memory_order_release);
    return true;
  }

  // Owner, after a push on some deque. True: the job was the newest here and nobody has taken it.
  // False: pop_slow must be called next, and nothing else before it.
  bool pop(Job* job) noexcept {
    cell* const t = tail_.load(std::memory_order_relaxed) - 1;
    // release: the thief that reads this value of tail must see the jobs below it, as from push.
    tail_.store(t, std::memory_order_release);
    Policy::compiler_barrier();  // partner: process_fence in steal
    // relaxed: that a thief has taken a cell is all that is learnt here, and its work is joined
    // through the job.
    return head_.load(std::memory_order_relaxed) <= t && t->load(std::memory_order_relaxed) == job;
  }

  // Anyone; a glance. With a fenced deque it is a guess.
  bool any() const noexcept {
    return first_.load(std::memory_order_relaxed) < tail_.load(std::memory_order_relaxed);
  }

  With here{};

 protected:
  template <class T>
  using atomic = typename Policy::template atomic<T>;

  atomic<cell*> tail_{nullptr};
  // From where on a push must go the slow way.
  typename Policy::template hint<cell*> limit_{nullptr};
  // What the owner compares with: first_, or beyond every cell when fenced.
  alignas(64) atomic<cell*> head_{nullptr};
  atomic<cell*> first_{nullptr};
};

}  // namespace trine::detail
