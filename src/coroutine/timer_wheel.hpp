// Timers of one worker: a hierarchical timing wheel (Varghese & Lauck 1987), 64 slots a level, one
// tick 1,024 ns. Insert and cancel are O(1) and allocate nothing: a timer is a node on the stack of
// who waits. A timer never fires early; it fires at most one tick after the poll that sees it due.
//
// A level-k slot spans 64^k ticks. A timer lies at the highest level whose digit differs between
// now and its due tick; when time reaches that slot its timers are laid again, at lower levels.
//
// One owner; no thread safety.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace trine::coroutines {

struct timer {
  std::int64_t deadline = base::never;  // CLOCK_MONOTONIC ns
  timer* next = nullptr;
  timer** link = nullptr;  // what points to this one; null when it is in no slot
  bool armed() const noexcept { return link != nullptr; }
};

class timer_wheel {
 public:
  bool empty() const noexcept { return count_ == 0; }

  // `now` may be a little stale; it only helps an empty wheel to catch up.
  void insert(timer& t, std::int64_t now) noexcept {
    if (count_ == 0 && (static_cast<std::uint64_t>(now) >> tick_bits) > now_) {
      now_ = static_cast<std::uint64_t>(now) >> tick_bits;
      for (std::uint64_t& bits : occupied_) bits = 0;
    }
    ++count_;
    lay(t);
  }

  void cancel(timer& t) noexcept {
    if (!t.armed()) return;
    unlink(t);
    --count_;
  }

  // Takes out every timer due at `now` and calls fire(timer&); fire may insert and cancel.
  template <class Fire>
  void advance(std::int64_t now, Fire&& fire) {
    const std::uint64_t target = static_cast<std::uint64_t>(now) >> tick_bits;
    while (count_ != 0) {
      unsigned level;
      std::uint64_t when;
      if (!next_slot(level, when) || when > target) break;
      if (when > now_) now_ = when;
      const unsigned index = static_cast<unsigned>(when >> (level * level_bits)) % slots;
      timer* t = take_slot(level, index);
      while (t != nullptr) {
        detach_first(t, t->next);
        if (due_tick(*t) <= now_) {
          --count_;
          fire(*t);
        } else {
          lay(*t);
        }
        t = after_in_hand_;
      }
    }
    if (target > now_) now_ = target;
  }

  // When advance() next has something to do, CLOCK_MONOTONIC ns; base::never when empty. May be
  // earlier than the first deadline (a slot to lay again), never later than its tick.
  std::int64_t next() const noexcept {
    unsigned level;
    std::uint64_t when;
    if (count_ == 0 || !next_slot(level, when)) return base::never;
    return static_cast<std::int64_t>(when << tick_bits);
  }

 private:
  static constexpr unsigned tick_bits = 10;
  static constexpr unsigned level_bits = 6;
  static constexpr unsigned slots = 64;
  static constexpr unsigned levels = 9;  // 54 bits of ticks: all of int64 nanoseconds

  // Rounded up: never early.
  static std::uint64_t due_tick(const timer& t) noexcept {
    if (t.deadline <= 0) return 0;
    return (static_cast<std::uint64_t>(t.deadline) + (1U << tick_bits) - 1) >> tick_bits;
  }

  void lay(timer& t) noexcept {
    std::uint64_t due = due_tick(t);
    if (due < now_) due = now_;
    const std::uint64_t differ = due ^ now_;
    unsigned level =
        differ == 0 ? 0 : (63U - static_cast<unsigned>(__builtin_clzll(differ))) / level_bits;
    if (level >= levels) level = levels - 1;
    const unsigned index = static_cast<unsigned>(due >> (level * level_bits)) % slots;
    timer*& head = heads_[level][index];
    t.next = head;
    t.link = &head;
    if (head != nullptr) head->link = &t.next;
    head = &t;
    occupied_[level] |= std::uint64_t{1} << index;
  }

  void unlink(timer& t) noexcept {
    *t.link = t.next;
    if (t.next != nullptr) t.next->link = t.link;
    // The occupied bit of an emptied slot may stay set: next_slot's reader finds it empty and goes
    // on.
    t.link = nullptr;
    t.next = nullptr;
  }

  timer* take_slot(unsigned level, unsigned index) noexcept {
    timer* const first = heads_[level][index];
    heads_[level][index] = nullptr;
    occupied_[level] &= ~(std::uint64_t{1} << index);
    after_in_hand_ = first;
    if (first != nullptr) first->link = &after_in_hand_;
    return first;
  }

  // The rest of a taken slot hangs on after_in_hand_, so that fire() may cancel any of it.
  void detach_first(timer* t, timer* after) noexcept {
    after_in_hand_ = after;
    if (after != nullptr) after->link = &after_in_hand_;
    t->link = nullptr;
    t->next = nullptr;
  }

  // The earliest occupied slot and the tick at which it begins. A lower level is always earlier.
  bool next_slot(unsigned& level, std::uint64_t& when) const noexcept {
    for (level = 0; level < levels; ++level) {
      if (occupied_[level] == 0) continue;
      const unsigned shift = level * level_bits;
      const unsigned here = static_cast<unsigned>(now_ >> shift) % slots;
      // Slots of this level lie between the present digit and the end of its circle.
      const std::uint64_t ahead = occupied_[level] >> here;
      if (ahead == 0) continue;  // cannot be: laid by the differing digit
      const unsigned index = here + static_cast<unsigned>(__builtin_ctzll(ahead));
      const std::uint64_t above =
          level + 1 == levels ? 0 : (now_ >> (shift + level_bits)) << (shift + level_bits);
      when = above | (static_cast<std::uint64_t>(index) << shift);
      return true;
    }
    return false;
  }

  timer* heads_[levels][slots] = {};
  std::uint64_t occupied_[levels] = {};
  std::uint64_t now_ = 0;  // tick up to which all is done
  std::uint64_t count_ = 0;
  timer* after_in_hand_ = nullptr;
};

}  // namespace trine::coroutines
