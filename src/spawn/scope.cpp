// The bookkeeping of scopes. A unit is in one of two lists until it has ended: live, or asked (to
// stop). complete() takes it out, under the lock.
#include <trine/detail/fair.hpp>
#include <trine/errors.hpp>
#include <trine/scope.hpp>

#include "os/lock.hpp"
#include "wait/completion.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine {
namespace detail {
namespace {

constexpr std::size_t most_errors = 64;

struct core_list {
  core* first = nullptr;

  void push(core* c) noexcept {
    c->scope_previous = nullptr;
    c->scope_next = first;
    if (first != nullptr) first->scope_previous = c;
    first = c;
  }
  void erase(core* c) noexcept {
    (c->scope_previous != nullptr ? c->scope_previous->scope_next : first) = c->scope_next;
    if (c->scope_next != nullptr) c->scope_next->scope_previous = c->scope_previous;
  }
};

// A unit that was stopped did not fail.
bool is_failure(const std::exception_ptr& error) noexcept {
  if (error == nullptr) return false;
  try {
    std::rethrow_exception(error);
  } catch (const cancelled&) {
    return false;
  } catch (...) {
    return true;
  }
}

}  // namespace

struct scope_state {
  mutable os::lock lock;
  core_list live;
  core_list asked;
  std::size_t count = 0;
  bool stopping = false;
  std::int64_t deadline = no_deadline;  // never changes once there are units
  std::exception_ptr first_error;
  std::vector<std::exception_ptr> others;
  wait::waiter* joiner = nullptr;

  // In the child of a fork() the lock may be held by a thread that does not exist there.
  static void refuse_in_copy() {
    if (wait::forked_copy.load(std::memory_order_relaxed))
      throw usage_error(
          "trine: this process was made by fork() while Trine was running, and the units of this "
          "scope stayed behind in the parent; use the scope there");
  }

  void adopt(core* c) {
    refuse_in_copy();
    os::hold guard(lock);
    // Here, where it may fail: ended() must not.
    if (others.capacity() < most_errors && others.capacity() <= count) others.reserve(most_errors);
    live.push(c);
    c->scope_asked = false;
    c->deadline = deadline;  // register_unit lowers it to the unit's own
    ++count;
  }

  // Both are called by complete(), on the thread on which the unit ended: before it is done,
  void ending(core* c) noexcept {
    if (is_failure(c->error)) ask_to_stop();
  }
  // and after.
  void ended(core* c) noexcept {
    const bool failed = is_failure(c->error);
    wait::waiter* parked = nullptr;
    {
      os::hold guard(lock);
      (c->scope_asked ? asked : live).erase(c);
      if (failed) {
        if (first_error == nullptr) {
          first_error = c->error;
        } else if (others.size() < others.capacity()) {
          others.push_back(c->error);
        }
      }
      if (--count == 0 && joiner != nullptr) {
        if (joiner->claim(wait::outcome::woken) == wait::claimed::parked) parked = joiner;
        joiner = nullptr;
      }
      // The joiner takes the lock before it leaves, so the scope outlives this section.
    }
    if (parked != nullptr) parked->resume();
  }

  // User code may run in a stop callback, so no lock is held while asking.
  void ask_to_stop() noexcept {
    for (;;) {
      core* c;
      {
        os::hold guard(lock);
        stopping = true;
        c = live.first;
        if (c == nullptr) return;
        live.erase(c);
        asked.push(c);
        c->scope_asked = true;
        retain(c);
      }
      detail::request_stop(c);
      release(c);
    }
  }

  // False: a stop request came first.
  bool wait_all(bool interruptible) noexcept {
    for (;;) {
      wait::waiter w;
      {
        os::hold guard(lock);
        if (count == 0) return true;
        joiner = &w;
      }
      const wait::outcome o =
          w.wait({.why = observe::reason::join, .object = this, .stoppable = interruptible});
      os::hold guard(lock);
      if (joiner == &w) joiner = nullptr;
      if (o == wait::outcome::stopped) return count == 0;
    }
  }
};

}  // namespace detail

scope::scope() : state_(new detail::scope_state) {}
scope::scope(detail::scope_deadline by) : scope() { state_->deadline = by.at; }

scope::~scope() {
  if (wait::forked_copy.load(std::memory_order_relaxed)) return;
  request_stop();
  // After the end of the program its coroutines never end, and may still refer to the state.
  if (running() != 0 && wait::coroutines_ended.load(std::memory_order_relaxed)) return;
  state_->wait_all(false);
  delete state_;
}

void scope::join() {
  detail::fair_point();
  detail::scope_state::refuse_in_copy();
  {
    os::hold guard(state_->lock);
    if (state_->first_error == nullptr) state_->others.clear();
  }
  bool stopped = false;
  if (!state_->wait_all(true)) {
    stopped = true;
    state_->ask_to_stop();
    state_->wait_all(false);
  }
  std::exception_ptr error;
  {
    os::hold guard(state_->lock);
    error = std::exchange(state_->first_error, nullptr);
    state_->stopping = false;
  }
  if (error != nullptr) std::rethrow_exception(error);
  if (stopped) wait::throw_stopped(wait::self().unit);
}

void scope::request_stop() noexcept {
  detail::fair_point();
  if (wait::forked_copy.load(std::memory_order_relaxed)) return;
  state_->ask_to_stop();
}

std::vector<std::exception_ptr> scope::other_errors() const {
  detail::fair_point();
  os::hold guard(state_->lock);
  return state_->others;
}

std::size_t scope::running() const noexcept {
  detail::fair_point();
  os::hold guard(state_->lock);
  return state_->count;
}

detail::owner scope::owner() const noexcept {
  return {[](detail::core* c, void* context) {
            auto* const state = static_cast<detail::scope_state*>(context);
            c->on_done = [](detail::core* unit, void* of, bool done) noexcept {
              auto* const its = static_cast<detail::scope_state*>(of);
              done ? its->ended(unit) : its->ending(unit);
            };
            c->on_done_context = state;
            state->adopt(c);
          },
          state_};
}

void scope::settle() noexcept {
  bool stopping;
  {
    os::hold guard(state_->lock);
    stopping = state_->stopping;
  }
  if (stopping) state_->ask_to_stop();
}

}  // namespace trine
