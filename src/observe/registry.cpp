#include "observe/registry.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "os/lock.hpp"

namespace trine::observe {
namespace {

constexpr unsigned index_bits = 24;
static_assert(slot_count <= (1U << index_bits));

struct mapping {
  slot* base = nullptr;
  int fd = -1;
};

// After the slots: which groups have any in use.
using directory = std::atomic<std::uint8_t>*;
constexpr std::size_t slots_bytes = sizeof(slot) * slot_count;
constexpr std::size_t mapping_bytes = slots_bytes + group_count;
directory directory_of(slot* base) noexcept {
  return reinterpret_cast<directory>(reinterpret_cast<char*>(base) + slots_bytes);
}

// At `place`, instead of what is mapped there, or anywhere when it is null.
mapping map_slots(slot* place) noexcept {
  const std::size_t bytes = mapping_bytes;
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

// The slots go back to the kernel by the group. Guarded by the registry's lock. Indices of slots
// and groups are kept as index + 1, so that zero memory is a registry of which nothing was used.
struct group {
  std::uint32_t free_head;  // slots that came back, by slot::next_free
  std::uint32_t next;       // links of the list it is in
  std::uint32_t previous;   // of groups with free slots only
  std::uint32_t floor;      // generations of its slots before the pages went back
  std::uint16_t cut;        // slots ever handed out since the group was last empty
  std::uint16_t out;        // handed out now, to units or to caches of threads
};

group the_groups[group_count];

constexpr std::uint32_t most_resident = (4U << 20) / (group_slots * sizeof(slot));

struct registry {
  mapping memory = map_slots(nullptr);
  os::lock lock;
  std::uint32_t partial = 0;   // groups with some slots out and some not
  std::uint32_t resident = 0;  // groups with none out, whose pages are here
  std::uint32_t hollow = 0;    // and whose pages are gone
  std::uint32_t resident_count = 0;
  std::atomic<std::uint32_t> used_groups{0};  // written under lock
  std::atomic<std::uint64_t> refused{0};
  std::uint32_t dumped = 0;  // groups that a core file would hold
  std::uint32_t forks = 0;   // since the program began: slots of before are no slots of ours
  group* const groups = the_groups;

  std::uint32_t take(std::uint32_t* out, std::uint32_t count) noexcept;
  void give(const std::uint32_t* slots, std::uint32_t count) noexcept;

 private:
  bool open_group() noexcept;
  void link(std::uint32_t g) noexcept;
  void unlink(std::uint32_t g) noexcept;
  void release_pages(std::uint32_t g) noexcept;
};

// A core file need not hold what was never used. What was not told to be dumped is left out.
void hide_all(registry& r) noexcept {
  r.dumped = 0;
  if (r.memory.base != nullptr) madvise(r.memory.base, slots_bytes, MADV_DONTDUMP);
}
void show_up_to(registry& r, std::uint32_t groups) noexcept {
  if (groups <= r.dumped) return;
  std::uint32_t wanted = r.dumped == 0 ? 32 : r.dumped;
  while (wanted < groups) wanted *= 2;
  madvise(r.memory.base, sizeof(slot) * group_slots * wanted, MADV_DODUMP);
  r.dumped = wanted;
}

std::atomic<bool> made{false};

registry& the_registry() noexcept {
  // Never destroyed: units may outlive static destructors.
  static registry* r = [] {
    auto* const fresh = new registry;
    hide_all(*fresh);
    made.store(true, std::memory_order_relaxed);
    the_debugger_view = {fresh->memory.base, &fresh->used_groups, directory_of(fresh->memory.base),
                         group_slots};
    // A child of fork() must not write into the registry it shares with its parent.
    pthread_atfork(nullptr, nullptr, &renew);
    return fresh;
  }();
  return *r;
}

// What units get that found the registry full. Relaxed stores from several threads are harmless.
slot the_shared_slot;

// Each thread keeps some free slots, so that entering and leaving take no lock. Without a
// destructor: units enter and leave after the thread_locals have ended, and the compiler drops what
// a destructor stores in its own object.
struct cache {
  static constexpr std::uint32_t capacity = 64;
  std::uint32_t count = 0;
  bool closed = false;  // the thread is ending: keep nothing
  std::uint32_t index[capacity] = {};

  void refill(registry& r) noexcept;
  void spill(registry& r, std::uint32_t keep) noexcept;
};

thread_local constinit cache t_cache{};

// Before the first slot comes into an empty cache.
void empty_at_thread_end() noexcept {
  struct guard {
    ~guard() {
      t_cache.spill(the_registry(), 0);
      t_cache.closed = true;
    }
  };
  thread_local const guard at_end;
  (void)at_end;
}

void registry::link(std::uint32_t g) noexcept {
  groups[g].previous = 0;
  groups[g].next = partial;
  if (partial != 0) groups[partial - 1].previous = g + 1;
  partial = g + 1;
}

void registry::unlink(std::uint32_t g) noexcept {
  const group& it = groups[g];
  (it.previous != 0 ? groups[it.previous - 1].next : partial) = it.next;
  if (it.next != 0) groups[it.next - 1].previous = it.previous;
}

// Makes an empty group one with free slots.
bool registry::open_group() noexcept {
  std::uint32_t g;
  const std::uint32_t used = used_groups.load(std::memory_order_relaxed);
  if (resident != 0) {
    g = resident - 1;
    resident = groups[g].next;
    --resident_count;
  } else if (hollow != 0) {
    g = hollow - 1;
    hollow = groups[g].next;
  } else if (used < group_count && memory.base != nullptr) {
    g = used;
    show_up_to(*this, used + 1);
    // release: partner is the acquire in used(); a slot is zero (free) before it is counted.
    used_groups.store(used + 1, std::memory_order_release);
  } else {
    return false;
  }
  groups[g].free_head = 0;
  groups[g].cut = 0;
  directory_of(memory.base)[g].store(1, std::memory_order_relaxed);
  link(g);
  return true;
}

std::uint32_t registry::take(std::uint32_t* out, std::uint32_t count) noexcept {
  const os::hold guard(lock);
  std::uint32_t taken = 0;
  while (taken < count && (partial != 0 || open_group())) {
    const std::uint32_t g = partial - 1;
    group& it = groups[g];
    while (taken < count && it.out < group_slots) {
      std::uint32_t index;
      if (it.free_head != 0) {
        index = it.free_head - 1;
        it.free_head = memory.base[index].next_free.load(std::memory_order_relaxed);
      } else {
        index = g * group_slots + it.cut++;
        slot& fresh = memory.base[index];
        if (fresh.generation < it.floor) fresh.generation = it.floor;
      }
      out[taken++] = index;
      ++it.out;
    }
    if (it.out == group_slots) unlink(g);
  }
  return taken;
}

void registry::give(const std::uint32_t* slots, std::uint32_t count) noexcept {
  const os::hold guard(lock);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t g = slots[i] / group_slots;
    group& it = groups[g];
    memory.base[slots[i]].next_free.store(it.free_head, std::memory_order_relaxed);
    it.free_head = slots[i] + 1;
    if (it.out-- == group_slots) link(g);
    if (it.out != 0) continue;
    unlink(g);
    directory_of(memory.base)[g].store(0, std::memory_order_relaxed);
    if (resident_count < most_resident) {
      it.next = resident;
      resident = g + 1;
      ++resident_count;
    } else {
      release_pages(g);
      it.next = hollow;
      hollow = g + 1;
    }
  }
}

// Some two microseconds under the lock, once for each group_slots units of those that were many.
void registry::release_pages(std::uint32_t g) noexcept {
  slot* const first = memory.base + g * group_slots;
  for (std::uint32_t i = 0; i < groups[g].cut; ++i)
    if (first[i].generation > groups[g].floor) groups[g].floor = first[i].generation;
  const int saved = errno;
  // A hole in the file, for pages that others may have mapped as well.
  madvise(first, group_slots * sizeof(slot), memory.fd >= 0 ? MADV_REMOVE : MADV_DONTNEED);
  errno = saved;
}

void cache::refill(registry& r) noexcept {
  if (!closed) empty_at_thread_end();
  count = r.take(index, capacity / 2);
}

void cache::spill(registry& r, std::uint32_t keep) noexcept {
  if (count <= keep) return;
  r.give(index + keep, count - keep);
  count = keep;
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

slot* unlisted() noexcept { return &the_shared_slot; }

__attribute__((noinline)) void leave(slot* s) noexcept {
  if (s == &the_shared_slot) return;
  registry& r = the_registry();
  s->id.store(0, std::memory_order_release);
  cache& mine = t_cache;
  if (mine.count == 0 && !mine.closed) empty_at_thread_end();
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
  r.partial = r.resident = r.hollow = r.resident_count = 0;
  std::fill_n(r.groups, r.used_groups.load(std::memory_order_relaxed), group{});
  r.used_groups.store(0, std::memory_order_relaxed);
  ++r.forks;
  t_cache.count = 0;
}

std::uint32_t epoch() noexcept { return the_registry().forks; }
std::uint64_t refused() noexcept { return the_registry().refused.load(std::memory_order_relaxed); }
const slot* slots() noexcept { return the_registry().memory.base; }
std::uint32_t used_groups() noexcept {
  return the_registry().used_groups.load(std::memory_order_acquire);
}
bool occupied(std::uint32_t g) noexcept {
  // relaxed: a group that is about to be used is not missed by much.
  return directory_of(the_registry().memory.base)[g].load(std::memory_order_relaxed) != 0;
}
int registry_fd() noexcept { return the_registry().memory.fd; }

}  // namespace trine::observe
