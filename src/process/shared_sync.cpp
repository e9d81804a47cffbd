// robust_mutex and shared_semaphore: the protocols over their shared words.
//
// The mutex's word, low half: the holder's pid; `inconsistent`, a holder died and what it guards
// may be half done; `lost`, a holder gave up on that. A lock is taken and given by one swap of the
// whole word, so at every instant the word names who holds it:
//
//   free ──lock──▶ held(P) ──unlock──▶ free
//                    │ P is dead (a waiter looks when it has slept)
//                    ▼
//                  free, inconsistent ──lock──▶ held(Q), inconsistent ──consistent──▶ held(Q)
//                                                        └─unlock──▶ lost, for ever
//
// A waiter counts itself before it looks at the word for the last time, and unlock looks at the
// count after it has changed the word (both sequentially consistent: weaker, both could miss). A
// count that a killed waiter left too high costs a system call for each unlock.
#include <bit>
#include <climits>

#include <trine/detail/shared_state.hpp>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "process/process_identity.hpp"
#include "wait/shared_word.hpp"
#include "wait/stop.hpp"

namespace trine::detail {
namespace {

using process_layer::process_identity;

constexpr std::uint64_t inconsistent = 1ULL << 31;
constexpr std::uint64_t lost = 1ULL << 30;
constexpr std::uint64_t pid_bits = lost - 1;
constexpr int looks = 100;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

std::uint64_t mine() noexcept {
  const process_identity me = process_layer::this_process();
  return static_cast<std::uint64_t>(me.started) << 32 | me.pid;
}

process_identity holder(std::uint64_t word) noexcept {
  return {static_cast<std::uint32_t>(word & pid_bits), static_cast<std::uint32_t>(word >> 32)};
}

// What the kernel sleeps on: this machine is little-endian, as every Linux it runs on.
const std::atomic<std::uint32_t>& low_half(const robust_state& s) noexcept {
  static_assert(std::endian::native == std::endian::little);
  // By its number: the release build's warnings see through a cast of the pointer.
  const auto address = reinterpret_cast<std::uintptr_t>(&s.word);
  return *reinterpret_cast<const std::atomic<std::uint32_t>*>(address);
}

std::uint64_t this_unit_id() noexcept {
  const wait::execution& me = wait::self();
  // A forked unit has its id from its slot.
  return me.unit != nullptr && me.unit->id != 0 ? me.unit->id : observe::id_of(wait::self_slot());
}

class counted {
 public:
  explicit counted(std::atomic<std::uint32_t>& n) noexcept : n_(n) {
    n_.fetch_add(1, std::memory_order_seq_cst);
  }
  ~counted() { n_.fetch_sub(1, std::memory_order_relaxed); }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

 private:
  std::atomic<std::uint32_t>& n_;
};

}  // namespace

robust_outcome lock_robust(robust_state& s, std::int64_t deadline) noexcept {
  const std::uint64_t me = mine();
  std::int64_t ask_at = 0;
  for (int look = 0;; ++look) {
    std::uint64_t seen = s.word.load(std::memory_order_seq_cst);
    if ((seen & lost) != 0) return robust_outcome::not_recoverable;
    if ((seen & pid_bits) == 0) {
      const std::uint64_t dirty = seen & inconsistent;
      // acquire: partner is the release in unlock; what the last holder wrote is seen.
      if (!s.word.compare_exchange_weak(seen, me | dirty, std::memory_order_acquire,
                                        std::memory_order_relaxed))
        continue;
      s.unit.store(this_unit_id(), std::memory_order_relaxed);
      return dirty != 0 ? robust_outcome::owner_died : robust_outcome::locked;
    }
    const bool own = (seen & ~inconsistent) == me;
    if (own && s.unit.load(std::memory_order_relaxed) == this_unit_id())
      return robust_outcome::mine;
    // Asking the system is dear: before the first sleep, and then now and then.
    const bool last_look = look >= looks || deadline == do_not_wait;
    if (!own && last_look && base::now_ns() >= ask_at) {
      if (!process_layer::is_alive(holder(seen))) {
        // Whoever is first says so for all.
        s.word.compare_exchange_strong(seen, inconsistent, std::memory_order_seq_cst);
        continue;
      }
      ask_at = base::now_ns() + wait::longest_sleep_ns / 2;
    }
    if (deadline == do_not_wait) return robust_outcome::timed_out;
    if (look < looks && base::several_cpus()) {
      base::relax();
      continue;
    }
    const counted waiter(s.waiters);
    const wait::outcome o = wait::wait_on_shared(
        low_half(s), static_cast<std::uint32_t>(seen),
        {.why = observe::reason::mutex, .object = &s, .deadline = deadline, .stoppable = false});
    if (o == wait::outcome::timed_out) {
      // A wake that was meant for us must not be lost.
      wait::wake_shared(low_half(s), 1);
      return robust_outcome::timed_out;
    }
  }
}

bool unlock_robust(robust_state& s) noexcept {
  std::uint64_t seen = s.word.load(std::memory_order_relaxed);
  if ((seen & ~inconsistent) != mine()) return false;
  s.unit.store(0, std::memory_order_relaxed);
  const bool given_up = (seen & inconsistent) != 0;
  s.word.store(given_up ? lost : 0, std::memory_order_seq_cst);
  if (s.waiters.load(std::memory_order_seq_cst) != 0)
    wait::wake_shared(low_half(s), given_up ? INT_MAX : 1);
  return true;
}

bool holds_robust(const robust_state& s) noexcept {
  return (s.word.load(std::memory_order_relaxed) & ~inconsistent) == mine() &&
         s.unit.load(std::memory_order_relaxed) == this_unit_id();
}

bool make_consistent(robust_state& s) noexcept {
  const std::uint64_t seen = s.word.load(std::memory_order_relaxed);
  if ((seen & ~inconsistent) != mine()) return false;
  // Waiters sleep on the low half, which changes: they look again, and sleep again.
  s.word.store(seen & ~inconsistent, std::memory_order_relaxed);
  return true;
}

bool is_inconsistent(const robust_state& s) noexcept {
  return (s.word.load(std::memory_order_relaxed) & inconsistent) != 0;
}

bool acquire_shared(semaphore_state& s, std::int64_t deadline) {
  if (deadline != do_not_wait) wait::check_stop();
  for (int look = 0;; ++look) {
    std::uint32_t seen = s.count.load(std::memory_order_seq_cst);
    while (seen != 0) {
      // acquire: partner is the release in release_shared.
      if (s.count.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire,
                                        std::memory_order_relaxed))
        return true;
    }
    if (deadline == do_not_wait) return false;
    if (look < looks && base::several_cpus()) {
      base::relax();
      continue;
    }
    const counted waiter(s.waiters);
    const wait::outcome o = wait::wait_on_shared(
        s.count, 0, {.why = observe::reason::semaphore, .object = &s, .deadline = deadline});
    if (o == wait::outcome::woken) continue;
    wait::wake_shared(s.count, 1);  // as above
    if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
    return false;
  }
}

bool release_shared(semaphore_state& s, std::uint32_t n) noexcept {
  constexpr std::uint32_t most = std::numeric_limits<std::int32_t>::max();
  std::uint32_t seen = s.count.load(std::memory_order_relaxed);
  do {
    if (n > most - seen) return false;
  } while (!s.count.compare_exchange_weak(seen, seen + n, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
  if (s.waiters.load(std::memory_order_seq_cst) != 0)
    wait::wake_shared(s.count, static_cast<int>(n));
  return true;
}

}  // namespace trine::detail
