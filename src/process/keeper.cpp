#include "process/keeper.hpp"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "base/clock.hpp"
#include "os/block_signals.hpp"
#include "os/pidfd.hpp"
#include "process/crash_report.hpp"

namespace trine::process_layer {
namespace {

constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t hello_patience = 30'000 * millisecond;
constexpr std::int64_t report_patience = 5'000 * millisecond;
constexpr std::int64_t forward_retry = 20 * millisecond;
constexpr std::int64_t longest_delay = 1'000 * millisecond;

}  // namespace

keeper::keeper(pool& p, std::vector<std::string> environment)
    : pool_(p), environment_(std::move(environment)) {
  epoll_ = os::above_standard(os::unique_fd(epoll_create1(EPOLL_CLOEXEC)));
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "trine: no epoll");
  watch(pool_.event(), about_event, 0);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1024 * 1024);
  const auto body = [](void* self) -> void* {
    pthread_setname_np(pthread_self(), "trine-keeper");
    static_cast<keeper*>(self)->run();
    return nullptr;
  };
  int error;
  {
    const os::block_signals blocked;
    error = pthread_create(&thread_, &attributes, body, this);
  }
  pthread_attr_destroy(&attributes);
  if (error != 0)
    throw std::system_error(error, std::generic_category(),
                            "trine: the system gave no thread to look after process units; raise "
                            "the limit on processes (ulimit -u)");
}

void keeper::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  pool_.poke();
  // exit() called by code that the keeper runs (a result's decoding): the process ends anyway.
  if (!pthread_equal(pthread_self(), thread_)) pthread_join(thread_, nullptr);
}

void keeper::forget() noexcept {
  zygote_.forget();
  epoll_.reset();
}

void keeper::watch(int fd, topic what, std::uint64_t serial, bool on) noexcept {
  if (fd < 0) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = serial << 2 | what;
  epoll_ctl(epoll_.get(), on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event);
}

void keeper::run() noexcept {
  // Where the program may run, not where the thread that happened to spawn first may: the zygote
  // and all workers inherit it.
  cpu_set_t everywhere;
  if (sched_getaffinity(getpid(), sizeof everywhere, &everywhere) == 0)
    sched_setaffinity(0, sizeof everywhere, &everywhere);
  while (!stopping_.load(std::memory_order_acquire)) {
    start_workers();
    wait_for_events(base::never);
    take_replies();
    check_timers();
  }
  end();
}

void keeper::wait_for_events(std::int64_t until) noexcept {
  const std::int64_t now = base::now_ns();
  const std::int64_t next = std::min(next_timer(), until);
  int timeout = -1;
  if (next != base::never)
    timeout =
        next <= now
            ? 0
            : static_cast<int>(std::min<std::int64_t>((next - now) / millisecond + 1, 60'000));
  epoll_event events[32];
  const int n = epoll_wait(epoll_.get(), events, 32, timeout);
  for (int i = 0; i < n; ++i) {
    const std::uint64_t about = events[i].data.u64 & 3;
    if (about == about_event) {
      os::clear_event(pool_.event());
    } else if (about == about_zygote) {
      hear_zygote();
    } else if (worker_link* const w = find(events[i].data.u64 >> 2)) {
      if (about == about_death)
        note_death(*w);
      else
        read_errors(*w);
    }
  }
  const std::vector<segment_name> dropped = take_dead_segments();
  if (!dropped.empty())
    for (worker_link* w : workers_) pool_.drop_segments(*w, dropped);
  const std::string errors = pool_.take_errors();
  if (!errors.empty()) forward_.add(errors);
}

worker_link* keeper::find(std::uint64_t serial) noexcept {
  for (worker_link* w : workers_)
    if (w->serial == serial) return w;
  return nullptr;
}

// ---- timers
// --------------------------------------------------------------------------------------

std::int64_t keeper::next_timer() noexcept {
  const std::int64_t now = base::now_ns();
  std::int64_t next = base::never;
  if (zygote_.now() == zygote_link::phase::starting)
    next = std::min(next, zygote_.started_at() + hello_patience);
  // Also when that time has come since: whoever looked then has seen it in the future.
  if (starts_wait_) next = std::min(next, start_again_at_);
  if (forward_.waiting()) next = std::min(next, now + forward_retry);
  for (worker_link* w : workers_) {
    next = std::min(next, w->check_limit(now));
    if (w->dead) next = std::min(next, w->dead_at + report_patience);
  }
  return next;
}

void keeper::check_timers() noexcept {
  const std::int64_t now = base::now_ns();
  if (zygote_.now() == zygote_link::phase::starting &&
      now >= zygote_.started_at() + hello_patience) {
    lose_zygote(true);
  }
  if (forward_.waiting()) forward_.flush();
  const bool read = !forward_.full();
  if (read != reading_errors_) {
    reading_errors_ = read;
    for (worker_link* w : workers_) watch(w->stderr_fd(), about_errors, w->serial, read);
  }
  for (std::size_t i = workers_.size(); i-- > 0;) {
    worker_link& w = *workers_[i];
    w.check_limit(now);
    if (w.take_pending_kill()) zygote_.signal(w.serial, SIGKILL);
    // The zygote is stopped, or too busy to say how it died.
    if (w.dead && now >= w.dead_at + report_patience) bury(w);
  }
}

void keeper::delay_starts() noexcept {
  const std::int64_t now = base::now_ns();
  // A failure after a quiet time begins anew.
  if (now > start_again_at_ + 10 * longest_delay) delay_ns_ = 0;
  delay_ns_ = delay_ns_ == 0 ? millisecond : std::min(delay_ns_ * 2, longest_delay);
  start_again_at_ = now + delay_ns_;
}

// ---- replies and deaths
// --------------------------------------------------------------------------

void keeper::take_all(worker_link& w, worker_link::taker who) noexcept {
  reply r;
  // finish() may give it a next job, whose reply may come at once.
  while (detail::process_core* const c = w.take(r, who)) pool_.finish(w, *c, r);
  if (w.damaged() && !w.dead) {
    pool_.doom(w);
    w.kill_now();
  }
}

void keeper::take_replies() noexcept {
  for (std::size_t i = 0; i < workers_.size(); ++i)
    take_all(*workers_[i], worker_link::taker::keeper);
}

void keeper::read_errors(worker_link& w) noexcept {
  std::string text;
  const bool open = w.read_errors(text);
  if (!text.empty()) forward_.add(text);
  if (!open) watch(w.stderr_fd(), about_errors, w.serial, false);
}

void keeper::note_death(worker_link& w) noexcept {
  if (!w.dead) {
    w.dead = true;
    w.dead_at = base::now_ns();
    watch(w.pidfd(), about_death, w.serial, false);
    pool_.doom(w);
    // A result that was sent counts.
    take_all(w, worker_link::taker::dead);
  }
  // Without a zygote nobody will say how it died.
  if (w.status_known || w.orphaned || zygote_.now() != zygote_link::phase::ready) bury(w);
}

void keeper::bury(worker_link& w) noexcept {
  bool begun = false;
  detail::process_core* const c = w.revoke(begun);
  read_errors(w);
  // A worker that dies before its first job does not die of one: the next may fare no better.
  const bool stillborn = !w.orphaned && !w.ever_began() && !w.was_killed() && !w.hit_wall_limit();
  const bool again = c != nullptr && !begun && !w.was_killed() && !w.hit_wall_limit() &&
                     (!stillborn || ++c->link.attempts < most_attempts);
  if (stillborn)
    delay_starts();
  else if (begun)
    delay_ns_ = 0;
  std::exception_ptr error;
  if (c != nullptr && !again) error = crash_of(w, *c);
  pool_.forget(w, c, again);
  // Moved: who rethrows it must not share it with this thread.
  if (c != nullptr && !again) pool_.end_with(*c, std::move(error));
  remove(w);
}

void keeper::remove(worker_link& w) noexcept {
  // Not left to close(): a child that the user forks may hold copies, and keep the entries alive.
  watch(w.stderr_fd(), about_errors, w.serial, false);
  watch(w.pidfd(), about_death, w.serial, false);
  workers_.erase(std::find(workers_.begin(), workers_.end(), &w));
  w.drop();
}

// ---- the end
// -------------------------------------------------------------------------------------

void keeper::end() noexcept {
  for (worker_link* w : pool_.close()) w->post_quit();
  pool_.fail_queued({"trine: the program ended before this process unit was begun", 0});
  take_replies();
  for (worker_link* w : workers_)
    if (w->busy()) w->kill_now();
  const std::int64_t patience = base::now_ns() + 1'000 * millisecond;
  while (!workers_.empty() && zygote_.now() == zygote_link::phase::ready &&
         base::now_ns() < patience)
    wait_for_events(patience);
  zygote_.end(2'000);
  zygote_pid_.store(0);
  while (!workers_.empty()) note_death(*workers_.back());
}

}  // namespace trine::process_layer
