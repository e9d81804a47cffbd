#include "coroutine/worker.hpp"

#include <sched.h>
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

constexpr std::int64_t poll_interval_ns = 1'000'000;
constexpr std::int64_t trim_interval_ns = 100'000'000;

runnable to_runnable(detail::core* c) noexcept { return reinterpret_cast<runnable>(c); }
runnable to_runnable(suspended* s) noexcept { return reinterpret_cast<runnable>(s) | 1; }

bool is_roaming(const detail::core* c) noexcept {
  return c != nullptr && (c->flags.load(std::memory_order_relaxed) & detail::flag_roaming) != 0;
}

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
  detail::core* const unit = execution_->unit;
  parked me(*execution_, &w, is_roaming(unit));
  w.frame = &me;
  if (deadline != base::never) {
    me.deadline = deadline;
    timers_.insert(me, now_);
  }
  if (me.slot != nullptr) {
    me.slot->since.store(now_, std::memory_order_relaxed);
    me.slot->frame.store(static_cast<suspended*>(&me), std::memory_order_relaxed);
  }
  if (leave(me)) {
    worker& now_at = me.roaming ? *here() : *this;
    now_at.arrived(me.on);
    if (me.roaming)
      unit->home.store(static_cast<std::int16_t>(now_at.index_), std::memory_order_release);
  }
  // A roaming coroutine may be elsewhere now; its home has cancelled the timer before.
  if (me.armed()) timers_.cancel(me);
}

void worker::resume(wait::waiter& w) noexcept {
  if (here() == this) {
    make_ready(*static_cast<parked*>(w.frame));
    return;
  }
  // It may not have left its stack yet, not even have a frame; when this worker takes its inbox, it
  // has, or is about to.
  wakes_.push(&w);
  // The waiter may be running again already; only this worker may be touched.
  wake();
}

// What pick() would do when nothing waits but those that are ready.
[[gnu::always_inline]] inline void worker::yield_fast() noexcept {
  const std::int32_t picks_left = picks_left_;
  suspended* const next = ready_.first();
  wait::exception_state& thread_handles = *exceptions_;
  const auto bits = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p); };
  // Few branches, but not so few that registers must be saved for them.
  if (!has_fast_yield || picks_left <= 0 || next == nullptr) [[unlikely]]
    return yield_by_pick();
  if ((wakes_.glance() | jobs_.glance() | stops_.glance()) != 0) [[unlikely]]
    return yield_by_pick();
  if ((queue_.any() | bits(pinned_.first()) | bits(joining_)) != 0) [[unlikely]]
    return yield_by_pick();
  if ((bits(thread_handles.caught) | thread_handles.uncaught) != 0 || has_own_locale()) [[unlikely]]
    return yield_by_pick();
  picks_left_ = picks_left - 1;  // it is a pick, but nobody else's turn has passed
  stack* const on = current_;
  wait::execution& self = *execution_;
  int* const error_number = errno_;
  suspended& me = on->yielded();
  ready_.rotate(next, &me);
  me.unit = self.unit;
  me.slot = self.slot;
  me.error_number = *error_number;
  self.unit = next->unit;
  self.slot = next->slot;
  *error_number = next->error_number;
  if (next->exceptions != nullptr) [[unlikely]]
    thread_handles = *next->exceptions;
  current_ = next->on;
  trine_yield(&me.sp, next->sp);
}

void worker::yield() noexcept { yield_fast(); }

void worker::yield_here() noexcept {
  // Nothing of the thread's is used after the switch, which is the last that is done here.
  if (worker* const w = t_worker) [[likely]]
    return w->yield_fast();
  sched_yield();
}

__attribute__((noinline)) void worker::yield_by_pick() noexcept {
  suspended me(execution_->unit, execution_->slot);
  ready_.push(&me);
  if (leave(me)) arrived(me.on);
}

void worker::make_ready(parked& s) noexcept {
  if (s.slot != nullptr) s.slot->now.store(observe::state::ready, std::memory_order_relaxed);
  if (s.roaming && &s != leaving_) {
    timers_.cancel(s);
    push_runnable(to_runnable(&s));
  } else {
    // One that is still on its stack cannot be taken by others; this worker runs it, later.
    if (s.roaming) timers_.cancel(s);
    ready_.push(&s);
  }
}

void worker::wake() noexcept {
  if (sleep_.load(std::memory_order_seq_cst) == sleeping &&
      sleep_.exchange(awake, std::memory_order_seq_cst) == sleeping)
    wait::wake_sleeper(sleep_);
}

// ---- switching ----------------------------------------------------------------------------------

inline const wait::exception_state* worker::take_exceptions(wait::exception_state& own) noexcept {
  if (exceptions_->caught == nullptr && exceptions_->uncaught == 0) return nullptr;
  own = *exceptions_;
  *exceptions_ = {};
  return &own;
}

inline void worker::set_stage_for(const suspended& next) noexcept {
  execution_->unit = next.unit;
  execution_->slot = next.slot;
  *errno_ = next.error_number;
  if (next.exceptions != nullptr) [[unlikely]]
    *exceptions_ = *next.exceptions;
}

TRINE_NO_TSAN [[gnu::always_inline]] inline void worker::switch_to(suspended* me,
                                                                   const suspended* next,
                                                                   stack* to_stack,
                                                                   void* to_sp) noexcept {
  void* nowhere;
  void** save = &nowhere;
  if (me != nullptr) {
    me->on = current_;
    me->error_number = *errno_;
    save = &me->sp;
  } else {
    // Cached later: it may have to be unmapped, and we still stand on it.
    cache_discarded();
    discarded_ = current_;
  }
  if (next != nullptr) set_stage_for(*next);
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

bool worker::leave(suspended& me) noexcept {
  if (has_own_locale()) [[unlikely]]
    return leave_with_locale(me);
  return leave_now(me);
}

// What goes on here meanwhile has the program's. By calls of the C library only: a roaming
// coroutine comes back to another thread's.
__attribute__((noinline)) bool worker::leave_with_locale(suspended& me) noexcept {
  const locale_t mine = uselocale(LC_GLOBAL_LOCALE);
  const bool left = leave_now(me);
  uselocale(mine);
  return left;
}

bool worker::leave_now(suspended& me) noexcept {
  if (joining_ != nullptr) settle_joiners();
  leaving_ = &me;
  const choice next = pick();
  leaving_ = nullptr;
  if (next.parked == &me) return false;
  wait::exception_state handled;
  me.exceptions = take_exceptions(handled);
  if (next.parked != nullptr) {
    switch_to(&me, next.parked, next.parked->on, next.parked->sp);
  } else {
    assigned_ = next.fresh;
    stack* const s = take_cached(default_class);
    TRINE_CHECK(s != nullptr);
    switch_to(&me, nullptr, s, make_context(s->top, &worker::loop_entry, this));
  }
  return true;
}

void worker::arrived([[maybe_unused]] stack* on) noexcept {
#if defined(TRINE_ASAN)
  __sanitizer_finish_switch_fiber(on->asan_fake, nullptr, nullptr);
  on->asan_fake = nullptr;
#endif
  cache_discarded();
}

inline void worker::cache_discarded() noexcept {
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
        w.switch_to(nullptr, next.parked, next.parked->on, next.parked->sp);
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
      w.switch_to(nullptr, nullptr, s, make_context(s->top, &worker::loop_entry, &w));
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
  // Before it is done: then the locale it leaves may be freed.
  if (w.has_own_locale()) [[unlikely]]
    uselocale(LC_GLOBAL_LOCALE);
  w.execution_->unit = nullptr;
  w.execution_->slot = nullptr;
  c.ran_at = static_cast<std::int32_t>(w.index_);
  wait::complete(c);
}

// ---- joins of what has not started --------------------------------------------------------------

// Whether `c` is what pick() would choose now; then it is taken out of its queue. Such a run counts
// as a pick, and gives the turn to others whenever it is theirs.
bool worker::may_run_now(detail::core& c) noexcept {
  if (!has_call_on_stack || c.stack_class != default_class) return false;
  const std::uint32_t tick = tick_ + 1;
  if (picks_left_ <= 0) {
    poll();
  } else if (mail()) {
    take_inboxes();
  }
  if ((tick & 1) == 0 && !ready_.empty()) return false;
  // Its own stack, and the one for when it parks.
  if (const stack* const first = cached_[default_class];
      (first == nullptr || first->next == nullptr) && !have_two_spares())
    return false;
  const bool pinned_first = (tick & 2) != 0;
  if (pinned_.first() == &c) {
    if (!pinned_first && queue_.size() != 0) return false;
    pinned_.pop();
  } else {
    if (pinned_first && !pinned_.empty()) return false;
    if (!queue_.pop_if(to_runnable(&c))) return false;
  }
  tick_ = tick;
  picks_left_ = picks_left_ - 1;
  return true;
}

TRINE_NO_TSAN bool worker::run_now(detail::core& c, wait::late_join& l) noexcept {
  observe::slot* const slot = execution_->slot;
  // A unit begins with the program's locale.
  if (slot == nullptr || l.deadline() <= now_ || has_own_locale() || !may_run_now(c)) return false;
  constexpr auto relaxed = std::memory_order_relaxed;
  slot->why.store(observe::reason::join, relaxed);
  slot->object.store(&c, relaxed);
  slot->parks.store(slot->parks.load(relaxed) + 1, relaxed);
  slot->now.store(observe::state::parked, relaxed);
  slot->since.store(now_, relaxed);
  detail::core* const unit = execution_->unit;
  joining me(*execution_, c, l, is_roaming(unit), joining_);
  joining_ = &me;
  parked& joiner = me.joiner;
  slot->frame.store(static_cast<suspended*>(&joiner), relaxed);
  joiner.error_number = *errno_;
  joiner.on = current_;
  wait::exception_state handled;
  joiner.exceptions = take_exceptions(handled);
  stack* const s = take_cached(default_class);
#if defined(TRINE_ASAN)
  __sanitizer_start_switch_fiber(&current_->asan_fake, s->low, class_size(s->stack_class));
#endif
#if defined(TRINE_TSAN)
  __tsan_switch_to_fiber(s->fiber, 0);
#endif
  current_ = s;
  if (!call_on_stack(&joiner.sp, s->top, &worker::run_joined, this, &worker::loop_on)) {
    // It has ended and nobody else has run: this is still the same worker. The stack was only lent.
    arrived(joiner.on);
    set_stage_for(joiner);
    keep_warm(s);
  } else {
    worker& now_at = joiner.roaming ? *here() : *this;
    now_at.arrived(joiner.on);
    if (joiner.roaming)
      unit->home.store(static_cast<std::int16_t>(now_at.index_), std::memory_order_release);
    if (joiner.armed()) timers_.cancel(joiner);
  }
  slot->now.store(observe::state::running, relaxed);
  return true;
}

// The unit, on its stack. True when it has left that meanwhile.
TRINE_NO_TSAN bool worker::run_joined(void* self) noexcept {
  auto* const w = static_cast<worker*>(self);
  w->arrived(w->current_);
  joining& me = *w->joining_;
  bool settled = false;
  me.settled = &settled;
  w->start(me.unit);
  if (settled) return true;
  // So nothing has moved: it is still this worker.
  w->joining_ = me.outer;
  w->current_ = me.joiner.on;
#if defined(TRINE_ASAN)
  __sanitizer_start_switch_fiber(nullptr, w->current_->low, class_size(w->current_->stack_class));
#endif
#if defined(TRINE_TSAN)
  __tsan_switch_to_fiber(w->current_->fiber, 0);
#endif
  return false;
}

// A unit that has left its stack and come back ended on it: the loop goes on there.
TRINE_NO_TSAN void worker::loop_on() noexcept { loop(); }

// The unit that runs is about to leave its stack. Its joiner waits from now on as it would have
// from the beginning; so does the joiner's joiner, and so on.
void worker::settle_joiners() noexcept {
  for (joining* j = joining_; j != nullptr;) {
    joining* const outer = j->outer;
    parked& joiner = j->joiner;
    *j->settled = true;
    wait::waiter& w = j->wait.begin(&joiner);
    joiner.waits = &w;
    if (j->wait.deadline() != base::never) {
      joiner.deadline = j->wait.deadline();
      timers_.insert(joiner, now_);
    }
    if (w.ended_before_wait()) make_ready(joiner);
    j = outer;
  }
  joining_ = nullptr;
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
  } else if (mail()) {
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
    make_ready(*static_cast<parked*>(static_cast<wait::waiter*>(link)->frame));
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
    parked& s = static_cast<parked&>(t);
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

bool worker::crowded() const noexcept { return pool_.crowded(); }

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
  cache_discarded();
  if (cached_[default_class] != nullptr) return true;
  stack* const s = take_stack(default_class);
  if (s == nullptr) return false;
  cache(s);
  return true;
}

bool worker::have_two_spares() noexcept {
  if (!have_spare()) return false;
  if (cached_[default_class]->next != nullptr) return true;
  stack* const s = take_stack(default_class);
  if (s == nullptr) return false;
  cache(s);  // unless there are too many of other sizes
  return cached_[default_class]->next != nullptr;
}

inline void worker::keep_warm(stack* s) noexcept {
  cached_bytes_ += class_size(s->stack_class);
  s->next = cached_[s->stack_class];
  cached_[s->stack_class] = s;
  ++cached_count_;
  s->worn = true;
  worn_ = true;
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
  keep_warm(s);
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
