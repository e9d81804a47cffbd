#include <trine/detail/channel_core.hpp>

#include <sched.h>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <trine/errors.hpp>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine::detail {

// ---- lines --------------------------------------------------------------------------------------

void channel_line::push_back(channel_wait& w) noexcept {
  w.next = nullptr;
  w.previous = last_;
  w.linked = true;
  (last_ != nullptr ? last_->next : first_) = &w;
  last_ = &w;
}

void channel_line::push_front(channel_wait& w) noexcept {
  w.previous = nullptr;
  w.next = first_;
  w.linked = true;
  (first_ != nullptr ? first_->previous : last_) = &w;
  first_ = &w;
}

void channel_line::erase(channel_wait& w) noexcept {
  (w.previous != nullptr ? w.previous->next : first_) = w.next;
  (w.next != nullptr ? w.next->previous : last_) = w.previous;
  w.linked = false;
}

channel_wait* channel_line::take_all() noexcept {
  last_ = nullptr;
  return std::exchange(first_, nullptr);
}

void channel_wait::serve() noexcept {
  wait::waiter* const waiter = who;
  const bool resumed = parked;
  // release: partner is the acquire in served(); the element and the flags are seen.
  let_go.store(true, std::memory_order_release);
  // One that was not parked may be gone from here on.
  if (resumed) waiter->resume();
}

bool channel_wait::served() noexcept {
  for (unsigned spins = 1; !let_go.load(std::memory_order_acquire); ++spins) {
    base::relax();
    if (spins % 128 == 0) sched_yield();  // who serves may have been preempted on this core
  }
  return done;
}

// ---- storage ------------------------------------------------------------------------------------

namespace {

constexpr std::size_t block_bytes = 4096;

void* get_memory(std::size_t bytes, std::size_t alignment) {
  return ::operator new (bytes, std::align_val_t{alignment});
}
void give_memory(void* memory, std::size_t alignment) noexcept {
  ::operator delete (memory, std::align_val_t{alignment});
}

std::size_t block_alignment(const element_ops& ops) noexcept {
  return ops.alignment > alignof(channel_core::block) ? ops.alignment
                                                      : alignof(channel_core::block);
}
// Where a block's elements begin.
std::size_t block_header(const element_ops& ops) noexcept {
  const std::size_t a = block_alignment(ops);
  return (sizeof(channel_core::block) + a - 1) / a * a;
}

// It says itself how it was aligned: the channel may be gone.
void give_block(channel_core::block* b) noexcept {
  if (b != nullptr) give_memory(b, b->alignment);
}

}  // namespace

channel_core::channel_core(std::size_t capacity, storage how, const element_ops& ops)
    : how_(how), capacity_(capacity), ops_(ops) {
  if (capacity > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / ops.size)
    throw std::length_error("trine: no memory can hold a channel of " + std::to_string(capacity) +
                            " elements; give a smaller capacity");
  if (how == storage::blocks) {
    const std::size_t room = (block_bytes - block_header(ops)) / ops.size;
    slots_ = room > 8 ? room : 8;
  } else if (capacity != 0) {
    slots_ = capacity;
    ring_ = static_cast<std::byte*>(get_memory(capacity * ops.size, ops.alignment));
    head_ = tail_ = ring_;
    head_end_ = tail_end_ = ring_ + capacity * ops.size;
  }
}

channel_core::~channel_core() {
  // A unit that waits would touch it later: better a word now than a crash then.
  TRINE_CHECK(senders_.first() == nullptr && receivers_.first() == nullptr &&
              "a channel is destroyed while units wait on it; close it and join them first");
  section s(*this);
  while (count_ != 0) {
    ops_.drop(head_);
    taken(ops_.size, s);
    give_block(std::exchange(s.garbage, nullptr));
  }
  if (ring_ != nullptr) give_memory(ring_, ops_.alignment);
  give_block(first_);
  give_block(spare_);
}

std::byte* channel_core::begin_of(block* b) const noexcept {
  return reinterpret_cast<std::byte*>(b) + block_header(ops_);
}

channel_core::block* channel_core::make_block() const {
  const std::size_t alignment = block_alignment(ops_);
  void* const memory = get_memory(block_header(ops_) + slots_ * ops_.size, alignment);
  return ::new (memory) block{nullptr, alignment};
}

// As the tail's block, which it has none of.
void channel_core::use(block* b) noexcept {
  b->next = nullptr;
  tail_ = begin_of(b);
  tail_end_ = tail_ + slots_ * ops_.size;
  (last_ != nullptr ? last_->next : first_) = b;
  last_ = b;
  if (head_ == nullptr) {
    head_ = tail_;
    head_end_ = tail_end_;
  }
}

void channel_core::supply(block* b, effects& s) noexcept {
  if (tail_ == nullptr) {
    use(b);
  } else if (spare_ == nullptr) {
    spare_ = b;
  } else {
    s.garbage = b;
  }
}

void channel_core::turn_tail() noexcept {
  if (how_ == storage::ring) {
    tail_ = ring_;
  } else if (spare_ != nullptr) {
    use(std::exchange(spare_, nullptr));
  } else {
    tail_ = tail_end_ = nullptr;
  }
}

void channel_core::turn_head(effects& s) noexcept {
  if (how_ == storage::ring) {
    head_ = ring_;
    return;
  }
  block* const empty = first_;
  first_ = empty->next;
  if (first_ != nullptr) {
    head_ = begin_of(first_);
    head_end_ = head_ + slots_ * ops_.size;
  } else {
    last_ = nullptr;
    head_ = head_end_ = nullptr;
  }
  supply(empty, s);
}

void channel_core::store(void* value) {
  ops_.store(tail_, value);
  stored(ops_.size);
}

// ---- under the lock -----------------------------------------------------------------------------

void channel_core::lock_slow() noexcept {
  for (unsigned spins = 1;; ++spins) {
    base::relax();
    if (word_.load(std::memory_order_relaxed) == 0 &&
        word_.exchange(1, std::memory_order_acquire) == 0)
      return;
    if (spins % 128 == 0) sched_yield();  // the holder may have been preempted on this core
  }
}

void channel_core::effects::finish() noexcept {
  if (served != nullptr) served->serve();
  if (garbage != nullptr) give_block(garbage);
}

channel_wait* channel_core::claim_first(channel_line& line, effects& s) noexcept {
  while (channel_wait* const w = line.first()) {
    line.erase(*w);
    const wait::claimed how = w->who->claim(static_cast<wait::outcome>(w->outcome));
    if (how == wait::claimed::lost) continue;  // a timer, a stop or another case was faster
    w->parked = how == wait::claimed::parked;
    s.served = w;
    return w;
  }
  return nullptr;
}

channel_result channel_core::put(void* value, effects& s) {
  if (closed_) throw trine::closed();
  if (channel_wait* const receiver = claim_first(receivers_, s)) {
    receiver->again = true;
    ops_.deliver(receiver->element, value);
    receiver->again = false;
    receiver->done = true;
    return channel_result::done;
  }
  if (count_ >= capacity_) return channel_result::blocked;
  if (tail_ == nullptr) return channel_result::no_memory;
  store(value);
  return channel_result::done;
}

channel_result channel_core::get(void* optional, effects& s) {
  if (count_ != 0) {
    ops_.take(optional, head_);
    taken(ops_.size, s);
    // Room for the one who has waited longest.
    if (channel_wait* const sender = claim_first(senders_, s)) {
      sender->again = true;
      try {
        if (tail_ != nullptr) {
          store(sender->element);
          sender->again = false;
          sender->done = true;
        }  // else it brings a block
      } catch (...) {
        // It moves the element itself, and gets the exception if there is one.
      }
    }
    return channel_result::done;
  }
  if (channel_wait* const sender = claim_first(senders_, s)) {
    sender->again = true;
    ops_.deliver(optional, sender->element);
    sender->again = false;
    sender->done = true;
    return channel_result::done;
  }
  return closed_ ? channel_result::closed : channel_result::blocked;
}

// ---- calls --------------------------------------------------------------------------------------

// After w has been entered and the lock released. blocked: woken, but the caller must try again.
channel_result channel_core::park(channel_line& line, channel_wait& w, std::int64_t deadline) {
  wait::waiter& who = *w.who;
  const wait::outcome o =
      who.wait({.why = observe::reason::channel, .object = this, .deadline = deadline});
  if (o == wait::outcome::woken) return w.served() ? channel_result::done : channel_result::blocked;
  lock();
  leave(line, w);
  unlock();
  if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
  return channel_result::timed_out;
}

channel_result channel_core::send(void* value, std::int64_t deadline) {
  channel_wait w;
  w.element = value;
  for (;;) {
    std::optional<wait::waiter> who;
    channel_result o;
    {
      section s(*this);
      o = put(value, s);
      if (o == channel_result::blocked) {
        w.who = &who.emplace();
        w.let_go.store(false, std::memory_order_relaxed);
        enter_senders(w);
      }
    }
    if (o == channel_result::blocked) o = park(senders_, w, deadline);
    if (o == channel_result::no_memory) {
      grow();
    } else if (o != channel_result::blocked) {
      return o;
    }
  }
}

channel_result channel_core::receive(void* optional, std::int64_t deadline) {
  channel_wait w;
  w.element = optional;
  for (;;) {
    std::optional<wait::waiter> who;
    channel_result o;
    {
      section s(*this);
      o = get(optional, s);
      if (o == channel_result::blocked) {
        w.who = &who.emplace();
        w.let_go.store(false, std::memory_order_relaxed);
        enter_receivers(w);
      }
    }
    if (o == channel_result::blocked) o = park(receivers_, w, deadline);
    if (o != channel_result::blocked) return o;
  }
}

channel_result channel_core::try_send(void* value) {
  for (;;) {
    channel_result o;
    {
      section s(*this);
      o = put(value, s);
    }
    if (o != channel_result::no_memory) return o;
    grow();
  }
}

channel_result channel_core::try_receive(void* optional) {
  section s(*this);
  return get(optional, s);
}

void channel_core::grow() {
  block* const b = make_block();
  section s(*this);
  supply(b, s);
}

void channel_core::close() noexcept {
  channel_wait* claimed = nullptr;
  {
    section s(*this);
    closed_ = true;
    for (channel_line* line : {&receivers_, &senders_}) {
      for (channel_wait* w = line->take_all(); w != nullptr;) {
        channel_wait* const after = w->next;
        w->linked = false;
        const wait::claimed how = w->who->claim(static_cast<wait::outcome>(w->outcome));
        if (how != wait::claimed::lost) {
          w->parked = how == wait::claimed::parked;
          w->next = claimed;
          claimed = w;
        }
        w = after;
      }
    }
  }
  while (claimed != nullptr) {
    channel_wait* const w = claimed;
    claimed = w->next;
    w->serve();  // not done: it tries again and finds the channel closed
  }
}

bool channel_core::is_closed() noexcept {
  section s(*this);
  return closed_;
}

std::size_t channel_core::count() noexcept {
  section s(*this);
  return count_;
}

}  // namespace trine::detail
