#include "observe/registry.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cstring>
#include <new>

#include "os/lock.hpp"

namespace trine::observe {
namespace {

constexpr std::uint32_t no_slot = 0xffffffff;
constexpr unsigned index_bits = 24;
static_assert(slot_count <= (1U << index_bits));

struct mapping {
  slot* base = nullptr;
  int fd = -1;
};

// At `place`, instead of what is mapped there, or anywhere when it is null.
mapping map_slots(slot* place) noexcept {
  const std::size_t bytes = sizeof(slot) * slot_count;
  const int fixed = place != nullptr ? MAP_FIXED : 0;
  mapping m;
  m.fd = memfd_create("trine-registry", MFD_CLOEXEC);
  if (m.fd >= 0 && ftruncate(m.fd, static_cast<off_t>(bytes)) == 0) {
    void* p =
        mmap(place, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | fixed, m.fd, 0);
    if (p != MAP_FAILED) {
      m.base = static_cast<slot*>(p);
      return m;
    }
  }
  if (m.fd >= 0) close(m.fd);
  m.fd = -1;
  // No memfd here (a filter, or no descriptor left): the registry is then visible to debuggers
  // and in-process readers only.
  void* p = mmap(place, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
  if (p != MAP_FAILED) m.base = static_cast<slot*>(p);
  return m;
}

struct registry {
  mapping memory = map_slots(nullptr);
  os::lock lock;
  std::uint32_t free_head = no_slot;   // guarded by lock
  std::atomic<std::uint32_t> used{0};  // written under lock
  std::atomic<std::uint64_t> refused{0};
  std::uint32_t dumped = 0;  // slots that a core file would hold
  std::uint32_t forks = 0;   // since the program began: slots of before are no slots of ours
};

// A core file need not hold what was never used. What was not told to be dumped is left out.
void hide_all(registry& r) noexcept {
  r.dumped = 0;
  if (r.memory.base != nullptr) madvise(r.memory.base, sizeof(slot) * slot_count, MADV_DONTDUMP);
}
void show_up_to(registry& r, std::uint32_t used) noexcept {
  if (used <= r.dumped) return;
  std::uint32_t wanted = r.dumped == 0 ? 4096 : r.dumped;
  while (wanted < used) wanted *= 2;
  madvise(r.memory.base, sizeof(slot) * wanted, MADV_DODUMP);
  r.dumped = wanted;
}

std::atomic<bool> made{false};

registry& the_registry() noexcept {
  // Never destroyed: units may outlive static destructors.
  static registry* r = [] {
    auto* const fresh = new registry;
    hide_all(*fresh);
    made.store(true, std::memory_order_relaxed);
    the_debugger_view = {fresh->memory.base, &fresh->used};
    // A child of fork() must not write into the registry it shares with its parent.
    pthread_atfork(nullptr, nullptr, &renew);
    return fresh;
  }();
  return *r;
}

// What units get that found the registry full. Relaxed stores from several threads are harmless.
slot the_shared_slot;

// Each thread keeps some free slots, so that entering and leaving take no lock.
struct cache {
  static constexpr std::uint32_t capacity = 64;
  std::uint32_t count = 0;
  bool closed = false;  // the thread is ending: keep nothing
  std::uint32_t index[capacity];

  ~cache();
  void refill(registry& r) noexcept;
  void spill(registry& r, std::uint32_t keep) noexcept;
};

thread_local cache t_cache;

cache::~cache() {
  spill(the_registry(), 0);
  closed = true;
}

void cache::refill(registry& r) noexcept {
  os::hold guard(r.lock);
  while (count < capacity / 2 && r.free_head != no_slot) {
    index[count++] = r.free_head;
    r.free_head = r.memory.base[r.free_head].next_free.load(std::memory_order_relaxed);
  }
  if (count != 0 || r.memory.base == nullptr) return;
  std::uint32_t used = r.used.load(std::memory_order_relaxed);
  while (count < capacity / 2 && used < slot_count) index[count++] = used++;
  show_up_to(r, used);
  // release: partner is the acquire in used(); a slot is zero (free) before it is counted.
  r.used.store(used, std::memory_order_release);
}

void cache::spill(registry& r, std::uint32_t keep) noexcept {
  os::hold guard(r.lock);
  while (count > keep) {
    const std::uint32_t i = index[--count];
    r.memory.base[i].next_free.store(r.free_head, std::memory_order_relaxed);
    r.free_head = i;
  }
}

void write_name(slot& s, std::string_view name) noexcept {
  char bytes[32] = {};
  if (!name.empty()) std::memcpy(bytes, name.data(), name.size() < 31 ? name.size() : 31);
  for (int i = 0; i < 4; ++i) {
    std::uint64_t word;
    std::memcpy(&word, bytes + 8 * i, 8);
    s.name[i].store(word, std::memory_order_release);
  }
}

}  // namespace

[[gnu::used]] debugger_view the_debugger_view{};

const char* to_string(state s) noexcept {
  constexpr const char* names[] = {"free", "queued", "running", "ready", "parked"};
  return names[static_cast<unsigned>(s) % 5];
}

const char* to_string(reason r) noexcept {
  constexpr const char* names[] = {"nothing",   "join",    "sleep",  "mutex", "condition",
                                   "semaphore", "channel", "select", "event", "io",
                                   "worker",    "other",   "tasks"};
  return names[static_cast<unsigned>(r) % 13];
}

__attribute__((noinline)) slot* enter(unit_kind kind, std::uint64_t parent, std::string_view name,
                                      const std::source_location* where) noexcept {
  registry& r = the_registry();
  cache& mine = t_cache;
  if (mine.count == 0) mine.refill(r);
  if (mine.count == 0) {
    r.refused.fetch_add(1, std::memory_order_relaxed);
    return &the_shared_slot;
  }
  const std::uint32_t index = mine.index[--mine.count];
  if (mine.closed) mine.spill(r, 0);
  slot& s = r.memory.base[index];
  // release, after leave() took the last id out: partner is the acquire in read() (dump.cpp).
  constexpr auto release = std::memory_order_release;
  s.parent.store(parent, release);
  s.file.store(where != nullptr ? where->file_name() : nullptr, release);
  s.function.store(where != nullptr ? where->function_name() : nullptr, release);
  s.line.store(where != nullptr ? where->line() : 0, release);
  s.kind.store(kind, release);
  s.now.store(state::queued, release);
  s.why.store(reason::nothing, release);
  s.foreign.store(false, release);
  s.since.store(0, release);
  s.object.store(nullptr, release);
  s.parks.store(0, release);
  s.where.store(0, release);
  if (!name.empty() || s.name[0].load(std::memory_order_relaxed) != 0) write_name(s, name);
  ++s.generation;
  // release: partner is the acquire load of id in a reader; without it the reader could take the
  // last unit's fields for this one's.
  s.id.store((static_cast<std::uint64_t>(s.generation) << index_bits) | index,
             std::memory_order_release);
  return &s;
}

__attribute__((noinline)) void leave(slot* s) noexcept {
  if (s == &the_shared_slot) return;
  registry& r = the_registry();
  s->id.store(0, std::memory_order_release);
  cache& mine = t_cache;
  if (mine.count == cache::capacity) mine.spill(r, cache::capacity / 2);
  mine.index[mine.count++] = static_cast<std::uint32_t>(s - r.memory.base);
  if (mine.closed) mine.spill(r, 0);
}

std::uint64_t id_of(const slot* s) noexcept {
  if (s == &the_shared_slot) {
    // Unlisted units still have distinct ids: the index of no slot, and a count.
    static std::atomic<std::uint64_t> count{0};
    return ((count.fetch_add(1, std::memory_order_relaxed) + 1) << index_bits) |
           ((1U << index_bits) - 1);
  }
  return s->id.load(std::memory_order_relaxed);
}

void mark_long_run(slot& s, std::uint64_t id, std::int64_t since) noexcept {
  s.long_run_since.store(since, std::memory_order_relaxed);
  // release: partner is the acquire in read() (dump.cpp), which then sees since when.
  s.long_run_id.store(id, std::memory_order_release);
}

void unmark_long_run(slot& s) noexcept { s.long_run_id.store(0, std::memory_order_relaxed); }

void renew() noexcept {
  if (!made.load(std::memory_order_relaxed)) return;
  registry& r = the_registry();
  if (r.memory.fd >= 0) close(r.memory.fd);
  r.memory = map_slots(r.memory.base);
  new (&r.lock) os::lock;  // its holder may not exist here
  hide_all(r);
  r.free_head = no_slot;
  r.used.store(0, std::memory_order_relaxed);
  ++r.forks;
  t_cache.count = 0;
}

std::uint32_t epoch() noexcept { return the_registry().forks; }
std::uint64_t refused() noexcept { return the_registry().refused.load(std::memory_order_relaxed); }
const slot* slots() noexcept { return the_registry().memory.base; }
std::uint32_t used() noexcept { return the_registry().used.load(std::memory_order_acquire); }
int registry_fd() noexcept { return the_registry().memory.fd; }

}  // namespace trine::observe
