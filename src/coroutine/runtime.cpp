#include "coroutine/runtime.hpp"

#include <sched.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <trine/errors.hpp>

#include "base/check.hpp"
#include "coroutine/overflow.hpp"
#include "coroutine/submit.hpp"
#include "os/asymmetric_fence.hpp"
#include "os/block_signals.hpp"
#include "os/thread_locale.hpp"
#include "wait/completion.hpp"
#include "wait/stop.hpp"

namespace trine::coroutines {
namespace {

constexpr unsigned most_workers = 1024;
constexpr std::uint32_t most_injected = 1U << 26;

std::atomic<runtime*> the_runtime{nullptr};
std::atomic<unsigned> wanted_workers{0};
os::lock start_lock;

unsigned usable_cpus() noexcept {
  cpu_set_t set;
  // The main thread's mask: the spawner may be a thread unit with CPUs of its own.
  if (sched_getaffinity(getpid(), sizeof(set), &set) == 0) {
    const int n = CPU_COUNT(&set);
    if (n > 0) return static_cast<unsigned>(n);
  }
  const long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 ? static_cast<unsigned>(n) : 1;
}

// wait/stop.hpp: a coroutine is stopped by its home.
void stop_by_home(detail::core& c) noexcept {
  // acquire: partner is worker::start, which has read c.next for the last time.
  int home = c.home.load(std::memory_order_acquire);
  if (home < 0) {
    // After the bits were set; partner is the light fence in worker::start. Either we see the home
    // now, or the unit sees the bits when it first waits.
    os::heavy_fence();
    home = c.home.load(std::memory_order_acquire);
  }
  runtime* const pool = runtime::existing();
  if (home < 0 || pool == nullptr) return;
  worker& w = pool->at(static_cast<unsigned>(home));
  if (worker::here() == &w) return wait::deliver_stop(c);
  if ((c.stop.fetch_or(wait::stop_posted, std::memory_order_seq_cst) & wait::stop_posted) != 0)
    return;
  detail::retain(&c);
  w.push_stop(c);
}

void freeze_at_exit() noexcept {
  if (runtime* const r = runtime::existing()) r->freeze();
}

// In the child of a fork() by the user there are no workers. A coroutine that forked goes on as the
// child's only thread; the other coroutines of its home are the parent's and must not run here.
void in_forked_child() noexcept {
  the_runtime.store(nullptr, std::memory_order_relaxed);
  if (worker::here() != nullptr) worker::become_thread();
}

void* thread_main(void* argument) {
  auto* const w = static_cast<worker*>(argument);
  char name[16];
  std::snprintf(name, sizeof(name), "trine-worker-%u", w->index());
  pthread_setname_np(pthread_self(), name);
  cpu_set_t set;
  if (sched_getaffinity(getpid(), sizeof(set), &set) == 0) sched_setaffinity(0, sizeof(set), &set);
  w->run();
}

}  // namespace

runtime& runtime::get() {
  if (runtime* r = existing()) return *r;
  os::hold guard(start_lock);
  if (runtime* r = existing()) return *r;
  // release: partner is the acquire in existing(); all of the runtime is seen with it.
  runtime* const made = new runtime;  // lives until the process ends
  the_runtime.store(made, std::memory_order_release);
  // No user code may start while static objects are destroyed.
  std::atexit([] { freeze_at_exit(); });
  pthread_atfork(nullptr, nullptr, [] { in_forked_child(); });
  return *made;
}

runtime* runtime::existing() noexcept { return the_runtime.load(std::memory_order_acquire); }

runtime::runtime() : size_(configured_workers()), workers_(new worker*[size()]) {
  const unsigned wanted = size();
  os::prepare_fences();
  for (unsigned i = 0; i < wanted; ++i) {
    workers_[i] = new worker(*this, i);
    if (!workers_[i]->prepare())
      throw std::system_error(errno, std::generic_category(),
                              "trine: no memory for the first coroutine stacks; raise the "
                              "address-space limit (ulimit -v)");
  }
  wait::stop_by_home.store(&stop_by_home, std::memory_order_relaxed);
  report_overflows();
  int error = 0;
  unsigned started = 0;
  const os::block_signals no_signals;
  for (; started < wanted; ++started) {
    error = pthread_create(&workers_[started]->thread, nullptr, &thread_main, workers_[started]);
    if (error != 0) break;
    pthread_detach(workers_[started]->thread);
  }
  if (started == 0)
    throw std::system_error(error, std::generic_category(),
                            "trine: no thread could be made for coroutines to run on; raise the "
                            "limit on processes (ulimit -u) or free memory");
  // Fewer than wanted: go on with those there are, as a smaller machine would.
  if (started < wanted) size_.store(started, std::memory_order_relaxed);
  monitor_.start();
}

void runtime::inject(runnable r) noexcept {
  {
    os::hold guard(lock_);
    if ((r & 1) != 0) {
      roaming_.push(reinterpret_cast<suspended*>(r & ~runnable{1}));
    } else {
      fresh_.push(reinterpret_cast<detail::core*>(r));
    }
    // Under the lock: who takes it counts it off, and the count must not fall below zero.
    // seq_cst: counted, then the sleepers are looked at; a sleeper announces itself, then looks at
    // the count. Weaker, both could miss and the job would lie there.
    injected_.fetch_add(1, std::memory_order_seq_cst);
  }
  if (sleepers_.load(std::memory_order_seq_cst) != 0 &&
      searchers_.load(std::memory_order_seq_cst) == 0)
    wake_one(nullptr);
}

runnable runtime::take_injected() noexcept {
  runnable r = 0;
  {
    os::hold guard(lock_);
    if (suspended* s = roaming_.pop()) {
      r = reinterpret_cast<runnable>(s) | 1;
    } else if (detail::core* c = fresh_.pop()) {
      r = reinterpret_cast<runnable>(c);
    }
  }
  if (r != 0) injected_.fetch_sub(1, std::memory_order_seq_cst);
  return r;
}

bool runtime::crowded() const noexcept {
  return injected_.load(std::memory_order_relaxed) >= most_injected;
}

void runtime::wake_one(const worker* not_this) noexcept {
  const unsigned first = next_wake_.fetch_add(1, std::memory_order_relaxed);
  for (unsigned k = 0; k < size(); ++k) {
    worker& w = *workers_[(first + k) % size()];
    if (&w != not_this && w.asleep()) return w.wake();
  }
}

void runtime::freeze() noexcept {
  wait::coroutines_ended.store(true, std::memory_order_relaxed);
  frozen_.store(true, std::memory_order_seq_cst);
  for (unsigned i = 0; i < size(); ++i) workers_[i]->wake();
  // A body that makes no Trine call cannot be stopped; the program must end all the same.
  worker* const mine = worker::here();
  // A coroutine that runs exit() goes on as a plain thread: when a destructor of a global waits, no
  // other coroutine of this home may run on its stack of destructors.
  if (mine != nullptr) worker::become_thread();
  const std::uint32_t expected = size() - (mine != nullptr ? 1 : 0);
  for (int i = 0; i < 100 && stopped_.load(std::memory_order_acquire) < expected; ++i) usleep(500);
}

void runtime::stop_here() noexcept {
  stopped_.fetch_add(1, std::memory_order_release);
  for (;;) pause();
}

void set_workers(unsigned count) {
  if (count > most_workers)
    throw std::invalid_argument("trine: at most 1024 coroutine workers; ask for fewer");
  if (runtime::existing() != nullptr)
    throw usage_error(
        "trine: configure() came after the first coroutine was spawned; call it before");
  wanted_workers.store(count, std::memory_order_relaxed);
}

unsigned configured_workers() {
  const unsigned wanted = wanted_workers.load(std::memory_order_relaxed);
  if (wanted != 0) return wanted;
  const unsigned cpus = usable_cpus();
  return cpus < most_workers ? cpus : most_workers;
}

bool worker::prepare() noexcept {
  seen_.resize(pool_.size());
  current_ = take_stack(class_for(default_stack_size));
  const bool fenced = !os::fences_are_asymmetric.load(std::memory_order_relaxed);
  forks_.here = {nullptr, &current_, fenced};
  return current_ != nullptr && have_spare() && forks_.prepare(512, fenced);
}

void worker::run() noexcept {
  set_here(this);
  execution_ = &wait::self();
  execution_->sched = this;
  exceptions_ = wait::this_thread_exceptions();
  errno_ = &errno;
  static constinit const locale_t unknown = nullptr;
  locale_ = os::locale_word();
  program_locale_ = locale_ != nullptr ? *locale_ : LC_GLOBAL_LOCALE;
  if (locale_ == nullptr) locale_ = &unknown;
  forks_.here.unit = &execution_->unit;
  set_fork_side(&forks_);
  now_ = base::now_ns();
  equip_for_overflow();
  void* outside;
#if defined(TRINE_ASAN)
  void* fake;
  __sanitizer_start_switch_fiber(&fake, current_->low, class_size(current_->stack_class));
#endif
#if defined(TRINE_TSAN)
  __tsan_switch_to_fiber(current_->fiber, 0);
#endif
  switch_context(&outside, make_context(current_->top, &worker::loop_entry, this));
  __builtin_unreachable();
}

}  // namespace trine::coroutines
