#include "os/slab.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <cstdint>
#include <new>

#include "os/advise.hpp"
#include "os/lock.hpp"

namespace trine::os {
namespace {

constexpr std::size_t span_size = 16 * 1024;
constexpr std::size_t first_region_spans = 256;
constexpr std::size_t most_region_spans = 65'536;
constexpr unsigned most_regions = 64;
constexpr std::size_t most_resident = slab_kept_bytes / span_size;

struct free_block {
  free_block* next;
};

// At the start of a span. `next` and `previous` link the spans of a size that have free blocks, or
// (next only) the free spans that keep their pages.
struct span {
  free_block* head;  // blocks that came back
  span* next;
  span* previous;
  std::uint32_t index;   // of the size
  std::uint32_t region;  // it lies in
  std::uint32_t total;
  std::uint32_t cut;  // blocks ever handed out since it got this size
  std::uint32_t out;
};
static_assert(sizeof(span) <= slab_step);

struct region {
  char* base = nullptr;
  std::size_t spans = 0;
  std::size_t used = 0;             // spans ever cut
  std::uint64_t* hollow = nullptr;  // one bit a span: free, and its pages are gone
  std::size_t hollow_count = 0;
  std::size_t hollow_hint = 0;  // no bit is set in words before
};

span* span_of(void* block) noexcept {
  return reinterpret_cast<span*>(reinterpret_cast<std::uintptr_t>(block) &
                                 ~static_cast<std::uintptr_t>(span_size - 1));
}

class slab {
 public:
  std::size_t take(std::size_t index, void** out, std::size_t count) noexcept;
  void give(void* const* blocks, std::size_t count) noexcept;
  slab_counts count() noexcept;

  lock guard;

 private:
  span* free_span(std::size_t index) noexcept;
  span* cut_span() noexcept;
  bool grow() noexcept;
  void link(span* s) noexcept;
  void unlink(span* s) noexcept;
  void settle(span* s) noexcept;
  void release_some(hold& held) noexcept;

  span* partial_[slab_classes] = {};
  span* resident_ = nullptr;
  std::size_t resident_count_ = 0;
  std::size_t in_use_ = 0;
  region regions_[most_regions];
  unsigned region_count_ = 0;
};

slab the_slab;

void slab::link(span* s) noexcept {
  s->previous = nullptr;
  s->next = partial_[s->index];
  if (s->next != nullptr) s->next->previous = s;
  partial_[s->index] = s;
}

void slab::unlink(span* s) noexcept {
  (s->previous != nullptr ? s->previous->next : partial_[s->index]) = s->next;
  if (s->next != nullptr) s->next->previous = s->previous;
}

bool slab::grow() noexcept {
  if (region_count_ == most_regions) return false;
  std::size_t spans = first_region_spans << (region_count_ < 8 ? region_count_ : 8);
  if (spans > most_region_spans) spans = most_region_spans;
  for (; spans >= 16; spans /= 2) {  // an address-space limit may allow less
    const std::size_t bytes = (spans + 1) * span_size;
    void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) continue;
    auto* const bits = new (std::nothrow) std::uint64_t[(spans + 63) / 64]{};
    if (bits == nullptr) {
      munmap(p, bytes);
      return false;
    }
    // A huge page would keep what a few blocks in it need from going back.
    madvise(p, bytes, MADV_NOHUGEPAGE);
    const std::uintptr_t at = reinterpret_cast<std::uintptr_t>(p);
    char* const base = static_cast<char*>(p) + (span_size - at % span_size) % span_size;
    regions_[region_count_++] = {base, spans, 0, bits, 0, 0};
    return true;
  }
  return false;
}

// A span of no size yet: one that gave its pages back, or one never used.
span* slab::cut_span() noexcept {
  for (unsigned i = 0; i < region_count_; ++i) {
    region& r = regions_[i];
    std::size_t at;
    if (r.hollow_count != 0) {
      std::size_t word = r.hollow_hint;
      while (r.hollow[word] == 0) ++word;
      r.hollow_hint = word;
      at = word * 64 + static_cast<std::size_t>(__builtin_ctzll(r.hollow[word]));
      r.hollow[word] &= r.hollow[word] - 1;
      --r.hollow_count;
    } else if (r.used < r.spans) {
      at = r.used++;
    } else {
      continue;
    }
    span* const s = reinterpret_cast<span*>(r.base + at * span_size);
    s->region = i;
    return s;
  }
  return nullptr;
}

span* slab::free_span(std::size_t index) noexcept {
  span* s = resident_;
  if (s != nullptr) {
    resident_ = s->next;
    --resident_count_;
  } else {
    s = cut_span();
    if (s == nullptr) s = grow() ? cut_span() : nullptr;
    if (s == nullptr) return nullptr;
  }
  s->head = nullptr;
  s->index = static_cast<std::uint32_t>(index);
  s->total = static_cast<std::uint32_t>((span_size - slab_step) / (slab_step * (index + 1)));
  s->cut = 0;
  s->out = 0;
  ++in_use_;
  link(s);
  return s;
}

std::size_t slab::take(std::size_t index, void** out, std::size_t count) noexcept {
  const std::size_t size = slab_step * (index + 1);
  const hold held(guard);
  std::size_t taken = 0;
  while (taken < count) {
    span* s = partial_[index];
    if (s == nullptr) s = free_span(index);
    if (s == nullptr) break;
    while (taken < count && s->out < s->total) {
      if (free_block* const b = s->head) {
        s->head = b->next;
        out[taken++] = b;
      } else {
        out[taken++] = reinterpret_cast<char*>(s) + slab_step + s->cut++ * size;
      }
      ++s->out;
    }
    if (s->out == s->total) unlink(s);
  }
  return taken;
}

void slab::give(void* const* blocks, std::size_t count) noexcept {
  hold held(guard);
  for (std::size_t i = 0; i < count; ++i) {
    span* const s = span_of(blocks[i]);
    auto* const b = static_cast<free_block*>(blocks[i]);
    if (s->out-- == s->total) link(s);
    b->next = s->head;
    s->head = b;
    if (s->out == 0) settle(s);
  }
  if (resident_count_ > most_resident) release_some(held);
}

// All its blocks are free.
void slab::settle(span* s) noexcept {
  unlink(s);
  --in_use_;
  s->next = resident_;
  resident_ = s;
  ++resident_count_;
}

// Gives the pages of a batch back, without the lock: nobody else knows these spans meanwhile.
void slab::release_some(hold& held) noexcept {
  iovec ranges[most_ranges];
  std::uint32_t of[most_ranges];
  std::size_t n = 0;
  while (n < most_ranges && resident_ != nullptr) {
    span* const s = resident_;
    resident_ = s->next;
    --resident_count_;
    of[n] = s->region;
    ranges[n++] = {s, span_size};
  }
  held.drop();
  // Where memory is locked the pages stay, and that is as well.
  advise(ranges, n, MADV_DONTNEED);
  const hold again(guard);
  for (std::size_t i = 0; i < n; ++i) {
    region& r = regions_[of[i]];
    const std::size_t at =
        static_cast<std::size_t>(static_cast<char*>(ranges[i].iov_base) - r.base) / span_size;
    r.hollow[at / 64] |= std::uint64_t{1} << (at % 64);
    if (at / 64 < r.hollow_hint) r.hollow_hint = at / 64;
    ++r.hollow_count;
  }
}

slab_counts slab::count() noexcept {
  const hold held(guard);
  slab_counts all{0, in_use_, resident_count_};
  for (unsigned i = 0; i < region_count_; ++i) all.spans += regions_[i].used;
  return all;
}

// A child of fork() finds the lists whole. Not under the lock: fork() may hold the list of handlers
// while it waits for us.
void keep_whole_across_fork() noexcept {
  static const int done =
      pthread_atfork([] { the_slab.guard.acquire(); }, [] { the_slab.guard.release(); },
                     [] { the_slab.guard.release(); });
  (void)done;
}

}  // namespace

std::size_t take_blocks(std::size_t index, void** out, std::size_t count) noexcept {
  keep_whole_across_fork();
  return the_slab.take(index, out, count);
}
void give_blocks(void* const* blocks, std::size_t count) noexcept { the_slab.give(blocks, count); }
slab_counts count_slabs() noexcept { return the_slab.count(); }

}  // namespace trine::os
