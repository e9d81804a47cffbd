// robust_mutex and shared_semaphore: locks for units of different processes.
//
//   trine::shared_array<account> book(100);
//   trine::robust_mutex lock;
//   void transfer(trine::shared_array<account> b, trine::robust_mutex m, int from, int to, long
//   sum) {
//     if (m.lock() == std::errc::owner_dead) {      // the last holder was killed inside
//       repair(b);
//       m.consistent();
//     }
//     b[from].money -= sum, b[to].money += sum;
//     m.unlock();
//   }
//   trine::spawn(trine::process, transfer, book, lock, 3, 7, 100L);
//
// Both are handles, as shared_array is: copies are the same lock, and they cross to any unit as
// arguments and results. They work among units of one process as well, but trine::mutex and
// trine::counting_semaphore are faster there. Waiting parks the calling unit only.
//
// When a process dies, by whatever signal, what it held is noticed by those who wait within 100 ms.
// Only a death of the whole process counts: a unit that ends without unlocking keeps the lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>

#include <trine/detail/shared_state.hpp>
#include <trine/handle.hpp>
#include <trine/serialize.hpp>

namespace trine {

class robust_mutex {
 public:
  // Throws std::system_error when the system has no memory or descriptor for it.
  robust_mutex();

  // Parks the calling unit until it holds the mutex; a stop request does not interrupt it. Returns
  // std::errc::owner_dead when the holder before died with it: the caller holds it, may repair what
  // it guards, and says consistent(); otherwise an empty code. (std::lock_guard drops the code;
  // owner_died() says the same.) Throws std::system_error: state_not_recoverable when a holder
  // unlocked without having said consistent(), resource_deadlock_would_occur when the unit holds
  // it.
  std::error_code lock();
  // Never waits. As lock(), and false when another holds it; a dead holder does not.
  bool try_lock();
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& span) {
    return try_lock_at(detail::to_deadline(span));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& when) {
    do {
      if (try_lock_at(detail::to_deadline(when))) return true;
    } while (Clock::now() < when);
    return false;
  }
  // By the unit that holds it; others get std::system_error (operation_not_permitted). Without
  // consistent() after owner_dead the mutex is lost: all who wait or come get
  // state_not_recoverable.
  void unlock();

  // By the holder: a process died holding it, and nobody has said consistent() since.
  bool owner_died() const noexcept;
  // By the holder: what it guards has been repaired. Harmless when nobody had died.
  void consistent();

 private:
  friend struct serializer<robust_mutex>;
  explicit robust_mutex(detail::segment_ref segment) noexcept : segment_(std::move(segment)) {}
  bool try_lock_at(std::int64_t deadline);
  detail::robust_state& state() const noexcept;

  detail::segment_ref segment_;
};

class shared_semaphore {
 public:
  static constexpr std::ptrdiff_t max() noexcept { return 0x7fffffff; }

  // Throws std::invalid_argument for a negative count, std::system_error without memory.
  explicit shared_semaphore(std::ptrdiff_t count);

  // Parks the calling unit until the count is above zero, and takes one. Throws cancelled or
  // timed_out when the unit is stopped.
  void acquire();
  // Never waits.
  bool try_acquire();
  template <class Rep, class Period>
  bool try_acquire_for(const std::chrono::duration<Rep, Period>& span) {
    return detail::acquire_shared(state(), detail::to_deadline(span));
  }
  template <class Clock, class Duration>
  bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& when) {
    do {
      if (detail::acquire_shared(state(), detail::to_deadline(when))) return true;
    } while (Clock::now() < when);
    return false;
  }
  // Adds to the count and wakes as many. Throws std::system_error (value_too_large) beyond max(),
  // std::invalid_argument for a negative number. A unit that dies after it acquired does not give
  // back: bound that by a lock, or by a pool that counts its workers.
  void release(std::ptrdiff_t n = 1);

 private:
  friend struct serializer<shared_semaphore>;
  explicit shared_semaphore(detail::segment_ref segment) noexcept : segment_(std::move(segment)) {}
  detail::semaphore_state& state() const noexcept;

  detail::segment_ref segment_;
};

template <>
struct serializer<robust_mutex> {
  static void write(byte_writer& out, const robust_mutex& m) {
    detail::write_segment(out, m.segment_);
  }
  static robust_mutex read(byte_reader& in) {
    return robust_mutex(detail::read_segment(in, sizeof(detail::robust_state)));
  }
};
template <>
struct serializer<shared_semaphore> {
  static void write(byte_writer& out, const shared_semaphore& s) {
    detail::write_segment(out, s.segment_);
  }
  static shared_semaphore read(byte_reader& in) {
    return shared_semaphore(detail::read_segment(in, sizeof(detail::semaphore_state)));
  }
};

}  // namespace trine
