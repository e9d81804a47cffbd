// A ring of messages from one producer to one consumer, in memory that two processes may share.
//
// Contract. Producer and consumer each keep their own position privately and publish it in
// ring_words; neither trusts what the other published: positions and sizes are checked against the
// ring before use, and a ring that fails a check is broken for good. A message lies in one piece:
// where the rest of the ring is too short, a filler takes it up. Bytes between head and tail belong
// to the consumer, the others to the producer.
//
// Sleeping. The consumer announces how it wants to be woken (`sleeper`, any value but 0), looks at
// the ring once more, and sleeps. The producer publishes, then looks at the announcement. Both
// sides are sequentially consistent, so one of the two sees the other:
//
//   consumer: sleeper = how;  tail still what I saw?  → sleep on tail
//   producer: tail = new;     sleeper != 0?           → wake it
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "atomic/policy.hpp"

namespace trine::atomic {

// The part of a ring that both see; zeros at the start. One cache line for each writer's word.
template <class Policy = std_policy>
struct ring_words {
  alignas(64) typename Policy::template atomic<std::uint32_t> tail{0};     // producer's
  alignas(64) typename Policy::template atomic<std::uint32_t> head{0};     // consumer's
  alignas(64) typename Policy::template atomic<std::uint32_t> sleeper{0};  // consumer's
};

namespace ring_frame {
inline constexpr std::uint32_t header = 8;  // u32 size, u32 zero
inline constexpr std::uint32_t filler = 0xffffffff;
constexpr std::uint32_t length(std::uint32_t size) noexcept { return header + ((size + 7) & ~7U); }
}  // namespace ring_frame

template <class Policy = std_policy>
class ring_producer {
 public:
  ring_producer() noexcept = default;
  // `capacity`: a power of two. Both sides begin at the position 0.
  ring_producer(ring_words<Policy>& words, std::byte* bytes, std::uint32_t capacity) noexcept
      : words_(&words), bytes_(bytes), capacity_(capacity) {}

  // Room for a message of `size` bytes, at most half the ring; null while the ring is too full.
  std::byte* reserve(std::uint32_t size) noexcept {
    const std::uint32_t need = ring_frame::length(size);
    const std::uint32_t at = tail_ & (capacity_ - 1);
    const std::uint32_t skip = capacity_ - at < need ? capacity_ - at : 0;
    if (need + skip > room() && need + skip > refresh()) return nullptr;
    if (skip != 0) write_u32(at, ring_frame::filler);
    reserved_ = tail_ + skip + need;
    const std::uint32_t start = (tail_ + skip) & (capacity_ - 1);
    write_u32(start, size);
    return bytes_ + start + ring_frame::header;
  }

  // Publishes what was reserved. Returns how the consumer wants to be woken, 0 when it is awake.
  std::uint32_t publish() noexcept {
    return publish([] {});
  }
  // The same; calls before() when the producer's own state has been written and the message not yet
  // been published. For producers that take turns: before() hands the turn on.
  template <class Before>
  std::uint32_t publish(Before before) noexcept {
    const std::uint32_t tail = tail_ = reserved_;
    before();
    // seq_cst: release for the consumer's acquire of tail, which must see the message's bytes; and
    // ordered before the load of sleeper, see above: weaker, the consumer could sleep for ever.
    words_->tail.store(tail, std::memory_order_seq_cst);
    return words_->sleeper.load(std::memory_order_seq_cst);
  }

  // The consumer published a position it cannot have.
  bool broken() const noexcept { return broken_; }

 private:
  std::uint32_t room() const noexcept { return capacity_ - (tail_ - head_); }
  std::uint32_t refresh() noexcept {
    // acquire: partner is the release in pop(); the consumer has read what we will overwrite.
    const std::uint32_t head = words_->head.load(std::memory_order_acquire);
    if (tail_ - head > capacity_ || head % 8 != 0) {
      broken_ = true;
      return 0;
    }
    head_ = head;
    return room();
  }
  void write_u32(std::uint32_t at, std::uint32_t value) noexcept {
    std::memcpy(bytes_ + at, &value, sizeof value);
  }

  ring_words<Policy>* words_ = nullptr;
  std::byte* bytes_ = nullptr;
  std::uint32_t capacity_ = 0;
  std::uint32_t tail_ = 0, reserved_ = 0;
  std::uint32_t head_ = 0;  // as last seen
  bool broken_ = false;
};

enum class ring_poll : std::uint8_t { empty, message, broken };

template <class Policy = std_policy>
class ring_consumer {
 public:
  ring_consumer() noexcept = default;
  ring_consumer(ring_words<Policy>& words, const std::byte* bytes, std::uint32_t capacity) noexcept
      : words_(&words), bytes_(bytes), capacity_(capacity) {}

  // The oldest message, in place, until pop(). What is in it may still be changed by a hostile
  // producer: copy it before you look at it.
  ring_poll poll(std::span<const std::byte>& message) noexcept {
    for (;;) {
      // acquire: partner is the store in publish().
      const std::uint32_t tail = words_->tail.load(std::memory_order_acquire);
      const std::uint32_t filled = tail - head_;
      if (filled == 0) return ring_poll::empty;
      const std::uint32_t at = head_ & (capacity_ - 1);
      if (filled > capacity_ || filled < ring_frame::header || tail % 8 != 0)
        return ring_poll::broken;
      std::uint32_t size;
      std::memcpy(&size, bytes_ + at, sizeof size);
      if (size == ring_frame::filler) {
        if (at == 0 || capacity_ - at > filled) return ring_poll::broken;
        advance(capacity_ - at);
        continue;
      }
      if (size > capacity_ || ring_frame::length(size) > filled ||
          ring_frame::length(size) > capacity_ - at)
        return ring_poll::broken;
      message = {bytes_ + at + ring_frame::header, size};
      length_ = ring_frame::length(size);
      return ring_poll::message;
    }
  }
  // Gives the polled message's room back.
  void pop() noexcept { advance(length_); }

  // Says how to be woken. False when something has come meanwhile: do not sleep.
  bool announce(std::uint32_t how) noexcept { return announce(how, head_); }
  // The same for one who was told the position and may not look at the consumer's own.
  bool announce(std::uint32_t how, std::uint32_t position) noexcept {
    // seq_cst on both: partner is publish(), see above.
    words_->sleeper.store(how, std::memory_order_seq_cst);
    return words_->tail.load(std::memory_order_seq_cst) == position;
  }
  // relaxed: a producer that still sees the old value wakes one time too many.
  void awake() noexcept { words_->sleeper.store(0, std::memory_order_relaxed); }

  bool empty() const noexcept { return words_->tail.load(std::memory_order_acquire) == head_; }
  // What to sleep on, and the value it has while the ring is empty.
  const typename Policy::template atomic<std::uint32_t>& word() const noexcept {
    return words_->tail;
  }
  std::uint32_t position() const noexcept { return head_; }

 private:
  void advance(std::uint32_t by) noexcept {
    head_ += by;
    // release: partner is the acquire in refresh(); our reads of the message come before.
    words_->head.store(head_, std::memory_order_release);
  }

  ring_words<Policy>* words_ = nullptr;
  const std::byte* bytes_ = nullptr;
  std::uint32_t capacity_ = 0;
  std::uint32_t head_ = 0, length_ = 0;
};

}  // namespace trine::atomic
