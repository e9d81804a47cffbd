// once_flag and call_once: something done once, by whichever unit comes first.
//
//   trine::once_flag loaded;
//   trine::call_once(loaded, [] { load_tables(); });   // others park until it has been done
//
// As std::call_once. The function may park. When it throws, the exception leaves that call, and the
// unit that has waited longest makes the next attempt. Waiting is never interrupted by a stop
// request. A call_once for a flag from within its own function would wait for ever: it throws
// std::system_error (std::errc::resource_deadlock_would_occur).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include <trine/detail/owner.hpp>
#include <trine/detail/waiter_list.hpp>

namespace trine {

namespace sync {
struct once_queue;
}

class once_flag {
 public:
  constexpr once_flag() noexcept = default;
  ~once_flag() = default;
  once_flag(const once_flag&) = delete;
  once_flag& operator=(const once_flag&) = delete;

 private:
  friend struct sync::once_queue;
  template <class F, class... A>
  friend void call_once(once_flag& flag, F&& f, A&&... a);

  static constexpr std::uint32_t running = 1;  // someone makes an attempt
  static constexpr std::uint32_t queue = 2;    // guards the list
  static constexpr std::uint32_t waiting = 4;  // the list is not empty
  static constexpr std::uint32_t done = 8;     // for good

  // Whoever gets true makes the attempt, and calls the second.
  bool begin();
  void end(bool succeeded) noexcept;

  std::atomic<std::uint32_t> word_{0};
  detail::owner_word owner_;
  detail::waiter_list waiters_;
};

// Calls f(a...) unless a call for this flag has succeeded; returns when one has. Throws what f
// throws.
template <class F, class... A>
void call_once(once_flag& flag, F&& f, A&&... a) {
  // acquire: partner is the release in end(); what f wrote is seen.
  if (flag.word_.load(std::memory_order_acquire) == once_flag::done || !flag.begin()) return;
  struct attempt {
    once_flag& of;
    bool succeeded = false;
    ~attempt() { of.end(succeeded); }
  } mine{flag};
  std::invoke(std::forward<F>(f), std::forward<A>(a)...);
  mine.succeeded = true;
}

}  // namespace trine
