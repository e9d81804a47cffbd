// The part of a channel that does not depend on the type of its elements. No promises to users.
//
// States, all guarded by the lock (a word; sections are some instructions and one move of T):
//
//   senders wait   the buffer is full (or its capacity is 0), nobody waits to receive
//   receivers wait the buffer is empty, nobody waits to send
//   neither        0 … capacity elements
//   closed         as "neither": what is in the buffer can be received, nobody waits
//
// One operation is: take the lock, put() or get(); if that cannot be done, enter() a channel_wait
// in the line, release the lock, park; when the park ended otherwise than by a waker, leave() the
// line under the lock. put() and get() serve who waits on the other side: they claim its waiter
// first, so that no timer or stop request can end its wait any more, and then move the element
// straight to (or from) where it stands. So an element has been delivered, or it is still where it
// was. If its move throws, the claimed one is told `again` and goes back to the front of the line.
//
// Who has been served may destroy the channel at once. Therefore it is let go after the lock has
// been released: by resume(), or, when its claim found it armed (a thread about to park, which may
// run on at any time), by `let_go`, for which it looks before it leaves its frame.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace trine::wait {
class waiter;
}

namespace trine::detail {

// How to move elements between the caller's T, a slot of the buffer, and a receiver's optional<T>.
// All but `drop` may throw what T's move throws; nothing has changed then.
struct element_ops {
  std::size_t size;
  std::size_t alignment;
  void (*store)(void* slot, void* value);
  void (*take)(void* optional, void* slot);  // ends the slot's element
  void (*deliver)(void* optional, void* value);
  void (*drop)(void* slot) noexcept;
};

enum class channel_result : std::uint8_t {
  done,
  blocked,    // full (put) or empty (get)
  no_memory,  // put: a block is needed; supply() one and try again
  closed,     // get: and drained
  timed_out
};

// One wait on one side of one channel, on the stack (or in the frame) of who waits. A select has
// one for each of its cases, all with the same waiter.
struct channel_wait {
  wait::waiter* who = nullptr;
  void* element = nullptr;    // sender: the T; receiver: the optional<T>
  std::uint32_t outcome = 2;  // what the waiter is claimed with: woken, or which case
  bool linked = false;
  // Written by the claimer.
  bool parked = false;  // its claim found it so
  bool done = false;    // the element has been moved
  bool again = false;   // its move threw: try again, from the front of the line
  std::atomic<bool> let_go{false};
  channel_wait* next = nullptr;
  channel_wait* previous = nullptr;

  // The claimer's last touch, without the lock.
  void serve() noexcept;
  // By who waits, after its waiter was claimed with `outcome`; whether the element was moved.
  bool served() noexcept;
};

class channel_line {
 public:
  channel_wait* first() const noexcept { return first_; }
  void push_back(channel_wait& w) noexcept;
  void push_front(channel_wait& w) noexcept;
  void erase(channel_wait& w) noexcept;
  channel_wait* take_all() noexcept;

 private:
  channel_wait* first_ = nullptr;
  channel_wait* last_ = nullptr;
};

class channel_core {
 public:
  enum class storage : std::uint8_t { ring, blocks };
  struct block {
    block* next;
    std::size_t alignment;
  };

  // Throws std::length_error for a capacity no memory can hold, std::bad_alloc.
  channel_core(std::size_t capacity, storage how, const element_ops& ops);
  channel_core(const channel_core&) = delete;
  channel_core& operator=(const channel_core&) = delete;
  // Nobody may be waiting.
  ~channel_core();

  // ---- the lock --------------------------------------------------------------------------------
  void lock() noexcept {
    // acquire: partner is the release in unlock; all of the channel is seen as it was left.
    if (word_.exchange(1, std::memory_order_acquire) != 0) [[unlikely]]
      lock_slow();
  }
  // Nothing of the channel may be touched after: who receives the element may end it.
  void unlock() noexcept { word_.store(0, std::memory_order_release); }

  // What a section leaves to be done after the lock is released: who has been served is let go, an
  // empty block freed. Touches no channel.
  struct effects {
    channel_wait* served = nullptr;  // claimed
    block* garbage = nullptr;

    void happen() noexcept {
      if (served != nullptr || garbage != nullptr) [[unlikely]]
        finish();
    }

   private:
    void finish() noexcept;
  };

  // A section under the lock.
  class section : public effects {
   public:
    explicit section(channel_core& c) noexcept : core_(c) { c.lock(); }
    ~section() {
      core_.unlock();
      happen();
    }
    section(const section&) = delete;
    section& operator=(const section&) = delete;

   private:
    channel_core& core_;
  };

  // ---- under the lock --------------------------------------------------------------------------
  // One element, if it can be done at once. put() throws `closed`. Both throw what T's move throws;
  // the element is where it was then.
  channel_result put(void* value, effects& s);
  channel_result get(void* optional, effects& s);
  void enter_senders(channel_wait& w) noexcept { enter(senders_, w); }
  void enter_receivers(channel_wait& w) noexcept { enter(receivers_, w); }
  // Takes it out if it is in; after that no waker touches it.
  void leave_senders(channel_wait& w) noexcept { leave(senders_, w); }
  void leave_receivers(channel_wait& w) noexcept { leave(receivers_, w); }
  // Whether put() or get() would not block; a waiter whose wait has ended otherwise may still be in
  // the line, so that put() and get() may block all the same.
  bool may_put() const noexcept {
    return closed_ || receivers_.first() != nullptr || count_ < capacity_;
  }
  bool may_get() const noexcept { return count_ != 0 || senders_.first() != nullptr || closed_; }
  // Takes the block, or leaves it as garbage.
  void supply(block* b, effects& s) noexcept;

  // What the typed channel does itself: an element into or out of the buffer while nobody waits.
  bool can_store() const noexcept {
    return receivers_.first() == nullptr && count_ < capacity_ && tail_ != nullptr && !closed_;
  }
  void* tail() const noexcept { return tail_; }
  void stored(std::size_t size) noexcept {
    ++count_;
    tail_ += size;
    if (tail_ == tail_end_) [[unlikely]]
      turn_tail();
  }
  bool can_take() const noexcept { return count_ != 0 && senders_.first() == nullptr; }
  void* head() const noexcept { return head_; }
  void taken(std::size_t size, effects& s) noexcept {
    --count_;
    head_ += size;
    if (head_ == head_end_) [[unlikely]]
      turn_head(s);
  }

  // ---- without the lock ------------------------------------------------------------------------
  // After put() said no_memory. Throws std::bad_alloc.
  void grow();
  // Blocking calls: park until done, closed (receive) or the deadline. send throws `closed`. Both
  // throw `cancelled`, or timed_out at the unit's deadline, and what T's move throws.
  channel_result send(void* value, std::int64_t deadline);
  channel_result receive(void* optional, std::int64_t deadline);
  channel_result try_send(void* value);
  channel_result try_receive(void* optional);
  void close() noexcept;
  bool is_closed() noexcept;
  std::size_t count() noexcept;
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  void lock_slow() noexcept;
  void enter(channel_line& line, channel_wait& w) noexcept {
    w.again ? line.push_front(w) : line.push_back(w);
    w.again = false;
  }
  static void leave(channel_line& line, channel_wait& w) noexcept {
    if (w.linked) line.erase(w);
  }
  // The first of the line that still waits, claimed and out of the line; null: nobody.
  static channel_wait* claim_first(channel_line& line, effects& s) noexcept;
  void store(void* value);
  block* make_block() const;
  void turn_tail() noexcept;
  void turn_head(effects& s) noexcept;
  channel_result park(channel_line& line, channel_wait& w, std::int64_t deadline);

  void use(block* b) noexcept;
  std::byte* begin_of(block* b) const noexcept;

  std::atomic<std::uint32_t> word_{0};
  bool closed_ = false;
  const storage how_;
  std::size_t count_ = 0;
  const std::size_t capacity_;
  // The next element to take, the next slot to fill, and the ends of what they lie in. A ring turns
  // to its begin; null where the next block is missing.
  std::byte* head_ = nullptr;
  std::byte* head_end_ = nullptr;
  std::byte* tail_ = nullptr;
  std::byte* tail_end_ = nullptr;
  channel_line receivers_;
  channel_line senders_;
  const element_ops& ops_;
  std::byte* ring_ = nullptr;
  block* first_ = nullptr;  // head's block; linked up to last_, tail's
  block* last_ = nullptr;
  block* spare_ = nullptr;
  std::size_t slots_ = 0;  // of the ring, or of each block
};

}  // namespace trine::detail
