#include "process/crash_report.hpp"

#include <sys/wait.h>
#include <cerrno>
#include <csignal>
#include <utility>

#include <trine/errors.hpp>

namespace trine::process_layer {
namespace {

std::exception_ptr make_crashed(crash_details details) noexcept {
  try {
    return std::make_exception_ptr(crashed(std::move(details)));
  } catch (...) {
    return std::current_exception();
  }
}

const char* advice(int error) noexcept {
  switch (error) {
    case EAGAIN:
      return "trine: the system gave no process for this job; raise the limit on processes (ulimit "
             "-u), or lower TRINE_PROCESSES";
    case ENOMEM:
      return "trine: there is no memory for another process; free some, or lower TRINE_PROCESSES";
    case EMFILE:
    case ENFILE:
    case ETOOMANYREFS:
      return "trine: no file descriptor is left for another worker process; raise the limit on "
             "open "
             "files (ulimit -n), or lower TRINE_PROCESSES";
    default:
      return "trine: no worker process could be made for this job";
  }
}

}  // namespace

std::exception_ptr crash_of(worker_link& w, detail::process_core& c) noexcept {
  c.ran_at = w.pid();
  c.peak_bytes = w.peak_bytes;
  if (w.fresh) c.cpu_ns = w.cpu_ns;
  try {
    crash_details d;
    d.unit_name = c.options.name.c_str();
    d.pid = w.pid();
    if (!w.status_known) {
      d.signal = SIGKILL;  // it died with the zygote
    } else if (WIFSIGNALED(w.status)) {
      d.signal = WTERMSIG(w.status);
    } else {
      d.exit_code = WEXITSTATUS(w.status);
    }
    d.killed = w.was_killed() && d.signal == SIGKILL;
    if (w.hit_wall_limit() && d.signal == SIGKILL)
      d.limit = limit_kind::wall_time;
    else if (c.options.memory_limit != 0 && w.hit_memory_limit())
      d.limit = limit_kind::memory;
    d.stderr_tail = w.error_tail();
    return make_crashed(std::move(d));
  } catch (...) {
    return std::current_exception();
  }
}

std::exception_ptr crash_before_start(const detail::process_core& c) noexcept {
  try {
    crash_details d;
    d.unit_name = c.options.name.c_str();
    d.signal = SIGKILL;
    d.killed = true;
    return make_crashed(std::move(d));
  } catch (...) {
    return std::current_exception();
  }
}

failure no_process(int error) { return {advice(error), error}; }

}  // namespace trine::process_layer
