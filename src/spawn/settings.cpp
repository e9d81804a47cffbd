#include "spawn/settings.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <trine/configure.hpp>
#include <trine/errors.hpp>

#include "coroutine/runtime.hpp"
#include "os/lock.hpp"
#include "process/process.hpp"

namespace trine {
namespace {

constexpr unsigned most = 1024;

os::lock the_lock;
settings given;  // guarded by the_lock

// 0 when the variable is not set.
unsigned number_from(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return 0;
  unsigned value = 0;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || stop != end || value == 0 || value > most)
    throw std::invalid_argument("trine: " + std::string(variable) + " is \"" + text +
                                "\"; give a whole number from 1 to 1024, or unset it");
  return value;
}

void require_io_backend() {
  const char* const text = std::getenv("TRINE_IO");
  if (text == nullptr || std::strcmp(text, "uring") == 0 || std::strcmp(text, "epoll") == 0) return;
  throw std::invalid_argument("trine: TRINE_IO is \"" + std::string(text) +
                              "\"; it is uring or epoll, or unset it");
}

void require_range(unsigned value, const char* name) {
  if (value > most)
    throw std::invalid_argument("trine: configure() got " + std::to_string(value) + " " + name +
                                "; at most 1024 are possible");
}

}  // namespace

void configure(const settings& wanted) {
  require_range(wanted.workers, "workers");
  require_range(wanted.processes, "processes");
  os::hold guard(the_lock);
  if (spawning::settings_applied.load(std::memory_order_relaxed))
    throw usage_error("trine: configure() came after the first spawn; call it first thing in main");
  given = wanted;
}

unsigned worker_count() {
  spawning::apply_settings();
  if (coroutines::runtime* pool = coroutines::runtime::existing()) return pool->size();
  return coroutines::configured_workers();
}

namespace spawning {

void apply_settings() {
  if (settings_applied.load(std::memory_order_acquire)) return;
  os::hold guard(the_lock);
  if (settings_applied.load(std::memory_order_relaxed)) return;
  // Both are read even where configure() overrules them: a bad value is an error, not ignored.
  const unsigned workers = number_from("TRINE_WORKERS");
  const unsigned processes = number_from("TRINE_PROCESSES");
  require_io_backend();
  coroutines::set_workers(given.workers != 0 ? given.workers : workers);
  process_layer::set_limit(given.processes != 0 ? given.processes : processes);
  // release: partner is the acquire above; who sees it sees the settings.
  settings_applied.store(true, std::memory_order_release);
}

}  // namespace spawning
}  // namespace trine
