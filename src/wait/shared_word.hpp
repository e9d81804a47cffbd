// Waiting on a word in memory that other processes see too.
//
//   std::uint32_t seen = word.load();
//   while (not what I want(seen)) {
//     const wait::outcome o = wait::wait_on_shared(word, seen, {.deadline = d});
//     if (o is not woken) break;                // timed_out or stopped
//     seen = word.load();
//   }
//
// A thread sleeps on the word itself. A coroutine parks, and one thread of this process, the
// listener, sleeps for all coroutines on all their words at once (futex_waitv), and wakes those
// whose word has changed. Where the kernel lacks futex_waitv (before Linux 5.16) both look again
// every millisecond.
//
// A process can be killed between taking a wake and acting on it, and the wake dies with it. So
// nobody sleeps longer than `longest_sleep` without looking: then, too, the wait ends as woken.
#pragma once

#include <atomic>
#include <cstdint>

#include "wait/waiter.hpp"

namespace trine::wait {

inline constexpr std::int64_t longest_sleep_ns = 100'000'000;

// Parks the caller while the word holds `expected`. `woken` says: look again; it may be for
// nothing. The memory of the word must stay until it returns.
outcome wait_on_shared(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       wait_for what) noexcept;

// Wakes at most `count` waiters of all processes. A listener counts as one, and wakes all
// coroutines of its process that wait on this word. A system call: call it when someone waits.
void wake_shared(const std::atomic<std::uint32_t>& word, int count) noexcept;

}  // namespace trine::wait
