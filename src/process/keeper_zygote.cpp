// The keeper's dealings with the zygote: having one, and having workers made.
#include <sys/wait.h>
#include <cerrno>
#include <csignal>
#include <new>
#include <string>
#include <system_error>

#include "base/clock.hpp"
#include "process/crash_report.hpp"
#include "process/keeper.hpp"

namespace trine::process_layer {
namespace {

constexpr std::size_t most_unanswered_forks = 16;
constexpr unsigned most_zygotes_killed = 5;

// The zygote ended, or was given up, before it could serve.
failure no_zygote(int status, bool too_late) {
  std::string how = "ended";
  if (too_late)
    how = "was not ready after 30 seconds";
  else if (WIFSIGNALED(status))
    how = "was ended by signal " + std::to_string(WTERMSIG(status));
  else if (WIFEXITED(status))
    how = "exited with code " + std::to_string(WEXITSTATUS(status));
  return {
      "trine: no worker process can be made: this program was started a second time for that, up "
      "to the end of its static constructors, and it " +
          how + "; do static constructors exit, crash or wait?",
      too_late ? ETIMEDOUT : ECHILD};
}

}  // namespace

void keeper::start_workers() noexcept {
  starts_wait_ = false;
  if (pool_.wanted() == pool::want::nothing) return;
  if (base::now_ns() < start_again_at_) {
    starts_wait_ = true;
    return;
  }
  if (zygote_.now() == zygote_link::phase::none) {
    failure why;
    try {
      why = zygote_.launch(pool_.event(), environment_);
    } catch (const std::bad_alloc&) {
      why = no_process(ENOMEM);
    }
    if (!why) {
      zygote_pid_.store(zygote_.pid());
      watch(zygote_.socket(), about_zygote, 0);
    } else if (why.error == 0) {
      pool_.refuse_for_ever(why);
    } else {
      pool_.fail_queued(why);
    }
    return;
  }
  while (zygote_.now() == zygote_link::phase::ready && unanswered_forks_ < most_unanswered_forks) {
    const pool::want kind = pool_.wanted();
    if (kind == pool::want::nothing) return;
    if (!start_worker(kind == pool::want::fresh)) {
      starts_wait_ = true;
      return;
    }
  }
}

bool keeper::start_worker(bool fresh) noexcept {
  worker_link::worker_ends ends;
  worker_link* w = nullptr;
  try {
    workers_.reserve(workers_.size() + 1);
    w = new worker_link(++last_serial_, fresh, ends);
  } catch (const std::system_error& e) {
    cannot_start(nullptr, fresh, e.code().value());
    return false;
  } catch (...) {
    cannot_start(nullptr, fresh, ENOMEM);
    return false;
  }
  detail::process_core* job;
  if (!pool_.adopt(*w, job)) {
    w->drop();
    return false;
  }
  workers_.push_back(w);
  watch(w->stderr_fd(), about_errors, w->serial);
  // Before the worker exists, so that it begins at once.
  pool_.send(*w, *job);
  if (fresh && !w->busy()) {  // its job could not be sent, and it would wait for it for ever
    bury(*w);
    return true;
  }
  if (!zygote_.fork(w->serial, ends.channel.get(), ends.errors.get(), ends.segments.get())) {
    cannot_start(w, fresh, errno);
    return false;
  }
  ++unanswered_forks_;
  return true;
}

void keeper::cannot_start(worker_link* w, bool fresh, int error) noexcept {
  delay_starts();
  const bool others = workers_.size() > (w != nullptr ? 1U : 0U);
  const bool zygote_died = error == EPIPE || error == ECONNRESET;
  bool begun = false;
  detail::process_core* const c = w != nullptr ? w->revoke(begun) : pool_.take_queued(fresh);
  bool again = false;
  if (c != nullptr && zygote_died) {
    again = true;  // its end of file is on the way, and then a new one
  } else if (c != nullptr && others) {
    // Other workers will take a warm job; a fresh one may find room when some of them end.
    again = !fresh || ++c->link.attempts < most_attempts;
  }
  if (w != nullptr) {
    pool_.forget(*w, c, again);
    remove(*w);
  } else if (again) {
    pool_.queue_again(*c);
  }
  if (c != nullptr && !again) pool_.end_with(*c, no_process(error).make());
  if (!others && !zygote_died) pool_.fail_queued(no_process(error));
}

void keeper::hear_zygote() noexcept {
  zygote_message m;
  os::received with;
  while (zygote_.next(m, with)) {
    if (with.size == 0) {
      lose_zygote(false);
      return;
    }
    m.text[sizeof m.text - 1] = '\0';
    handle(m, with);
  }
}

void keeper::handle(const zygote_message& m, os::received& with) noexcept {
  if (m.verb == zygote_verb::hello || m.verb == zygote_verb::refused) {
    const std::string why = m.verb == zygote_verb::refused ? m.text : zygote_.greet(m);
    if (why.empty()) {
      zygotes_killed_ = 0;
      return;
    }
    pool_.refuse_for_ever({why, 0});
    lose_zygote(false);
    return;
  }
  if (m.verb == zygote_verb::forked || m.verb == zygote_verb::failed) --unanswered_forks_;
  worker_link* const w = find(m.serial);
  if (w == nullptr) return;
  if (m.verb == zygote_verb::forked) {
    w->came_to_life(m.pid, std::move(with.fds[0]));
    watch(w->pidfd(), about_death, w->serial);
  } else if (m.verb == zygote_verb::failed) {
    cannot_start(w, w->fresh, m.number);
  } else if (m.verb == zygote_verb::exited) {
    w->status_known = true;
    w->status = m.number;
    w->cpu_ns = m.cpu_ns;
    w->peak_bytes = m.peak_bytes;
    note_death(*w);
  }
}

void keeper::lose_zygote(bool too_late) noexcept {
  const bool starting = zygote_.now() == zygote_link::phase::starting;
  watch(zygote_.socket(), about_zygote, 0, false);
  // When this returns, all workers have been sent SIGKILL: those whose birth was not reported too.
  const int status = zygote_.end(0);
  zygote_pid_.store(0);
  zygote_deaths_.fetch_add(1);
  unanswered_forks_ = 0;
  // Killed from outside (no memory?), which another attempt may be spared.
  const bool killed = !too_late && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (starting && !(killed && ++zygotes_killed_ < most_zygotes_killed))
    pool_.fail_queued(no_zygote(status, too_late));
  else
    delay_starts();
  for (std::size_t i = workers_.size(); i-- > 0;) {
    worker_link& w = *workers_[i];
    w.orphaned = true;
    // The others' pidfds say when they are dead.
    if (w.dead || w.pidfd() < 0)
      note_death(w);
    else
      w.kill_now();
  }
}

}  // namespace trine::process_layer
