#include "coroutine/stack.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>

#include "base/check.hpp"
#include "coroutine/sanitizers.hpp"
#include "coroutine/valgrind.hpp"
#include "os/advise.hpp"
#include "os/lock.hpp"

namespace trine::coroutines {
namespace {

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

constexpr std::size_t description_size = 128;
static_assert(sizeof(stack) <= description_size && sizeof(suspended) <= 64);
constexpr std::size_t page = 4096;

constexpr unsigned most_chunks = 1024;
constexpr std::uint32_t first_slots = 16;
constexpr std::uint32_t most_slots = 4096;
// Where memory is locked, all of a new mapping is resident.
constexpr std::uint32_t most_locked_slots = 4;
constexpr std::uint32_t most_guards_at_once = 32;
// The pool keeps so many stacks with their pages, of so much address space at most.
constexpr std::size_t most_dirty = os::most_ranges;
constexpr std::size_t most_dirty_bytes = std::size_t{16} << 20;
// A chunk that is all free goes when so many others are free, or as many as are in use.
constexpr std::size_t kept_free = 2048;

// Guards by mprotect from the first refusal on (an older kernel; or memory is locked).
std::atomic<bool> use_mprotect{false};

std::size_t slot_size(unsigned stack_class) noexcept {
  return class_size(stack_class) + guard_size;
}

// How many of the guards stand now, from the first on. When not all, errno says why.
std::size_t install_guards(const iovec* guards, std::size_t count) noexcept {
  std::size_t done = 0;
  if (!use_mprotect.load(std::memory_order_relaxed)) {
    done = os::advise(guards, count, MADV_GUARD_INSTALL);
    if (done == count || errno == ENOMEM) return done;
    use_mprotect.store(true, std::memory_order_relaxed);
  }
  while (done < count && mprotect(guards[done].iov_base, guards[done].iov_len, PROT_NONE) == 0)
    ++done;
  return done;
}

// One mapping. Slots are numbered; lists link number + 1 through `links`.
struct chunk {
  char* base = nullptr;
  std::uint32_t slots = 0;
  std::uint32_t used = 0;       // slots that were ever taken
  std::uint32_t idle = 0;       // of them, in the two lists
  std::uint32_t free_head = 0;  // guarded, no page
  std::uint32_t bare_head = 0;  // without a guard, which was refused
  std::uint32_t* links = nullptr;
  std::uint32_t next = 0;  // of the chunks that have a slot to give, or of the vacant ones
  std::uint32_t previous = 0;
  bool retiring = false;  // about to be unmapped; in no list

  bool has_slots() const noexcept { return free_head != 0 || bare_head != 0 || used < slots; }
  void push(std::uint32_t& head, std::uint32_t slot) noexcept {
    links[slot] = head;
    head = slot + 1;
    ++idle;
  }
  std::uint32_t pop(std::uint32_t& head) noexcept {
    const std::uint32_t slot = head - 1;
    head = links[slot];
    --idle;
    return slot;
  }
};

// All stacks of one size. Under the lock there is no system call but the mapping of a chunk.
class size_pool {
 public:
  stack* take(unsigned stack_class) noexcept;
  void give(stack* s) noexcept;
  void count(stack_counts& into, unsigned stack_class) noexcept;

 private:
  bool grow(unsigned stack_class) noexcept;
  stack* describe(unsigned stack_class, std::uint32_t chunk_index, std::uint32_t slot) noexcept;
  bool guard_some(unsigned stack_class, std::uint32_t& chunk_index, std::uint32_t& slot,
                  os::hold& held) noexcept;
  void clean_some(unsigned stack_class, os::hold& held) noexcept;
  void retire(unsigned stack_class, std::uint32_t chunk_index) noexcept;
  void link(std::uint32_t chunk_index) noexcept;
  void unlink(std::uint32_t chunk_index) noexcept;
  void idle_again(std::uint32_t chunk_index, std::uint32_t slot, bool guarded) noexcept;

  os::lock lock_;
  chunk chunks_[most_chunks];
  std::uint32_t count_ = 0;      // chunks ever used
  std::uint32_t available_ = 0;  // list of those that have a slot to give
  std::uint32_t vacant_ = 0;     // list of those without a mapping
  std::uint32_t mapped_ = 0;
  bool locked_ = false;     // new mappings are resident at once
  stack* dirty_ = nullptr;  // free, as they were left
  std::size_t dirty_count_ = 0;
  std::size_t taken_ = 0;
  std::size_t idle_ = 0;
  std::size_t most_ = 0;
};

size_pool the_pools[stack_classes];

void size_pool::link(std::uint32_t i) noexcept {
  chunks_[i].previous = 0;
  chunks_[i].next = available_;
  if (available_ != 0) chunks_[available_ - 1].previous = i + 1;
  available_ = i + 1;
}

void size_pool::unlink(std::uint32_t i) noexcept {
  const chunk& c = chunks_[i];
  (c.previous != 0 ? chunks_[c.previous - 1].next : available_) = c.next;
  if (c.next != 0) chunks_[c.next - 1].previous = c.previous;
}

// Doubling keeps the number of mappings small for a million stacks; the first is small, so that a
// program with three coroutines reserves little; the bound keeps what one munmap costs small.
bool size_pool::grow(unsigned stack_class) noexcept {
  if (vacant_ == 0 && count_ == most_chunks) {
    errno = ENOMEM;
    return false;
  }
  const std::size_t slot = slot_size(stack_class);
  std::uint32_t slots = std::min(first_slots << std::min(mapped_, 16U), most_slots);
  if (locked_) slots = std::min(slots, most_locked_slots);
  for (; slots != 0; slots /= 2) {
    void* const p = mmap(nullptr, slots * slot, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (p == MAP_FAILED) continue;  // an address-space limit may allow less
    auto* const links = new (std::nothrow) std::uint32_t[slots];
    if (links == nullptr) {
      munmap(p, slots * slot);
      errno = ENOMEM;
      return false;
    }
    madvise(p, slots * slot, MADV_NOHUGEPAGE);  // one touched page must not cost 2 MiB
    unsigned char resident = 0;
    if (mincore(p, page, &resident) == 0) locked_ = (resident & 1) != 0;
    const std::uint32_t i = vacant_ != 0 ? vacant_ - 1 : count_++;
    if (vacant_ != 0) vacant_ = chunks_[i].next;
    chunks_[i] = {};
    chunks_[i].base = static_cast<char*>(p);
    chunks_[i].slots = slots;
    chunks_[i].links = links;
    ++mapped_;
    link(i);
    return true;
  }
  return false;
}

stack* size_pool::describe(unsigned stack_class, std::uint32_t chunk_index,
                           std::uint32_t slot) noexcept {
  char* const low = chunks_[chunk_index].base + slot * slot_size(stack_class) + guard_size;
  char* const end = low + class_size(stack_class);
  auto* const s = new (end - description_size) stack{};
  s->low = low;
  // Stacks that all begin at the same offset would compete for the same cache sets; 16 places of
  // one line each spread the first lines.
  s->top = end - description_size - (slot % 16) * 64 - 64;
  auto* const yielded = new (s->top) suspended;
  yielded->on = s;
  yielded->exceptions = nullptr;
  s->stack_class = stack_class;
  s->chunk = chunk_index;
  s->index = slot;
#if defined(TRINE_TSAN)
  s->fiber = __tsan_create_fiber(0);
#endif
  s->valgrind = tell_valgrind(low, end);
#if defined(TRINE_ASAN)
  // What parked coroutines hold is reachable; the guard is left out, reading it would fault.
  __lsan_register_root_region(low, class_size(stack_class));
#endif
  return s;
}

// Reserves some slots of a chunk that has none with a guard, and installs theirs, without the lock.
// The first is the caller's.
bool size_pool::guard_some(unsigned stack_class, std::uint32_t& chunk_index, std::uint32_t& slot,
                           os::hold& held) noexcept {
  const std::uint32_t i = chunk_index;
  chunk& c = chunks_[i];
  // As many again as one in eight of what is in use: a few for a few.
  const std::uint32_t wanted = std::clamp(c.used / 8, 1U, most_guards_at_once);
  std::uint32_t mine[most_guards_at_once];
  iovec guards[most_guards_at_once];
  std::uint32_t n = 0;
  while (n < wanted && (c.bare_head != 0 || c.used < c.slots)) {
    if (c.bare_head != 0) {
      mine[n] = c.pop(c.bare_head);
      --idle_;
    } else {
      mine[n] = c.used++;
    }
    guards[n] = {c.base + mine[n] * slot_size(stack_class), guard_size};
    ++n;
  }
  if (!c.has_slots()) unlink(i);
  held.drop();
  const std::size_t done = install_guards(guards, n);
  const int error = errno;
  {
    const os::hold again(lock_);
    for (std::uint32_t k = n; k-- > (done != 0 ? 1 : 0);) idle_again(i, mine[k], k < done);
    if (done != 0) {
      slot = mine[0];
      ++taken_;
      most_ = std::max(most_, taken_ + dirty_count_);
      return true;
    }
  }
  errno = error;
  return false;
}

void size_pool::idle_again(std::uint32_t i, std::uint32_t slot, bool guarded) noexcept {
  chunk& c = chunks_[i];
  if (!c.has_slots()) link(i);
  c.push(guarded ? c.free_head : c.bare_head, slot);
  ++idle_;
}

stack* size_pool::take(unsigned stack_class) noexcept {
  std::uint32_t i;
  std::uint32_t slot;
  {
    os::hold held(lock_);
    if (stack* const s = dirty_) {
      dirty_ = s->next;
      --dirty_count_;
      ++taken_;
      return s;
    }
    if (available_ == 0 && !grow(stack_class)) return nullptr;
    i = available_ - 1;
    chunk& c = chunks_[i];
    if (c.free_head != 0) {
      slot = c.pop(c.free_head);
      if (!c.has_slots()) unlink(i);
      --idle_;
      ++taken_;
      most_ = std::max(most_, taken_ + dirty_count_);
    } else if (!guard_some(stack_class, i, slot, held)) {
      return nullptr;
    }
  }
  return describe(stack_class, i, slot);
}

void size_pool::give(stack* s) noexcept {
  const unsigned stack_class = s->stack_class;
  os::hold held(lock_);
  s->next = dirty_;
  dirty_ = s;
  ++dirty_count_;
  --taken_;
  if (dirty_count_ > std::min(most_dirty - 1, most_dirty_bytes / class_size(stack_class)))
    clean_some(stack_class, held);
}

// Gives the pages of all dirty stacks back, without the lock.
void size_pool::clean_some(unsigned stack_class, os::hold& held) noexcept {
  struct place {
    std::uint32_t chunk, slot;
  };
  place places[most_dirty];
  iovec ranges[most_dirty];
  stack* s = dirty_;
  dirty_ = nullptr;
  dirty_count_ = 0;
  held.drop();
  std::size_t n = 0;
  while (s != nullptr) {
    stack* const after = s->next;
    places[n] = {s->chunk, s->index};
    ranges[n++] = {s->low, class_size(stack_class)};
#if defined(TRINE_TSAN)
    __tsan_destroy_fiber(s->fiber);
#endif
    forget_in_valgrind(s->valgrind);
#if defined(TRINE_ASAN)
    __lsan_unregister_root_region(s->low, class_size(stack_class));
    __asan_unpoison_memory_region(s->low, class_size(stack_class));
#endif
    s = after;
  }
  os::advise(ranges, n, MADV_DONTNEED);
  std::uint32_t whole[most_dirty];
  std::size_t whole_count = 0;
  {
    const os::hold again(lock_);
    for (std::size_t k = 0; k < n; ++k) idle_again(places[k].chunk, places[k].slot, true);
    // Not only those just touched: one may have become whole while the rest was in use.
    const std::size_t kept = std::max(kept_free, taken_);
    for (std::uint32_t i = 0; i < count_ && idle_ > kept && whole_count < most_dirty; ++i) {
      chunk& c = chunks_[i];
      if (c.slots <= first_slots || c.retiring || c.idle != c.used || idle_ - c.idle < kept)
        continue;
      // Nobody else knows it from here on.
      c.retiring = true;
      unlink(i);
      idle_ -= c.idle;
      --mapped_;
      whole[whole_count++] = i;
    }
  }
  for (std::size_t k = 0; k < whole_count; ++k) retire(stack_class, whole[k]);
}

// Unmaps a chunk that is all free and in no list.
void size_pool::retire(unsigned stack_class, std::uint32_t i) noexcept {
  chunk& c = chunks_[i];
  const int saved = errno;
  // It may be refused, where the mapping must be split for it and there are too many.
  const bool gone = munmap(c.base, c.slots * slot_size(stack_class)) == 0;
  errno = saved;
  if (gone) delete[] c.links;
  const os::hold held(lock_);
  if (gone) {
    c = {};
    c.next = vacant_;
    vacant_ = i + 1;
  } else {
    c.retiring = false;
    idle_ += c.idle;
    ++mapped_;
    link(i);
  }
}

void size_pool::count(stack_counts& into, unsigned stack_class) noexcept {
  const os::hold held(lock_);
  into.made += most_;
  into.free += idle_ + dirty_count_;
  for (std::uint32_t i = 0; i < count_; ++i)
    into.reserved += chunks_[i].slots * slot_size(stack_class);
}

}  // namespace

stack* take_stack(unsigned stack_class) noexcept {
  TRINE_CHECK(stack_class < stack_classes);
  return the_pools[stack_class].take(stack_class);
}

void give_stack(stack* s) noexcept { the_pools[s->stack_class].give(s); }

void trim_stacks(stack* const* stacks, std::size_t count) noexcept {
  iovec ranges[os::most_ranges];
  std::size_t n = 0;
  for (std::size_t i = 0; i < count && n < os::most_ranges; ++i) {
    stack* const s = stacks[i];
    s->worn = false;
    const std::size_t size = class_size(s->stack_class);
    if (size <= kept_bytes) continue;
#if defined(TRINE_ASAN)
    __asan_unpoison_memory_region(s->low, size - kept_bytes);
#endif
    ranges[n++] = {s->low, size - kept_bytes};
  }
  os::advise(ranges, n, MADV_DONTNEED);
}

stack_counts count_stacks() noexcept {
  stack_counts all{0, 0, 0, !use_mprotect.load(std::memory_order_relaxed)};
  for (unsigned c = 0; c < stack_classes; ++c) the_pools[c].count(all, c);
  return all;
}

void forgo_madvise_guards() noexcept { use_mprotect.store(true, std::memory_order_relaxed); }

}  // namespace trine::coroutines
