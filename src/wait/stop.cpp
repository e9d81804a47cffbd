#include "wait/stop.hpp"

#include <memory>

#include <trine/detail/stop_point.hpp>
#include <trine/errors.hpp>

#include "base/cpu.hpp"
#include "observe/asked.hpp"

namespace trine::wait {
namespace {

// In core::parked while a stopper looks at the waiter it took out.
waiter* const busy = reinterpret_cast<waiter*>(std::uintptr_t{1});

// See the header: a coroutine that stays at home.
bool by_home(const detail::core& c) noexcept {
  return c.kind == unit_kind::coroutine &&
         (c.flags.load(std::memory_order_relaxed) & detail::flag_roaming) == 0;
}

bool wanted(std::uint32_t bits) noexcept {
  return bits < stop_shield_unit && (bits & (stop_requested | stop_deadline)) != 0;
}

}  // namespace

std::atomic<void (*)(detail::core&) noexcept> stop_by_home{nullptr};
void (*stop_process)(detail::core&) = nullptr;
void (*on_first_stop_interest)() = nullptr;

void publish(detail::core& c, waiter& w) noexcept {
  if (on_first_stop_interest != nullptr) on_first_stop_interest();
  if (by_home(c)) {
    c.parked.store(&w, std::memory_order_relaxed);
  } else {
    // seq_cst on both: partner is request_stop's fetch_or then exchange. Weaker, the store to
    // parked could pass the load of stop, and a request between them would find nobody and be lost.
    c.parked.exchange(&w, std::memory_order_seq_cst);
  }
  if (stop_wanted(c)) w.claim_before_wait(outcome::stopped);
}

void unpublish(detail::core& c, waiter& w) noexcept {
  if (by_home(c)) {
    c.parked.store(nullptr, std::memory_order_relaxed);
    return;
  }
  waiter* seen = &w;
  if (c.parked.compare_exchange_strong(seen, nullptr, std::memory_order_acq_rel)) return;
  // A stopper has taken it: until it puts null back, it may still touch w.
  while (c.parked.load(std::memory_order_acquire) == busy) base::relax();
}

std::int64_t enter_wait(detail::core& c, waiter& w, std::int64_t deadline, bool& of_unit) noexcept {
  publish(c, w);
  if (c.deadline >= deadline || c.stop.load(std::memory_order_relaxed) >= stop_shield_unit)
    return deadline;
  of_unit = true;
  return c.deadline;
}

outcome leave_wait(detail::core* c, waiter& w, bool of_unit) noexcept {
  if (c != nullptr) unpublish(*c, w);
  const outcome o = w.current();
  if (o != outcome::timed_out || !of_unit) return o;
  request_stop(*c, stop_deadline);
  return outcome::stopped;
}

void deliver_stop(detail::core& c) noexcept {
  waiter* const w = c.parked.load(std::memory_order_relaxed);
  if (w != nullptr && stop_wanted(c) && w->claim(outcome::stopped) == claimed::parked) w->resume();
}

bool stop_wanted(const detail::core& c) noexcept {
  return wanted(c.stop.load(std::memory_order_seq_cst));
}

namespace {

// For units without a home.
void take_out_and_stop(detail::core& c) noexcept {
  waiter* w = c.parked.load(std::memory_order_seq_cst);
  while (w != nullptr && w != busy &&
         !c.parked.compare_exchange_weak(w, busy, std::memory_order_seq_cst)) {
  }
  if (w == nullptr || w == busy) return;
  // Parked: w stays until resume, and its unit waits in unpublish until we are out.
  if (w->claim(outcome::stopped) == claimed::parked) w->resume();
  c.parked.store(nullptr, std::memory_order_release);
}

// Counted and noted once for each unit.
void note_asked(const detail::core& c) noexcept {
  detail::units_asked_to_stop.fetch_add(1, std::memory_order_relaxed);
  observe::note_asked_to_stop(c.id);
}

}  // namespace

void request_stop(detail::core& c, std::uint32_t why) noexcept {
  const std::uint32_t before = c.stop.fetch_or(why, std::memory_order_seq_cst);
  if ((before & why) != 0) return;
  if ((before & (stop_requested | stop_deadline)) == 0) note_asked(c);
  if (before < stop_shield_unit) {
    if (by_home(c)) {
      // relaxed: a coroutine that runs was started by a layer that had set it.
      if (auto* const deliver = stop_by_home.load(std::memory_order_relaxed)) deliver(c);
    } else {
      take_out_and_stop(c);
    }
  }
  if (std::stop_source* source = c.source.load(std::memory_order_seq_cst)) source->request_stop();
  if (c.kind == unit_kind::process && stop_process != nullptr) stop_process(c);
}

void throw_stopped(const detail::core* unit) {
  if (unit != nullptr && (unit->stop.load(std::memory_order_relaxed) &
                          (stop_requested | stop_deadline)) == stop_deadline)
    throw timed_out("trine: the unit's deadline has passed");
  throw cancelled();
}

void check_stop() {
  execution& me = self();
  detail::core* const unit = me.unit;
  if (unit != nullptr && !unwinding(me)) check_stop(*unit);
}

void check_stop(detail::core& unit) {
  if (on_first_stop_interest != nullptr) on_first_stop_interest();
  if (wanted(unit.stop.load(std::memory_order_relaxed))) throw_stopped(&unit);
  if (unit.deadline != base::never && base::now_ns() >= unit.deadline) {
    request_stop(unit, stop_deadline);
    if (wanted(unit.stop.load(std::memory_order_relaxed))) throw_stopped(&unit);
  }
}

std::stop_token stop_token_of(detail::core& c) {
  if (on_first_stop_interest != nullptr) on_first_stop_interest();
  std::stop_source& source = stop_source_of(c);
  // A stop that came before the source existed was only a bit; and a stopper may have set the bit
  // and not have come to the source yet. seq_cst: see stop_source_of.
  if ((c.stop.load(std::memory_order_seq_cst) & (stop_requested | stop_deadline)) != 0)
    source.request_stop();
  return source.get_token();
}

std::stop_source& stop_source_of(detail::core& c) {
  std::stop_source* source = c.source.load(std::memory_order_acquire);
  if (source == nullptr) {
    auto fresh = std::make_unique<std::stop_source>();
    // seq_cst, as in request_stop: it sets the bits and then looks for the source, this sets the
    // source and then looks at the bits; weaker, both could miss.
    if (c.source.compare_exchange_strong(source, fresh.get(), std::memory_order_seq_cst))
      source = fresh.release();
  }
  return *source;
}

}  // namespace trine::wait

namespace trine::detail {

void stop_point_slow() { wait::check_stop(); }

}  // namespace trine::detail
