// From a typed job to a running unit: the checks every spawn makes, then the layer of its kind.
#include <string>
#include <trine/detail/fair.hpp>
#include <trine/errors.hpp>
#include <trine/handle.hpp>

#include "coroutine/submit.hpp"
#include "process/process.hpp"
#include "process/program_state.hpp"
#include "spawn/settings.hpp"
#include "thread/submit.hpp"
#include "wait/alarm.hpp"
#include "wait/completion.hpp"

namespace trine::detail {
namespace {

// The load is all that a second spawn pays.
void require_ready() {
  fair_point();
  process_layer::require_running();
  if (!spawning::settings_applied.load(std::memory_order_acquire)) spawning::apply_settings();
}

template <class Options, class Submit>
void start_local(core* c, unit_kind kind, const Options& options, const std::source_location& where,
                 Submit submit) {
  require_ready();
  wait::register_unit(*c, kind, options.name.view(), options.deadline, where);
  try {
    if (c->deadline != no_deadline) wait::set_alarm(*c);
    submit(*c, options);
  } catch (...) {
    if (c->deadline != no_deadline) wait::clear_alarm(*c);
    wait::unregister_unit(*c);
    throw;
  }
}

}  // namespace

void start(core* c, const coroutine_options& options, const std::source_location& where) {
  start_local(c, unit_kind::coroutine, options, where, coroutines::submit);
}

void start(core* c, const thread_options& options, const std::source_location& where) {
  start_local(c, unit_kind::thread, options, where, threads::submit);
}

void start(process_core* c, const process_options& options, const std::source_location& where) {
  require_ready();
  process_layer::start(*c, options, where);
}

void kill(core* c) {
  if (c->kind != unit_kind::process)
    throw usage_error(std::string("trine: a ") + to_string(c->kind) +
                      " cannot be killed, only asked to stop: call request_stop(), or run it as a "
                      "process");
  process_layer::kill(*static_cast<process_core*>(c));
}

void abandon(core* c) noexcept {
  // Done, though it never began: a scope may still hold a reference.
  if (wait::finish(*c)) {
    destroy(c);
  } else {
    release(c);
  }
}

unit_stats stats_of(const core* c) noexcept {
  unit_stats s;
  s.id = c->id;
  s.kind = c->kind;
  if (!is_done(c)) return s;
  s.parks = c->parks;
  s.ran_at = c->ran_at;
  if (c->cpu_ns >= 0) s.cpu_time = std::chrono::nanoseconds(c->cpu_ns);
  if (c->wall_ns >= 0) s.wall_time = std::chrono::nanoseconds(c->wall_ns);
  if (c->peak_bytes >= 0) s.peak_memory = static_cast<std::size_t>(c->peak_bytes);
  return s;
}

void throw_empty_handle() {
  throw usage_error(
      "trine: this handle holds no unit; it was moved from, detached, or never given one");
}

void throw_taken() {
  throw usage_error("trine: get() was called a second time; keep the result of the first");
}

}  // namespace trine::detail
