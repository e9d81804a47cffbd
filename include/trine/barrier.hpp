// barrier: units meet, again and again; when all have arrived a function runs and all go on.
//
//   trine::barrier step(3, []() noexcept { swap_buffers(); });
//   … each of three units: while (…) { compute(); step.arrive_and_wait(); }
//
// The members are those of std::barrier. The function runs on the unit that arrives last, before
// the others go on; it may park, and must not throw. Waiting parks only the calling unit, is never
// interrupted by a stop request and allocates nothing; all are woken together, in the order in
// which they came. arrive() is one atomic operation unless it completes the phase. The barrier may
// be destroyed by any unit that knows the last phase to be over, even if the arrival that completed
// it has not returned. A phase has at most max() arrivals. Debug builds of the library end the
// program with a sentence that names the unit when more arrive than are expected, or a barrier ends
// while others wait for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <trine/detail/owner.hpp>
#include <trine/detail/waiter_list.hpp>

namespace trine {

namespace sync {
struct barrier_queue;
}

namespace detail {

// The barrier without its function.
class phases {
 public:
  static constexpr std::ptrdiff_t most = (std::ptrdiff_t{1} << 40) - 1;

  constexpr explicit phases(std::ptrdiff_t expected) noexcept
      : word_(static_cast<std::uint64_t>(expected) * one), expected_(expected) {
    if (!__builtin_is_constant_evaluated() && sync_checks) check_count(expected);
  }
  ~phases() {
    if (sync_checks) check_end();
  }
  phases(const phases&) = delete;
  phases& operator=(const phases&) = delete;

  // True: it was the last, and complete() must follow. `phase`: that which the arrival belongs to.
  bool arrive(std::ptrdiff_t n, std::uint64_t& phase) noexcept;
  void complete() noexcept;
  void drop() noexcept;
  void wait(std::uint64_t phase) const;

 private:
  friend struct trine::sync::barrier_queue;

  // The word: phase, count, and two bits. Its states are in src/sync/barrier.hpp.
  static constexpr std::uint64_t queue = 1;
  static constexpr std::uint64_t waiting = 2;
  static constexpr std::uint64_t one = 4;
  static constexpr std::uint64_t next_phase = std::uint64_t{1} << 42;
  static constexpr std::uint64_t count_mask = next_phase - one;
  static constexpr std::uint64_t phase_mask = ~(next_phase - 1);

  void check_count(std::ptrdiff_t n) const noexcept;
  void check_end() const noexcept;

  mutable std::atomic<std::uint64_t> word_;
  std::atomic<std::ptrdiff_t> expected_;  // of the next phases
  mutable waiter_list waiters_;
};

struct no_completion {
  void operator()() noexcept {}
};

}  // namespace detail

template <class CompletionFunction = detail::no_completion>
class barrier {
  static_assert(std::is_invocable_v<CompletionFunction&>,
                "trine: the completion function of a barrier is called without arguments");

 public:
  // What arrive() returns and wait() takes.
  class arrival_token {
   public:
    arrival_token(arrival_token&&) noexcept = default;
    arrival_token& operator=(arrival_token&&) noexcept = default;
    ~arrival_token() = default;

   private:
    friend class barrier;
    friend struct detail::wait_access;
    explicit arrival_token(std::uint64_t phase) noexcept : phase_(phase) {}
    std::uint64_t phase_;
  };

  static constexpr std::ptrdiff_t max() noexcept { return detail::phases::most; }

  // 0 ≤ expected ≤ max().
  constexpr explicit barrier(std::ptrdiff_t expected,
                             CompletionFunction completion = CompletionFunction())
      : phases_(expected), completion_(std::move(completion)) {}
  ~barrier() = default;
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;

  // Counts n arrivals, 0 < n ≤ those that are missing; the last completes the phase. Does not wait.
  [[nodiscard]] arrival_token arrive(std::ptrdiff_t n = 1) {
    std::uint64_t phase;
    count(n, phase);
    return arrival_token(phase);
  }
  // Parks the calling unit until the phase of the token is complete. The token is of the present
  // phase or the one before.
  void wait(arrival_token&& token) const { phases_.wait(token.phase_); }
  void arrive_and_wait() {
    std::uint64_t phase;
    // Not after the phase is complete: the barrier may be gone.
    if (!count(1, phase)) phases_.wait(phase);
  }
  // Arrives, and is expected no more from the next phase on.
  void arrive_and_drop() {
    phases_.drop();
    std::uint64_t phase;
    count(1, phase);
  }

 private:
  friend struct detail::wait_access;

  bool count(std::ptrdiff_t n, std::uint64_t& phase) {
    if (!phases_.arrive(n, phase)) return false;
    [this]() noexcept { completion_(); }();
    phases_.complete();
    return true;
  }

  detail::phases phases_;
  [[no_unique_address]] CompletionFunction completion_;
};

}  // namespace trine
