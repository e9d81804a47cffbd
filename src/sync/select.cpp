// select. One waiter, an entry in the line of each case's channel.
//
//   look      all channels locked, in the order of their addresses (each once, so that selects with
//             the same channels in other orders do not wait for each other): the cases that can be
//             done are counted, one is chosen at random and done. Another select's waiter that is
//             in a line may have been claimed elsewhere meanwhile; then the case was none.
//   wait      still locked, an entry is put into each line; unlocked; parked. Whoever claims the
//             waiter, through whichever entry, decides the case (the entry's outcome), once.
//   leave     the other entries are taken out of their lines, one channel after the other. The
//             channel of the case that happened is not touched, unless it is in another case too:
//             whoever got the element may have ended it.
//
// state           entries      decided by
// looking         none         itself, under all locks
// waiting         all in line  a sender, a receiver or close(): case i; the timer; a stop request
// decided         case i's is out of its line (claimed); the others are taken out before it returns
// not served      the element's move threw, or the channel was closed: looks again
#include <trine/detail/select_core.hpp>

#include <functional>
#include <optional>

#include <trine/detail/fair.hpp>
#include <trine/detail/stop_point.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine::detail {
namespace {

class selecting {
 public:
  selecting(select_case* cases, std::size_t count) noexcept : cases_(cases), count_(count) {
    for (std::size_t i = 0; i < count_; ++i) {
      select_case& c = cases_[i];
      if (c.what == select_case::timer) {
        if (timer_ == none || c.deadline < cases_[timer_].deadline) timer_ = i;
      } else if (c.what == select_case::otherwise) {
        otherwise_ = i;
      } else {
        c.wait.outcome =
            static_cast<std::uint32_t>(wait::outcome::first_case) + static_cast<std::uint32_t>(i);
        insert(static_cast<std::uint8_t>(i));
      }
    }
  }

  std::size_t run() {
    if (otherwise_ == none) stop_point();
    for (;;) {
      std::optional<wait::waiter> who;
      std::size_t chosen = look(who);
      if (chosen == missing_block) {
        cases_[block_for_].channel->grow();
        continue;
      }
      if (chosen != none) return chosen;
      const std::int64_t deadline = timer_ != none ? cases_[timer_].deadline : base::never;
      const wait::outcome o = who->wait({.why = observe::reason::select,
                                         .object = channels_ != 0 ? channel_at(0) : nullptr,
                                         .deadline = deadline});
      if (o >= wait::outcome::first_case) {
        chosen = static_cast<std::size_t>(o) - static_cast<std::size_t>(wait::outcome::first_case);
        const bool done = cases_[chosen].wait.served();
        leave(chosen);
        if (done) return chosen;
        continue;
      }
      leave(none);
      if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
      return timer_;
    }
  }

 private:
  static constexpr std::size_t none = ~std::size_t{0};
  static constexpr std::size_t missing_block = none - 1;

  channel_core* channel_at(std::size_t place) const noexcept {
    return cases_[cases_[place].order].channel;
  }
  bool again_at(std::size_t place) const noexcept {
    return place != 0 && channel_at(place) == channel_at(place - 1);
  }
  void insert(std::uint8_t which) noexcept {
    std::size_t place = channels_++;
    // Few: by insertion.
    while (place != 0 && std::less<>{}(cases_[which].channel, channel_at(place - 1))) {
      cases_[place].order = cases_[place - 1].order;
      --place;
    }
    cases_[place].order = which;
  }

  // All locks, released at the end; then who was served is let go.
  class all_locked {
   public:
    explicit all_locked(selecting& s) noexcept : s_(s) {
      for (std::size_t k = 0; k < s_.channels_; ++k)
        if (!s_.again_at(k)) s_.channel_at(k)->lock();
    }
    ~all_locked() {
      for (std::size_t k = s_.channels_; k-- != 0;)
        if (!s_.again_at(k)) s_.channel_at(k)->unlock();
      effects.happen();
    }
    all_locked(const all_locked&) = delete;
    all_locked& operator=(const all_locked&) = delete;

    channel_core::effects effects{};

   private:
    selecting& s_;
  };

  static bool may(const select_case& c) noexcept {
    return c.what == select_case::sends ? c.channel->may_put() : c.channel->may_get();
  }

  // The case that was done, or none: then the entries are in their lines.
  std::size_t look(std::optional<wait::waiter>& who) {
    all_locked locked(*this);
    std::uint64_t skip = 0;  // those that seemed possible and were not
    for (;;) {
      std::uint32_t possible = 0;
      std::size_t chosen = none;
      for (std::size_t k = 0; k < channels_; ++k) {
        const std::size_t i = cases_[k].order;
        if ((skip >> i & 1) != 0 || !may(cases_[i])) continue;
        ++possible;
        if (possible == 1 || base::random_below(possible) == 0) chosen = i;
      }
      if (chosen == none) break;
      select_case& c = cases_[chosen];
      const channel_result r = c.what == select_case::sends
                                   ? c.channel->put(c.wait.element, locked.effects)
                                   : c.channel->get(c.wait.element, locked.effects);
      if (r == channel_result::no_memory) {
        block_for_ = chosen;
        return missing_block;
      }
      if (r != channel_result::blocked) return chosen;
      skip |= std::uint64_t{1} << chosen;
    }
    if (otherwise_ != none) return otherwise_;
    who.emplace();
    for (std::size_t k = 0; k < channels_; ++k) {
      select_case& c = cases_[cases_[k].order];
      c.wait.who = &*who;
      c.wait.done = false;
      c.wait.let_go.store(false, std::memory_order_relaxed);
      c.what == select_case::sends ? c.channel->enter_senders(c.wait)
                                   : c.channel->enter_receivers(c.wait);
    }
    return none;
  }

  // Out of all lines but that of the case that happened.
  void leave(std::size_t happened) noexcept {
    for (std::size_t k = 0; k < channels_;) {
      const std::size_t first = k;
      channel_core& c = *channel_at(k);
      while (k < channels_ && channel_at(k) == &c) ++k;
      if (k - first == 1 && cases_[first].order == happened) continue;
      c.lock();
      for (std::size_t j = first; j < k; ++j) {
        select_case& one = cases_[cases_[j].order];
        one.what == select_case::sends ? c.leave_senders(one.wait) : c.leave_receivers(one.wait);
      }
      c.unlock();
    }
  }

  select_case* const cases_;
  const std::size_t count_;
  std::size_t channels_ = 0;  // cases that are not timer or otherwise
  std::size_t timer_ = none;
  std::size_t otherwise_ = none;
  std::size_t block_for_ = 0;
};

}  // namespace

std::size_t select_among(select_case* cases, std::size_t count) {
  fair_point();
  return selecting(cases, count).run();
}

}  // namespace trine::detail
