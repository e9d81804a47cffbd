#include "thread/submit.hpp"

#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "base/fp_control.hpp"
#include "os/block_signals.hpp"
#include "os/lock.hpp"
#include "wait/completion.hpp"
#include "wait/idle.hpp"
#include "wait/waiter.hpp"

namespace trine::threads {
namespace {

constexpr std::size_t default_stack = 1024 * 1024;
constexpr std::size_t most_spares = 64;
constexpr std::int64_t spare_life_ns = 10'000'000'000;
constexpr int spins = 200;
constexpr char default_name[] = "trine-thread";

constexpr std::uint32_t no_job = 0;
constexpr std::uint32_t has_job = 1;
constexpr std::uint32_t dismissed = 2;  // no longer a spare: another size needed its place

// One OS thread. job, cpus and name are written by the submitter while the thread is a spare (or
// before it exists) and published by `word`.
struct os_thread {
  std::atomic<std::uint32_t> word{no_job};
  detail::core* job = nullptr;
  trine::cpu_set cpus;
  char name[16] = {};
  std::size_t stack_size = 0;
  os_thread* next = nullptr;  // guarded by the spares' lock
  char shown_name[16] = {};   // the thread's own
  bool confined = true;       // the thread's own: not under the program's CPU set (the spawner's)
  std::int32_t tid = 0;
};

struct spare_list {
  os::lock lock;
  os_thread* first = nullptr;
  std::size_t count = 0;
  std::atomic<std::size_t> made{0};
};

spare_list& spares() noexcept {
  static spare_list* all = new spare_list;  // threads may outlive static destructors
  return *all;
}

os_thread* take_spare(std::size_t stack_size) noexcept {
  spare_list& all = spares();
  os::hold guard(all.lock);
  for (os_thread** link = &all.first; *link != nullptr; link = &(*link)->next) {
    os_thread* const t = *link;
    if (t->stack_size != stack_size) continue;
    *link = t->next;
    --all.count;
    return t;
  }
  return nullptr;
}

// Takes a spare out of the full list to make room for one more of that stack size: the oldest of
// the size with the most spares, when those stay at least as many. Null: there are as many of this
// size as of any other. So each size keeps its share, and no two sizes drive each other out in
// turns. Under the lock.
os_thread* dismiss_one_for(std::size_t stack_size) noexcept {
  struct size_class {
    std::size_t stack_size = 0, count = 0;
    os_thread** oldest = nullptr;  // the newest come first in the list
  };
  spare_list& all = spares();
  size_class classes[most_spares + 1];
  std::size_t used = 1;
  classes[0].stack_size = stack_size;
  for (os_thread** link = &all.first; *link != nullptr; link = &(*link)->next) {
    std::size_t i = 0;
    while (i < used && classes[i].stack_size != (*link)->stack_size) ++i;
    if (i == used) classes[used++].stack_size = (*link)->stack_size;
    ++classes[i].count;
    classes[i].oldest = link;
  }
  const size_class& most =
      *std::max_element(classes, classes + used,
                        [](const size_class& a, const size_class& b) { return a.count < b.count; });
  if (most.count <= classes[0].count + 1) return nullptr;
  os_thread* const t = *most.oldest;
  *most.oldest = t->next;
  --all.count;
  return t;
}

bool become_spare(os_thread& t) noexcept {
  spare_list& all = spares();
  os_thread* leaves = nullptr;
  {
    os::hold guard(all.lock);
    if (all.count >= most_spares) {
      leaves = dismiss_one_for(t.stack_size);
      if (leaves == nullptr) return false;
    }
    t.next = all.first;
    all.first = &t;
    ++all.count;
  }
  if (leaves != nullptr) {
    // release: nothing is handed over; partner is the acquire in next_job. The wake only needs the
    // address: the thread may be gone by then.
    leaves->word.store(dismissed, std::memory_order_release);
    wait::wake_sleeper(leaves->word);
  }
  return true;
}

// False when a submitter has already taken it, or it was dismissed.
bool leave_spares(os_thread& t) noexcept {
  spare_list& all = spares();
  os::hold guard(all.lock);
  for (os_thread** link = &all.first; *link != nullptr; link = &(*link)->next) {
    if (*link != &t) continue;
    *link = t.next;
    --all.count;
    return true;
  }
  return false;
}

void to_kernel_set(const trine::cpu_set& cpus, ::cpu_set_t& out) noexcept {
  CPU_ZERO(&out);
  for (unsigned i = 0; i < trine::cpu_set::capacity && i < CPU_SETSIZE; ++i)
    if (cpus.contains(i)) CPU_SET(i, &out);
}

void require_usable(const trine::cpu_set& cpus) {
  if (cpus.empty()) return;
  ::cpu_set_t wanted, allowed, both;
  to_kernel_set(cpus, wanted);
  if (sched_getaffinity(getpid(), sizeof(allowed), &allowed) != 0) return;
  CPU_AND(&both, &wanted, &allowed);
  if (CPU_COUNT(&both) == 0)
    throw std::invalid_argument(
        "trine: the thread option cpus names no CPU that this program may use; "
        "see `taskset -p` or leave it empty");
}

void dress(os_thread& t) noexcept {
  const char* const name = t.name[0] != '\0' ? t.name : default_name;
  if (std::strcmp(name, t.shown_name) != 0) {
    std::strcpy(t.shown_name, name);
    pthread_setname_np(pthread_self(), name);
  }
  base::reset_fp_control();
  uselocale(LC_GLOBAL_LOCALE);  // nor does it begin with the locale of the unit before it
  if (!t.cpus.empty() || t.confined) {
    ::cpu_set_t set;
    bool known = true;
    if (t.cpus.empty()) {
      known = sched_getaffinity(getpid(), sizeof(set), &set) == 0;
    } else {
      to_kernel_set(t.cpus, set);
    }
    if (known) sched_setaffinity(0, sizeof(set), &set);
    t.confined = !t.cpus.empty();
  }
}

// Waits for the next unit. False: it is no longer needed.
bool next_job(os_thread& t) noexcept {
  // acquire: partner is the submitter's release; job, name and cpus are seen.
  std::uint32_t word = no_job;
  for (int i = 0; i < spins && word == no_job; ++i) {
    word = t.word.load(std::memory_order_acquire);
    base::relax();
  }
  if (word != no_job) return word == has_job;
  const std::int64_t until = base::now_ns() + spare_life_ns;
  while ((word = t.word.load(std::memory_order_acquire)) == no_job) {
    wait::sleep_on(t.word, no_job, until);
    if (base::now_ns() >= until && leave_spares(t)) return false;
  }
  return word == has_job;
}

std::int64_t cpu_time() noexcept {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void* thread_main(void* argument) {
  std::unique_ptr<os_thread> t(static_cast<os_thread*>(argument));
  wait::execution& me = wait::self();
  t->tid = static_cast<std::int32_t>(syscall(SYS_gettid));
  bool kept = true;
  detail::core* to_destroy = nullptr;
  while (kept && next_job(*t)) {
    t->word.store(no_job, std::memory_order_relaxed);
    detail::core& c = *t->job;
    dress(*t);
    me.unit = &c;
    me.slot = c.slot;
    c.slot->where.store(t->tid, std::memory_order_relaxed);
    c.ran_at = t->tid;
    const std::int64_t cpu = cpu_time();
    const std::int64_t began = base::now_ns();
    wait::run_body(c);
    if (wait::forked_copy.load(std::memory_order_relaxed)) [[unlikely]]
      wait::returned_in_copy();
    c.cpu_ns = cpu_time() - cpu;
    c.wall_ns = base::now_ns() - began;
    me.unit = nullptr;
    me.slot = nullptr;
    if (to_destroy != nullptr) detail::destroy(std::exchange(to_destroy, nullptr));
    // It is a spare before the unit has ended (see the header), and from then on runs no user code
    // that could wait for the very unit this thread is to run next.
    wait::prepare_to_finish(c);
    kept = become_spare(*t);
    if (!wait::finish(c)) continue;
    if (!kept || leave_spares(*t)) {
      detail::destroy(&c);
      if (kept) kept = become_spare(*t);
    } else {
      to_destroy = &c;  // the next unit is here already, after it; or this thread was dismissed
    }
  }
  if (to_destroy != nullptr) detail::destroy(to_destroy);
  return nullptr;
}

}  // namespace

void submit(detail::core& c, const thread_options& options) {
  require_usable(options.cpus);
  std::size_t stack = options.stack_size != 0 ? options.stack_size : default_stack;
  stack = std::max(stack, static_cast<std::size_t>(sysconf(_SC_THREAD_STACK_MIN)));
  stack = (stack + 4095) / 4096 * 4096;
  os_thread* t = take_spare(stack);
  const bool fresh = t == nullptr;
  if (fresh) {
    t = new os_thread;
    t->stack_size = stack;
  }
  t->job = &c;
  t->cpus = options.cpus;
  std::memcpy(t->name, options.name.c_str(), 15);
  t->name[15] = '\0';
  // release: partner is the acquire in next_job.
  t->word.store(has_job, std::memory_order_release);
  if (!fresh) {
    wait::wake_sleeper(t->word);
    return;
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  int error = pthread_attr_setstacksize(&attributes, stack);
  if (error == 0) {
    const os::block_signals no_signals;
    pthread_t handle;
    error = pthread_create(&handle, &attributes, &thread_main, t);
  }
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    delete t;
    throw std::system_error(error, std::generic_category(),
                            "trine: the system gave no thread; raise the limit on processes "
                            "(ulimit -u), free memory, or use coroutines");
  }
  spares().made.fetch_add(1, std::memory_order_relaxed);
}

std::size_t spare_count() noexcept {
  os::hold guard(spares().lock);
  return spares().count;
}

std::size_t made_count() noexcept { return spares().made.load(std::memory_order_relaxed); }

}  // namespace trine::threads
