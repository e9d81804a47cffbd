// The kernel's wait queues. Only wait/ parks units with them; os/ uses them for its own lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace trine::os {

enum class futex_scope : std::uint8_t { this_process, shared };

// Sleeps while the word holds `expected`, until a wake or the deadline (CLOCK_MONOTONIC ns,
// base::never for none). Returns false when the deadline has passed; true says nothing: look at
// the word again. EINTR and EAGAIN are such a look.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::int64_t deadline, futex_scope scope = futex_scope::this_process) noexcept;

// The same on two words at once, the second in shared memory. Needs futex_waitv (Linux 5.16).
bool futex_wait_two(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                    const std::atomic<std::uint32_t>& shared, std::uint32_t shared_expected,
                    std::int64_t deadline) noexcept;
bool has_futex_waitv() noexcept;

// The same on up to most_futex_words words.
struct futex_word {
  const std::atomic<std::uint32_t>* word = nullptr;
  std::uint32_t expected = 0;
  futex_scope scope = futex_scope::this_process;
};
inline constexpr std::size_t most_futex_words = 128;
bool futex_wait_any(std::span<const futex_word> words, std::int64_t deadline) noexcept;

// Wakes at most `count` sleepers. The memory behind the address need not exist any more.
void futex_wake(const std::atomic<std::uint32_t>* word, int count,
                futex_scope scope = futex_scope::this_process) noexcept;

}  // namespace trine::os
