// Runs the virtual threads of one execution, one at a time; each operation is a point at which
// another may go on. Which one is the schedule's choice, within the bound of preemptions.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "explore/fiber.hpp"
#include "explore/schedule.hpp"
#include "explore/view.hpp"

namespace explore {

class scheduler {
 public:
  scheduler() {
    for (unsigned t = 0; t < outside; ++t) threads_[t].self = {this, t};
  }
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  // Who runs now; `outside` in constructors and destructors of the model.
  unsigned current() const noexcept { return current_; }
  bool in_thread() const noexcept { return current_ != outside; }

  // Ends the execution as a failure. Does not return.
  [[noreturn]] void fail(std::string why) {
    if (!in_thread()) throw std::logic_error(why);
    if (failure_.empty()) {
      failure_ = "T" + std::to_string(current_) + ": " + why;
      if (tracing) trace += failure_ + "\n";
    }
    std::string().swap(why);  // this stack is never unwound
    leave();
    std::abort();  // never resumed
  }

  // Lets others go on: a step of a spin loop. The caller goes on when something has been written.
  void yield() {
    if (!in_thread()) return;
    threads_[current_].now = state::yielded;
    threads_[current_].written = writes_;
    reschedule();
  }

  // Called before a thread goes on, for what the code under test keeps for each OS thread.
  void (*switched)(unsigned thread) = nullptr;
  bool tracing = false;
  std::string trace;

 protected:
  enum class state : std::uint8_t { none, ready, yielded, waiting, waiting_timed, finished };

  // Before each operation.
  void point() {
    if (!in_thread()) return;
    if (++steps_ > max_steps) fail("the execution is too long: a loop that never ends?");
    if (std::exchange(arrived_, false)) return;  // chosen just now
    reschedule();
    arrived_ = false;
  }

  // Sleeps on `word`. False when a timed sleep ended without a wake.
  bool block(const void* address, unsigned word, bool timed) {
    thread& me = threads_[current_];
    me.now = timed ? state::waiting_timed : state::waiting;
    me.address = address;
    me.word = word;
    me.woken = false;
    reschedule();
    return me.woken;
  }
  // By address, as the kernel does: the word need not exist any more.
  void wake(const void* address, unsigned count) {
    for (unsigned t = 0, woken = 0; t < outside && woken < count; ++t) {
      thread& other = threads_[t];
      if (other.now != state::waiting && other.now != state::waiting_timed) continue;
      if (other.address != address) continue;
      other.now = state::ready;
      other.woken = true;
      ++woken;
    }
  }

 public:
  // One of n, each in some execution.
  unsigned choose(unsigned n, bool rare = false) { return n < 2 ? 0 : plan_->choose(n, rare); }

 protected:
  void wrote() noexcept { ++writes_; }
  // Everything pending becomes visible; true when something was.
  virtual bool settle() = 0;
  ~scheduler() = default;

  void begin(schedule& plan, const bounds& limits) {
    plan_ = &plan;
    plan.rewind();
    limits_ = limits;
    current_ = outside;
    preemptions_ = steps_ = futile_ = turn_ = 0;
    writes_ = 1;
    settled_ = 0;
    arrived_ = false;
    failure_.clear();
    for (thread& t : threads_) t.now = state::none;
  }
  // Runs threads [first, last) of the model to their ends.
  void run(unsigned first, unsigned last, void (*body)(void*, unsigned), void* model) {
    body_ = body;
    model_ = model;
    for (unsigned t = first; t < last; ++t) {
      threads_[t].now = state::ready;
      if (!threads_[t].alive) {
        threads_[t].stack.start(&entry, &threads_[t].self);
        threads_[t].alive = true;
      }
    }
    reschedule();
    if (failure_.empty()) return;
    // What failed half-way is never resumed.
    for (thread& t : threads_)
      t.alive = t.alive && (t.now == state::finished || t.now == state::none);
  }
  const std::string& failure() const noexcept { return failure_; }

  bounds limits_;

 private:
  static constexpr unsigned max_steps = 2000;
  static constexpr unsigned max_futile = 250;

  struct thread {
    state now = state::none;
    bool alive = false;  // its stack waits for the next execution
    bool woken = false;
    const void* address = nullptr;  // what it sleeps on
    unsigned word = 0;
    std::uint64_t written = 0;
    std::pair<scheduler*, unsigned> self;
    fiber stack;
  };

  static void entry(void* self) {
    auto [engine, index] = *static_cast<std::pair<scheduler*, unsigned>*>(self);
    for (;;) {
      try {
        engine->body_(engine->model_, index);
      } catch (const std::exception& e) {
        engine->fail(std::string("an exception: ") + e.what());
      }
      engine->threads_[index].now = state::finished;
      engine->reschedule();
    }
  }

  bool enabled(const thread& t) const noexcept {
    return t.now == state::ready || t.now == state::waiting_timed ||
           (t.now == state::yielded && t.written != writes_);
  }

  void reschedule() {
    for (;;) {
      unsigned options[max_threads];
      unsigned n = 0;
      const bool may_stay = in_thread() && threads_[current_].now == state::ready;
      if (may_stay) options[n++] = current_;
      if (!may_stay || preemptions_ < limits_.preemptions)
        for (unsigned t = 0; t < outside; ++t)
          if (t != current_ && enabled(threads_[t])) options[n++] = t;
      // Alone again after a yield, or with a time-out of its own.
      if (!may_stay && in_thread() && enabled(threads_[current_])) options[n++] = current_;
      if (n != 0) {
        const unsigned chosen = choose(n, may_stay);
        if (may_stay && chosen != 0) ++preemptions_;
        return go_to(options[chosen]);
      }
      bool all_finished = true;
      bool spinning = false;
      for (const thread& t : threads_) {
        all_finished = all_finished && (t.now == state::none || t.now == state::finished);
        spinning = spinning || t.now == state::yielded;
      }
      if (all_finished) return leave();
      // What spins may not have seen the newest yet: all of it is shown, then a bounded spin is
      // given time to end, in turns that are no choice.
      if (settle()) continue;
      if (settled_ != writes_) futile_ = 0;
      settled_ = writes_;
      if (!spinning || futile_ > max_futile) return stuck();
      if (futile_++ == 0) {
        for (thread& t : threads_)
          if (t.now == state::yielded) t.now = state::ready;
      } else {
        while (threads_[turn_ = (turn_ + 1) % max_threads].now != state::yielded) {
        }
        return go_to(turn_);
      }
    }
  }

  void stuck() {
    failure_ = "deadlock:";
    for (unsigned t = 0; t < outside; ++t) {
      if (threads_[t].now == state::waiting)
        failure_ += " T" + std::to_string(t) + " sleeps on a" + std::to_string(threads_[t].word);
      if (threads_[t].now == state::yielded) failure_ += " T" + std::to_string(t) + " spins";
    }
    if (tracing) trace += failure_ + "\n";
    leave();
  }

  void go_to(unsigned next) {
    thread& to = threads_[next];
    to.now = state::ready;
    arrived_ = true;
    if (next == current_) return;
    if (tracing) trace += "-- T" + std::to_string(next) + "\n";
    fiber& from = in_thread() ? threads_[current_].stack : main_;
    current_ = next;
    if (switched != nullptr) switched(next);
    from.switch_to(to.stack);
  }
  void leave() {
    if (!in_thread()) return;
    fiber& from = threads_[current_].stack;
    current_ = outside;
    from.switch_to(main_);
  }

  schedule* plan_ = nullptr;
  unsigned current_ = outside;
  unsigned preemptions_ = 0, steps_ = 0, futile_ = 0, turn_ = 0;
  std::uint64_t writes_ = 1, settled_ = 0;
  bool arrived_ = false;
  std::string failure_;
  void (*body_)(void*, unsigned) = nullptr;
  void* model_ = nullptr;
  fiber main_;
  thread threads_[max_threads];
};

}  // namespace explore
