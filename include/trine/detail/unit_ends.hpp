// What a unit does at its end: destroys its unit_locals, runs its on_exit functions. No promises to
// users.
//
// A list of the unit's own, newest first: core::ends, or the thread's own for plain threads. Only
// the unit touches it.
#pragma once

#include <atomic>
#include <cstdint>

namespace trine::detail {

struct core;

struct unit_end {
  explicit unit_end(void (*its_end)(unit_end*)) noexcept : end(its_end) {}
  unit_end(const unit_end&) = delete;
  unit_end& operator=(const unit_end&) = delete;

  unit_end* next = nullptr;
  std::uint64_t key = 0;   // of a unit_local; 0: a function
  void (*end)(unit_end*);  // does it and frees the node; may throw
};

// A unit_local's key, given on first use; never used twice.
std::uint64_t key_of(std::atomic<std::uint64_t>& key) noexcept;
// The calling unit's entry with that key, or null.
unit_end* find_end(std::uint64_t key) noexcept;
// Takes the node over.
void add_end(unit_end& e, std::uint64_t key) noexcept;
// On the unit, when its body has ended: all, newest first, with those added meanwhile. The first
// exception becomes the unit's error if it has none; further ones are dropped.
void run_ends(core& c) noexcept;

}  // namespace trine::detail
