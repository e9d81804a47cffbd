#include "process/process.hpp"

#include <unistd.h>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <trine/errors.hpp>

#include "process/code_address.hpp"
#include "process/join.hpp"
#include "process/keeper.hpp"
#include "process/pool.hpp"
#include "process/program_state.hpp"
#include "process/segment.hpp"
#include "process/worker.hpp"
#include "wait/completion.hpp"
#include "wait/stop.hpp"

namespace trine::process_layer {
namespace {

struct runtime {
  pool jobs;
  keeper care;
  explicit runtime(std::vector<std::string> environment) : care(jobs, std::move(environment)) {}
};

// Never destroyed: units may outlive static destructors.
std::atomic<runtime*> the_runtime{nullptr};
std::atomic<std::size_t> the_limit{0};
std::mutex making;

std::vector<std::string> environment_now() {
  std::vector<std::string> all;
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) all.emplace_back(*e);
  return all;
}

void stop_runtime() {
  if (runtime* const r = the_runtime.load(std::memory_order_acquire)) r->care.stop();
}

void forget_runtime() {
  if (runtime* const r = the_runtime.load(std::memory_order_acquire)) r->care.forget();
}

bool join_unit(detail::core& c, std::int64_t deadline, bool interruptible) {
  if (in_forked_copy()) {
    if (!interruptible) return false;  // a handle's destructor: it is the parent's to join
    throw usage_error(
        "trine: this process was made by fork() while the unit ran, which belongs to the parent; "
        "join it there");
  }
  return join(the_runtime.load(std::memory_order_acquire)->jobs,
              static_cast<detail::process_core&>(c), deadline, interruptible);
}

void stop_unit(detail::core& c) {
  // In a worker, its own job is a unit of kind process too, but none that this process spawned.
  if (is_worker_unit(c) || in_forked_copy()) return;
  if (runtime* const r = the_runtime.load(std::memory_order_acquire))
    r->jobs.stop(static_cast<detail::process_core&>(c));
}

runtime& get_runtime() {
  // acquire: partner is the release below.
  if (runtime* const r = the_runtime.load(std::memory_order_acquire)) return *r;
  const std::lock_guard guard(making);
  if (runtime* const r = the_runtime.load(std::memory_order_acquire)) return *r;
  // The environment of now, as exec would pass it on.
  auto* const fresh = new runtime(environment_now());
  fresh->jobs.set_limit(the_limit.load());
  install_hooks();
  at_program_end = stop_runtime;
  // release: partner is the acquire of who calls it.
  on_dead_segment.store([]() noexcept { the_runtime.load(std::memory_order_acquire)->jobs.poke(); },
                        std::memory_order_release);
  in_forked_child = forget_runtime;
  the_runtime.store(fresh, std::memory_order_release);
  return *fresh;
}

// Both functions by names that a worker understands; nearly always a few bytes.
void name_functions(detail::process_core& c) {
  struct overflow {
    static std::span<std::byte> to_large(void* context, std::size_t) {
      *static_cast<bool*>(context) = true;
      return {};
    }
  };
  bool too_long = false;
  try {
    byte_writer small(std::span<std::byte>(c.link.code), &overflow::to_large, &too_long);
    encode_address(small, reinterpret_cast<const void*>(c.entry));
    encode_address(small, c.function);
    c.link.code_bytes = static_cast<std::uint8_t>(small.size());
    return;
  } catch (const wire_error&) {
    if (!too_long) throw;
  }
  encode_address(c.link.code_large, reinterpret_cast<const void*>(c.entry));
  encode_address(c.link.code_large, c.function);
  if (c.link.code_large.size() > inline_most / 2)
    throw usage_error("trine: the path of a module of this program is too long for a process unit");
}

}  // namespace

void start(detail::process_core& c, const process_options& options,
           const std::source_location& where) {
  require_process_units();
  if (nesting_depth() >= most_nesting)
    throw usage_error(
        "trine: process units are nested 32 deep; does a function spawn itself without end?");
  if (options.wall_limit.count() < 0)
    throw std::invalid_argument("trine: wall_limit is negative; leave it 0 for no limit");
  c.options = options;
  name_functions(c);
  runtime& r = get_runtime();
  wait::register_unit(c, unit_kind::process, options.name.view(), options.deadline, where);
  try {
    r.jobs.submit(c);
  } catch (...) {
    wait::unregister_unit(c);
    throw;
  }
}

void install_hooks() noexcept {
  if (wait::join_process == join_unit) return;
  wait::join_process = join_unit;
  wait::stop_process = stop_unit;
}

void kill(detail::process_core& c) noexcept {
  if (in_forked_copy()) return;
  if (runtime* const r = the_runtime.load(std::memory_order_acquire)) r->jobs.kill(c);
}

void set_limit(std::size_t n) {
  const std::lock_guard guard(making);
  the_limit.store(n);
  if (runtime* const r = the_runtime.load(std::memory_order_acquire)) r->jobs.set_limit(n);
}

counters count() noexcept {
  runtime* const r = the_runtime.load(std::memory_order_acquire);
  if (r == nullptr) return {};
  const pool::counts n = r->jobs.count();
  return {n.warm,
          n.fresh,
          n.idle,
          n.queued,
          n.started,
          n.died,
          r->care.zygote_deaths(),
          r->care.zygote_pid()};
}

}  // namespace trine::process_layer
