#include "wait/stop.hpp"

#include <memory>

#include <trine/errors.hpp>

#include "base/cpu.hpp"
#include "wait/waiter.hpp"

namespace trine::wait {
namespace {

// In core::parked while a stopper looks at the waiter it took out.
waiter* const busy = reinterpret_cast<waiter*>(std::uintptr_t{1});

bool wanted(std::uint32_t bits) noexcept {
  return bits < stop_shield_unit && (bits & (stop_requested | stop_deadline)) != 0;
}

}  // namespace

void (*stop_process)(detail::core&) = nullptr;
void (*on_first_stop_interest)() = nullptr;

void publish(detail::core& c, waiter& w) noexcept {
  if (on_first_stop_interest != nullptr) on_first_stop_interest();
  // seq_cst on both: partner is request_stop's fetch_or then exchange. Weaker, the store to parked
  // could pass the load of stop, and a stop request between them would find nobody and be lost.
  c.parked.exchange(&w, std::memory_order_seq_cst);
  if (wanted(c.stop.load(std::memory_order_seq_cst))) w.claim(outcome::stopped);
}

void unpublish(detail::core& c, waiter& w) noexcept {
  waiter* seen = &w;
  if (c.parked.compare_exchange_strong(seen, nullptr, std::memory_order_acq_rel)) return;
  // A stopper has taken it: until it puts null back, it may still touch w.
  while (c.parked.load(std::memory_order_acquire) == busy) base::relax();
}

void request_stop(detail::core& c, std::uint32_t why) noexcept {
  const std::uint32_t before = c.stop.fetch_or(why, std::memory_order_seq_cst);
  if ((before & why) != 0) return;
  if (before < stop_shield_unit) {
    waiter* w = c.parked.load(std::memory_order_seq_cst);
    while (w != nullptr && w != busy &&
           !c.parked.compare_exchange_weak(w, busy, std::memory_order_seq_cst)) {
    }
    if (w != nullptr && w != busy) {
      const claimed how = w->claim(outcome::stopped);
      // Parked: w stays until resume, and its unit waits below in unpublish until we are out.
      if (how == claimed::parked) w->resume();
      c.parked.store(nullptr, std::memory_order_release);
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
  detail::core* const unit = self().unit;
  if (unit == nullptr) return;
  if (on_first_stop_interest != nullptr) on_first_stop_interest();
  if (wanted(unit->stop.load(std::memory_order_relaxed))) throw_stopped(unit);
  if (unit->deadline != base::never && base::now_ns() >= unit->deadline) {
    request_stop(*unit, stop_deadline);
    if (wanted(unit->stop.load(std::memory_order_relaxed))) throw_stopped(unit);
  }
}

std::stop_token stop_token_of(detail::core& c) {
  if (on_first_stop_interest != nullptr) on_first_stop_interest();
  std::stop_source* source = c.source.load(std::memory_order_acquire);
  if (source == nullptr) {
    auto fresh = std::make_unique<std::stop_source>();
    // seq_cst, as in request_stop: it sets the bits and then looks for the source, this sets the
    // source and then looks at the bits; weaker, both could miss.
    if (c.source.compare_exchange_strong(source, fresh.get(), std::memory_order_seq_cst))
      source = fresh.release();
    // A stop that came before the source existed was only a bit.
    if (c.stop.load(std::memory_order_seq_cst) % stop_shield_unit != 0) source->request_stop();
  }
  return source->get_token();
}

}  // namespace trine::wait
