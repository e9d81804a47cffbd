#include "wait/alarm.hpp"

#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "os/block_signals.hpp"
#include "os/lock.hpp"
#include "wait/idle.hpp"
#include "wait/stop.hpp"

namespace trine::wait {
namespace {

struct alarm_clock {
  os::lock lock;
  std::set<std::pair<std::int64_t, detail::core*>> pending;  // guarded by lock
  bool started = false;                                      // guarded by lock
  // Changes when the earliest deadline does; the thread sleeps on it.
  std::atomic<std::uint32_t> changes{0};
};

alarm_clock& the_clock() {
  static auto* clock = new alarm_clock;  // its thread may outlive static destructors
  return *clock;
}

void run(alarm_clock& clock) noexcept {
  for (;;) {
    const std::uint32_t seen = clock.changes.load(std::memory_order_acquire);
    std::int64_t next = base::never;
    detail::core* due = nullptr;
    {
      os::hold guard(clock.lock);
      if (!clock.pending.empty()) {
        const auto first = clock.pending.begin();
        if (first->first <= base::now_ns()) {
          due = first->second;
          detail::retain(due);
          clock.pending.erase(first);
        } else {
          next = first->first;
        }
      }
    }
    if (due != nullptr) {
      request_stop(*due, stop_deadline);
      detail::release(due);
    } else {
      sleep_on(clock.changes, seen, next);
    }
  }
}

}  // namespace

void set_alarm(detail::core& c) {
  alarm_clock& clock = the_clock();
  bool earliest;
  {
    os::hold guard(clock.lock);
    if (!clock.started) {
      const os::block_signals no_signals;
      std::thread([&clock] {
        pthread_setname_np(pthread_self(), "trine-alarm");
        run(clock);
      }).detach();
      clock.started = true;
    }
    // Two statements: of the operands of == either may be evaluated first.
    const auto place = clock.pending.emplace(c.deadline, &c).first;
    earliest = place == clock.pending.begin();
  }
  if (earliest) {
    clock.changes.fetch_add(1, std::memory_order_release);
    wake_sleeper(clock.changes);
  }
}

void clear_alarm(detail::core& c) noexcept {
  alarm_clock& clock = the_clock();
  os::hold guard(clock.lock);
  clock.pending.erase({c.deadline, &c});
}

}  // namespace trine::wait
