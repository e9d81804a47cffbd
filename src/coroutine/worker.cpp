#include "coroutine/worker.hpp"

#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include <trine/detail/fair.hpp>

#include "base/check.hpp"
#include "base/fp_control.hpp"
#include "coroutine/runtime.hpp"
#include "os/asymmetric_fence.hpp"
#include "wait/completion.hpp"
#include "wait/idle.hpp"
#include "wait/stop.hpp"

namespace trine::coroutines {
namespace {

thread_local constinit worker* t_worker = nullptr;

constexpr unsigned default_class = class_for(default_stack_size);
constexpr std::int64_t poll_interval_ns = 1'000'000;
constexpr std::int64_t trim_interval_ns = 100'000'000;

suspended& of_timer(timer& t) noexcept {
  return *reinterpret_cast<suspended*>(reinterpret_cast<char*>(&t) - offsetof(suspended, deadline));
}

runnable to_runnable(detail::core* c) noexcept { return reinterpret_cast<runnable>(c); }
runnable to_runnable(suspended* s) noexcept { return reinterpret_cast<runnable>(s) | 1; }

}  // namespace

__attribute__((noinline)) worker* worker::here() noexcept {
  worker* w = t_worker;
  asm volatile("" : "+r"(w));
  return w;
}

void worker::set_here(worker* w) noexcept { t_worker = w; }

void worker::become_thread() noexcept {
  wait::self().sched = nullptr;
  set_here(nullptr);
  set_fork_side(nullptr);
}

// ---- waiting ------------------------------------------------------------------------------------

void worker::park(wait::waiter& w, std::int64_t deadline) noexcept {
  suspended me(*execution_, &w);
  me.roaming = me.unit != nullptr &&
               (me.unit->flags.load(std::memory_order_relaxed) & detail::flag_roaming) != 0;
  w.frame = &me;
  if (deadline != base::never) {
    me.deadline.deadline = deadline;
    timers_.insert(me.deadline, now_);
  }
  if (me.slot != nullptr) {
    me.slot->since.store(now_, std::memory_order_relaxed);
    me.slot->frame.store(&me, std::memory_order_relaxed);
  }
  switch_away(me);
  // A roaming coroutine may be elsewhere now; its home has cancelled the timer before.
  if (me.deadline.armed()) timers_.cancel(me.deadline);
}

void worker::resume(wait::waiter& w) noexcept {
  if (here() == this) {
    make_ready(*static_cast<suspended*>(w.frame));
    return;
  }
  // It may not have left its stack yet, not even have a frame; when this worker takes its inbox, it
  // has, or is about to.
  wakes_.push(&w);
  // The waiter may be running again already; only this worker may be touched.
  wake();
}

void worker::yield() noexcept {
  suspended me(*execution_, nullptr);
  ready_.push(&me);
  switch_away(me);
}

void worker::make_ready(suspended& s) noexcept {
  if (s.slot != nullptr) s.slot->now.store(observe::state::ready, std::memory_order_relaxed);
  if (s.roaming && &s != leaving_) {
    timers_.cancel(s.deadline);
    push_runnable(to_runnable(&s));
  } else {
    // One that is still on its stack cannot be taken by others; this worker runs it, later.
    if (s.roaming) timers_.cancel(s.deadline);
    ready_.push(&s);
  }
}

void worker::wake() noexcept {
  if (sleep_.load(std::memory_order_seq_cst) == sleeping &&
      sleep_.exchange(awake, std::memory_order_seq_cst) == sleeping)
    wait::wake_sleeper(sleep_);
}

// ---- switching ----------------------------------------------------------------------------------

TRINE_NO_TSAN [[gnu::always_inline]] inline void worker::switch_to(suspended* me, stack* to_stack,
                                                                   void* to_sp) noexcept {
  void* nowhere;
  void** save = &nowhere;
  if (me != nullptr) {
    me->on = current_;
    me->caught = exceptions_->caught;
    me->uncaught = exceptions_->uncaught;
    save = &me->sp;
  } else {
    // Cached on arrival: it may have to be unmapped, and we still stand on it.
    discarded_ = current_;
  }
#if defined(TRINE_ASAN)
  __sanitizer_start_switch_fiber(me != nullptr ? &me->on->asan_fake : nullptr, to_stack->low,
                                 class_size(to_stack->stack_class));
#endif
#if defined(TRINE_TSAN)
  __tsan_switch_to_fiber(to_stack->fiber, 0);
#endif
  current_ = to_stack;
  switch_context(save, to_sp);
}

void worker::switch_away(suspended& me) noexcept {
  leaving_ = &me;
  const choice next = pick();
  leaving_ = nullptr;
  if (next.parked == &me) return;
  me.error_number = *errno_;
  if (next.parked != nullptr) {
    switch_to(&me, next.parked->on, next.parked->sp);
  } else {
    assigned_ = next.fresh;
    stack* const s = take_cached(default_class);
    TRINE_CHECK(s != nullptr);
    switch_to(&me, s, make_context(s->top, &worker::loop_entry, this));
  }
  worker& w = me.roaming ? *here() : *this;
  w.arrived(me.on);
  *w.exceptions_ = {me.caught, me.uncaught};
  *w.errno_ = me.error_number;
  w.execution_->unit = me.unit;
  w.execution_->slot = me.slot;
  if (me.roaming)
    me.unit->home.store(static_cast<std::int16_t>(w.index_), std::memory_order_release);
}

void worker::arrived([[maybe_unused]] stack* on) noexcept {
#if defined(TRINE_ASAN)
  __sanitizer_finish_switch_fiber(on->asan_fake, nullptr, nullptr);
  on->asan_fake = nullptr;
#endif
  if (stack* const left = discarded_) {
    discarded_ = nullptr;
    cache(left);
  }
}

TRINE_NO_TSAN [[gnu::always_inline]] inline void worker::loop() noexcept {
  for (;;) {
    // A roaming job may have ended on another thread than it began on: ask each time.
    worker& w = *here();
    detail::core* fresh = w.assigned_;
    w.assigned_ = nullptr;
    if (!w.spent_.empty()) w.release_spent();
    if (fresh == nullptr) {
      const choice next = w.pick();
      if (next.none()) {
        w.idle();
        continue;
      }
      if (next.parked != nullptr) {
        w.switch_to(nullptr, next.parked->on, next.parked->sp);
        __builtin_unreachable();
      }
      fresh = next.fresh;
    }
    if (fresh->stack_class != w.current_->stack_class) {
      stack* s = w.take_cached(fresh->stack_class);
      if (s == nullptr) s = take_stack(fresh->stack_class);
      if (s == nullptr) {
        no_stack_for(*fresh);
        continue;
      }
      w.assigned_ = fresh;
      w.switch_to(nullptr, s, make_context(s->top, &worker::loop_entry, &w));
      __builtin_unreachable();
    }
    if (!w.have_spare()) {
      no_stack_for(*fresh);
      continue;
    }
    w.start(*fresh);
  }
}

TRINE_NO_TSAN void worker::loop_entry(void* self) noexcept {
  auto* const w = static_cast<worker*>(self);
  w->arrived(w->current_);
  *w->exceptions_ = {};
  w->execution_->unit = nullptr;
  w->execution_->slot = nullptr;
  // Inlined: a call here would stay on the processor's stack of return addresses, and all returns
  // of the coroutine the loop jumps to would be mispredicted.
  loop();
}

void worker::start(detail::core& c) noexcept {
  execution_->unit = &c;
  execution_->slot = c.slot;
  base::reset_fp_control();  // a job before this one may have changed it
  // release: partner is the load in stop_by_home (runtime.cpp), which may then reuse c.next. The
  // fence: before the unit's looks at its stop bits; partner is the heavy one in stop_by_home.
  c.home.store(static_cast<std::int16_t>(index_), std::memory_order_release);
  os::light_fence();
  c.slot->where.store(static_cast<std::int32_t>(index_), std::memory_order_relaxed);
  wait::run_body(c);
  worker* const where =
      (c.flags.load(std::memory_order_relaxed) & detail::flag_roaming) != 0 ? here() : this;
  // See become_thread().
  if (where == nullptr || where->execution_->sched == nullptr) [[unlikely]] {
    wait::returned_in_copy();
  }
  worker& w = *where;
  w.execution_->unit = nullptr;
  w.execution_->slot = nullptr;
  c.ran_at = static_cast<std::int32_t>(w.index_);
  wait::complete(c);
}

void worker::no_stack_for(detail::core& c) noexcept {
  try {
    throw std::system_error(
        ENOMEM, std::generic_category(),
        "trine: no memory for a coroutine's stack; lower the number of coroutines that wait at "
        "once or their stack_size, or raise the address-space limit (ulimit -v) or "
        "vm.max_map_count");
  } catch (...) {
    wait::complete_with(c, std::current_exception());
  }
}

// ---- choosing -----------------------------------------------------------------------------------

worker::choice worker::pick() noexcept {
  ++tick_;
  picks_left_ = picks_left_ - 1;
  if (picks_left_ < 0) {
    poll();
  } else {
    take_inboxes();
  }
  const bool fresh_first = (tick_ & 1) != 0;
  if (fresh_first) {
    const choice fresh = pick_fresh();
    if (!fresh.none()) return fresh;
  }
  if (suspended* s = ready_.pop()) return {s, nullptr};
  choice last = fresh_first ? choice{} : pick_fresh();
  // Whoever forked these has parked.
  if (last.none() && forks_.any()) last.fresh = take_fork(forks_, true);
  return last;
}

worker::choice worker::pick_fresh() noexcept {
  const bool pinned_first = (tick_ & 2) != 0;
  if (pinned_first) {
    if (detail::core* c = pinned_.pop()) return {nullptr, c};
  }
  runnable r;
  if (queue_.pop(r)) {
    if ((r & 1) != 0) return {reinterpret_cast<suspended*>(r & ~runnable{1}), nullptr};
    return {nullptr, reinterpret_cast<detail::core*>(r)};
  }
  return {nullptr, pinned_first ? nullptr : pinned_.pop()};
}

// The clock is dear beside a pick, so it is not read at each: as often as makes about a
// millisecond, going by how long the last picks took, and at least every 32.
void worker::poll() noexcept {
  const std::int64_t before = now_;
  now_ = base::now_ns();
  const std::int64_t each = (now_ - before) / poll_every_ + 1;
  const std::int64_t fit = poll_interval_ns / each;
  poll_every_ = fit < 1                          ? 1
                : fit > most_picks_between_polls ? most_picks_between_polls
                                                 : static_cast<std::int32_t>(fit);
  picks_left_ = poll_every_ - 1;
  // release: partner is the acquire in looks().
  looks_.store(looks_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (overdue_.load(std::memory_order_relaxed)) be_on_time();
  if (worn_ && now_ >= trim_at_) trim_cache();
  if (pool_.frozen()) pool_.stop_here();
  fire_timers();
  take_inboxes();
  if (pool_.injected()) {
    if (const runnable r = pool_.take_injected()) push_runnable(r);
  }
  // In turn with those that are always ready.
  if (forks_.any()) {
    if (detail::core* const c = take_fork(forks_, true)) push_own(*c);
  }
}

// The monitor's thread. Counted first: be_on_time must not take back what is not there yet.
void worker::hurry() noexcept {
  picks_left_ = 0;
  forks_.arm();
  if (overdue_.load(std::memory_order_relaxed)) return;
  detail::overdue_workers.fetch_add(1, std::memory_order_relaxed);
  overdue_.store(true, std::memory_order_release);
}

void worker::be_on_time() noexcept {
  // acquire: partner is the release in hurry; the count is there. Only the monitor sets the flag,
  // and only while it is clear.
  if (overdue_.exchange(false, std::memory_order_acquire))
    detail::overdue_workers.fetch_sub(1, std::memory_order_relaxed);
}

void worker::let_overdue_run() noexcept {
  if (!overdue_.load(std::memory_order_relaxed)) return;
  const int error = *errno_;
  poll();  // before this one queues up behind those whose time has come
  *errno_ = error;
  yield();
}

void worker::take_inboxes() noexcept {
  for (wait::resume_link* link = wakes_.take_all(); link != nullptr;) {
    wait::resume_link* const after = link->next;
    make_ready(*static_cast<suspended*>(static_cast<wait::waiter*>(link)->frame));
    link = after;
  }
  for (detail::core* c = jobs_.take_all(); c != nullptr;) {
    detail::core* const after = c->next;
    pinned_.push(c);
    c = after;
  }
  for (detail::core* c = stops_.take_all(); c != nullptr;) {
    detail::core* const after = c->next;
    // Before the look: a request that comes from now on posts the core again.
    c->stop.fetch_and(~wait::stop_posted, std::memory_order_seq_cst);
    wait::deliver_stop(*c);
    // What it holds may block when it is destroyed, and a coroutine that is about to switch may
    // stand here: the loop destroys it. Only then is the link free: while anyone refers to it, or
    // it is not done, it may be posted again.
    if (detail::drop(c)) spent_.push(c);
    c = after;
  }
}

// In the loop, on a stack that nobody is parked on. What is destroyed may park.
void worker::release_spent() noexcept {
  while (have_spare()) {
    detail::core* const c = spent_.pop();
    if (c == nullptr) return;
    detail::destroy(c);
  }
}

void worker::push_stop(detail::core& c) noexcept {
  stops_.push(&c);
  wake();
}

void worker::fire_timers() noexcept {
  if (timers_.empty()) return;
  timers_.advance(now_, [this](timer& t) {
    suspended& s = of_timer(t);
    if (s.waits->claim(wait::outcome::timed_out) == wait::claimed::parked) make_ready(s);
  });
}

void worker::push_runnable(runnable r) noexcept {
  if (queue_.push(r)) {
    pool_.pushed(*this, queue_.size());
  } else {
    pool_.inject(r);
  }
}

void worker::push_own(detail::core& c) noexcept { push_runnable(to_runnable(&c)); }

void worker::push_pinned(detail::core& c) noexcept {
  if (here() == this) {
    pinned_.push(&c);
  } else {
    jobs_.push(&c);
    wake();
  }
}

// ---- stacks -------------------------------------------------------------------------------------

bool worker::have_spare() noexcept {
  if (cached_[default_class] != nullptr) return true;
  stack* const s = take_stack(default_class);
  if (s == nullptr) return false;
  cache(s);
  return true;
}

stack* worker::take_cached(unsigned stack_class) noexcept {
  stack* const s = cached_[stack_class];
  if (s != nullptr) {
    cached_[stack_class] = s->next;
    --cached_count_;
    cached_bytes_ -= class_size(stack_class);
#if defined(TRINE_ASAN)
    // Frames left for good were never unwound; their red zones are still there.
    __asan_unpoison_memory_region(s->low,
                                  static_cast<std::size_t>(static_cast<char*>(s->top) - s->low));
#endif
  }
  return s;
}

void worker::cache(stack* s) noexcept {
  const std::size_t size = class_size(s->stack_class);
  // The first of the default size is the spare that parking relies on.
  const bool spare = s->stack_class == default_class && cached_[default_class] == nullptr;
  if (!spare && (cached_count_ >= most_cached || cached_bytes_ + size > most_cached_bytes)) {
    give_stack(s);
    return;
  }
  cached_bytes_ += size;
  s->next = cached_[s->stack_class];
  cached_[s->stack_class] = s;
  ++cached_count_;
  s->worn = true;
  worn_ = true;
}

void worker::trim_cache() noexcept {
  stack* worn[most_cached];
  std::size_t n = 0;
  for (stack* s : cached_) {
    for (; s != nullptr && n < most_cached; s = s->next)
      if (s->worn) worn[n++] = s;
  }
  const int error = *errno_;
  trim_stacks(worn, n);
  *errno_ = error;
  worn_ = false;
  trim_at_ = now_ + trim_interval_ns;
}

}  // namespace trine::coroutines
