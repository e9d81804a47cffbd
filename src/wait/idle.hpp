// How threads of the runtime itself sleep (workers without work, spare threads). Units never do:
// they wait through a waiter.
#pragma once

#include <atomic>
#include <cstdint>

namespace trine::wait {

// Sleeps while the word holds `expected`, until woken or the deadline. May return early.
void sleep_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
              std::int64_t deadline) noexcept;
void wake_sleeper(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace trine::wait
