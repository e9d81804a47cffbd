#include "process/pool.hpp"

#include <sched.h>
#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include <trine/errors.hpp>

#include "observe/registry.hpp"
#include "process/crash_report.hpp"
#include "process/remote_exception.hpp"
#include "wait/completion.hpp"
#include "wait/waiter.hpp"

namespace trine::process_layer {
namespace {

using stage = detail::process_link;

// Twice the processors the program may use, because bodies block; and four at least, so that a few
// units that wait for each other can all run.
std::size_t default_limit() noexcept {
  cpu_set_t set;
  const int processors = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::max<std::size_t>(4, static_cast<std::size_t>(processors) * 2);
}

constexpr std::size_t most_errors_kept = 256 * 1024;

std::exception_ptr cannot_send(int error) {
  if (error == ENOMEM) return std::make_exception_ptr(std::bad_alloc());
  return std::make_exception_ptr(std::system_error(
      error, std::generic_category(),
      "trine: the memory that this call shares cannot be handed to the worker process; is the "
      "limit on open files (ulimit -n) reached?"));
}

}  // namespace

void unit_queue::push_back(detail::process_core& c) noexcept {
  c.link.next = nullptr;
  c.link.previous = last_;
  (last_ != nullptr ? last_->link.next : first_) = &c;
  last_ = &c;
  ++size_;
}

void unit_queue::push_front(detail::process_core& c) noexcept {
  c.link.previous = nullptr;
  c.link.next = first_;
  (first_ != nullptr ? first_->link.previous : last_) = &c;
  first_ = &c;
  ++size_;
}

detail::process_core* unit_queue::pop_front() noexcept {
  detail::process_core* const c = first_;
  if (c != nullptr) erase(*c);
  return c;
}

void unit_queue::erase(detail::process_core& c) noexcept {
  (c.link.previous != nullptr ? c.link.previous->link.next : first_) = c.link.next;
  (c.link.next != nullptr ? c.link.next->link.previous : last_) = c.link.previous;
  c.link.next = c.link.previous = nullptr;
  --size_;
}

pool::pool() : event_(os::make_event()), limit_(default_limit()) {}

void pool::submit(detail::process_core& c) {
  worker_link* w = nullptr;
  bool refused = false;
  {
    os::hold guard(lock_);
    if (closed_)
      throw usage_error(
          "trine: spawn was called while the program ends; join your units before main returns");
    if (refusal_) {
      refused = true;  // for ever: it changes no more
    } else if (!c.options.fresh && idle_ != nullptr) {
      w = idle_;
      remove_idle(*w);
      assign(*w, c);
    } else if (warm_queue_.size() + fresh_queue_.size() >= most_queued) {
      throw std::system_error(
          EAGAIN, std::generic_category(),
          "trine: a million process units wait already; join some before you spawn more");
    } else {
      c.link.stage = stage::queued;
      (c.options.fresh ? fresh_queue_ : warm_queue_).push_back(c);
      if (!c.options.fresh && warm_ >= limit_) return;  // whoever gets free takes it
    }
  }
  if (refused)
    end_with(c, refusal_.make());
  else if (w != nullptr)
    send(*w, c, wait::self().sched == nullptr);
  else
    poke();
}

void pool::assign(worker_link& w, detail::process_core& c) noexcept {
  c.link.stage = stage::running;
  c.link.worker = &w;
  // For send(), which needs no lock: the job may end and be released meanwhile, and its worker be
  // buried.
  detail::retain(&c);
  w.retain();
  w.assign(c);
}

void pool::send(worker_link& w, detail::process_core& c, bool soon) noexcept {
  std::string errors;
  const int error = w.send(c, soon, errors);
  if (!errors.empty()) add_errors(std::move(errors));
  if (error != 0) {
    if (w.unassign(c)) {
      next_job(w, c);
      end_with(c, cannot_send(error));
    }
  } else if (w.damaged()) {
    doom(w);
    w.kill_now();
  } else if (c.options.wall_limit.count() > 0) {
    poke();  // the keeper must know of the new limit
  }
  detail::release(&c);
  w.drop();
}

void pool::finish(worker_link& w, detail::process_core& c, const reply& r) noexcept {
  try {
    if (r.no_memory) throw std::bad_alloc();
    byte_reader in(r.payload);
    if (r.header.kind == reply_kind::exception)
      c.error = detail::decode_exception(in);
    else if (c.decode_result != nullptr)
      c.decode_result(&c, in);
    in.expect_end();
  } catch (...) {
    c.error = std::current_exception();
  }
  c.cpu_ns = r.header.cpu_ns;
  c.wall_ns = r.header.wall_ns;
  c.peak_bytes = r.header.peak_bytes;
  c.ran_at = r.header.pid;
  c.attached.clear();
  // The worker goes on while the joiner wakes.
  next_job(w, c);
  wait::complete(c);
}

void pool::end_with(detail::process_core& c, std::exception_ptr error) noexcept {
  c.attached.clear();
  wait::complete_with(c, std::move(error));
}

void pool::next_job(worker_link& w, detail::process_core& ended) noexcept {
  w.trim();
  {
    os::hold guard(lock_);
    ended.link.stage = stage::ended;
  }
  give_job(w, true);
}

void pool::drop_segments(worker_link& w, std::span<const segment_name> names) noexcept {
  if (!w.note_dropped(names)) return;
  {
    os::hold guard(lock_);
    if (!w.idle) return;
    remove_idle(w);
  }
  w.tell_dropped();
  give_job(w, false);
}

void pool::give_job(worker_link& w, bool used) noexcept {
  detail::process_core* c = nullptr;
  {
    os::hold guard(lock_);
    if (w.doomed || w.fresh) return;
    if (!closed_) c = next_queued(false);
    if (c != nullptr)
      assign(w, *c);
    else
      push_idle(w, used);
  }
  if (c != nullptr) send(w, *c);
}

detail::process_core* pool::next_queued(bool fresh) noexcept {
  return (fresh ? fresh_queue_ : warm_queue_).pop_front();
}

void pool::push_idle(worker_link& w, bool used) noexcept {
  w.idle = true;
  w.idle_previous = used ? nullptr : idle_last_;
  w.idle_next = used ? idle_ : nullptr;
  (w.idle_previous != nullptr ? w.idle_previous->idle_next : idle_) = &w;
  (w.idle_next != nullptr ? w.idle_next->idle_previous : idle_last_) = &w;
  ++idle_count_;
}

void pool::remove_idle(worker_link& w) noexcept {
  if (!w.idle) return;
  w.idle = false;
  (w.idle_previous != nullptr ? w.idle_previous->idle_next : idle_) = w.idle_next;
  (w.idle_next != nullptr ? w.idle_next->idle_previous : idle_last_) = w.idle_previous;
  --idle_count_;
}

void pool::kill(detail::process_core& c) noexcept {
  bool never_ran = false;
  bool poke_keeper = false;
  {
    os::hold guard(lock_);
    if (c.link.stage == stage::queued) {
      (c.options.fresh ? fresh_queue_ : warm_queue_).erase(c);
      c.link.stage = stage::ended;
      never_ran = true;
    } else if (c.link.stage == stage::running) {
      auto& w = *static_cast<worker_link*>(c.link.worker);
      // A worker that is about to die gets no other job, which would die with it.
      if (w.kill_job(c)) {
        w.doomed = true;
        poke_keeper = true;
      }
    }
  }
  if (never_ran) end_with(c, crash_before_start(c));
  if (poke_keeper) poke();
}

void pool::stop(detail::process_core& c) noexcept {
  os::hold guard(lock_);
  if (c.link.stage == stage::running) static_cast<worker_link*>(c.link.worker)->stop_job(c);
}

worker_link* pool::worker_of(detail::process_core& c) noexcept {
  os::hold guard(lock_);
  if (c.link.stage != stage::running) return nullptr;
  auto* const w = static_cast<worker_link*>(c.link.worker);
  w->retain();
  return w;
}

pool::want pool::wanted() noexcept {
  os::hold guard(lock_);
  if (closed_) return want::nothing;
  if (!fresh_queue_.empty() && fresh_ < most_fresh) return want::fresh;
  if (!warm_queue_.empty() && warm_ < limit_) return want::warm;
  return want::nothing;
}

bool pool::adopt(worker_link& w, detail::process_core*& job) noexcept {
  os::hold guard(lock_);
  job = closed_ ? nullptr : next_queued(w.fresh);
  if (job == nullptr) return false;
  ++(w.fresh ? fresh_ : warm_);
  ++started_;
  assign(w, *job);
  return true;
}

void pool::doom(worker_link& w) noexcept {
  os::hold guard(lock_);
  w.doomed = true;
  remove_idle(w);
}

void pool::forget(worker_link& w, detail::process_core* job, bool again) noexcept {
  os::hold guard(lock_);
  w.doomed = true;
  remove_idle(w);
  --(w.fresh ? fresh_ : warm_);
  ++died_;
  if (job == nullptr) return;
  if (!again) {
    job->link.stage = stage::ended;
    return;
  }
  push_again(*job);
}

void pool::push_again(detail::process_core& c) noexcept {
  c.link.worker = nullptr;
  c.link.stage = stage::queued;
  c.slot->now.store(observe::state::queued, std::memory_order_relaxed);
  (c.options.fresh ? fresh_queue_ : warm_queue_).push_front(c);
}

detail::process_core* pool::take_queued(bool fresh) noexcept {
  os::hold guard(lock_);
  detail::process_core* const c = next_queued(fresh);
  if (c != nullptr) c->link.stage = stage::ended;
  return c;
}

void pool::queue_again(detail::process_core& c) noexcept {
  os::hold guard(lock_);
  push_again(c);
}

void pool::fail_queued(const failure& why) noexcept {
  for (;;) {
    detail::process_core* c = nullptr;
    {
      os::hold guard(lock_);
      c = next_queued(false);
      if (c == nullptr) c = next_queued(true);
      if (c == nullptr) return;
      c->link.stage = stage::ended;
    }
    end_with(*c, why.make());
  }
}

void pool::refuse_for_ever(const failure& why) noexcept {
  {
    os::hold guard(lock_);
    if (!refusal_) refusal_ = why;
  }
  fail_queued(why);
}

std::vector<worker_link*> pool::close() noexcept {
  std::vector<worker_link*> told;
  os::hold guard(lock_);
  closed_ = true;
  while (idle_ != nullptr) {
    worker_link* const w = idle_;
    remove_idle(*w);
    w->doomed = true;
    told.push_back(w);
  }
  return told;
}

void pool::add_errors(std::string text) noexcept {
  {
    os::hold guard(lock_);
    if (errors_.size() + text.size() > most_errors_kept) return;
    if (errors_.empty())
      errors_ = std::move(text);
    else
      errors_ += text;
  }
  poke();
}

std::string pool::take_errors() noexcept {
  os::hold guard(lock_);
  return std::exchange(errors_, {});
}

void pool::set_limit(std::size_t n) noexcept {
  {
    os::hold guard(lock_);
    limit_ = n == 0 ? default_limit() : n;
  }
  poke();
}

pool::counts pool::count() noexcept {
  os::hold guard(lock_);
  return {warm_, fresh_, idle_count_, warm_queue_.size() + fresh_queue_.size(), started_, died_};
}

}  // namespace trine::process_layer
