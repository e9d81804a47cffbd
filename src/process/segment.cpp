#include "process/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include "os/shared_memory.hpp"

namespace trine::detail {

struct segment {
  process_layer::segment_name name;
  std::size_t size = 0;
  os::unique_fd file;
  std::atomic<std::uint32_t> refs{1};
  // Mapped by who asks first, under the table's lock; never unmapped before the end.
  std::atomic<std::byte*> data{nullptr};
  std::atomic<bool> sent{false};
  segment* next = nullptr;  // of the table's bucket
};

}  // namespace trine::detail

namespace trine::process_layer {

std::atomic<void (*)() noexcept> on_dead_segment{nullptr};

namespace {

using detail::segment;
using detail::segment_ref;

// Every segment of this process, by name. References are weak: a segment whose count has reached
// zero is never taken out again.
class segment_table {
 public:
  segment_ref find(const segment_name& name) noexcept {
    const os::hold guard(lock_);
    for (segment* s = bucket(name); s != nullptr; s = s->next)
      if (s->name == name && take(*s)) return segment_ref(s);
    return {};
  }
  void add(segment& s) noexcept {
    const os::hold guard(lock_);
    segment*& head = bucket(s.name);
    s.next = head;
    head = &s;
  }
  void remove(segment& s) noexcept {
    const os::hold guard(lock_);
    for (segment** link = &bucket(s.name); *link != nullptr; link = &(*link)->next) {
      if (*link != &s) continue;
      *link = s.next;
      return;
    }
  }
  // False, with errno.
  bool map(segment& s) noexcept {
    const os::hold guard(lock_);
    if (s.data.load(std::memory_order_relaxed) != nullptr) return true;
    void* const p = mmap(nullptr, s.size, PROT_READ | PROT_WRITE, MAP_SHARED, s.file.get(), 0);
    if (p == MAP_FAILED) return false;
    s.data.store(static_cast<std::byte*>(p), std::memory_order_release);
    return true;
  }

 private:
  static constexpr std::size_t buckets = 256;
  segment*& bucket(const segment_name& name) noexcept { return buckets_[name.low % buckets]; }
  static bool take(segment& s) noexcept {
    std::uint32_t seen = s.refs.load(std::memory_order_relaxed);
    while (seen != 0)
      if (s.refs.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) return true;
    return false;
  }

  os::lock lock_;
  segment* buckets_[buckets] = {};
};

segment_table& the_table() noexcept {
  static auto* const table = new segment_table;  // segments may outlive static destructors
  return *table;
}

struct dead_list {
  os::lock lock;
  std::vector<segment_name> names;
};
dead_list& the_dead() noexcept {
  static auto* const list = new dead_list;
  return *list;
}

void bury(segment* s) noexcept {
  the_table().remove(*s);
  if (s->sent.load(std::memory_order_relaxed)) {
    bool first = false;
    {
      const os::hold guard(the_dead().lock);
      first = the_dead().names.empty();
      try {
        the_dead().names.push_back(s->name);
      } catch (...) {  // no memory to tell; the workers let go when their lists are full
      }
    }
    // acquire: partner is the release of who set it; what it uses is seen.
    auto* const tell = on_dead_segment.load(std::memory_order_acquire);
    if (first && tell != nullptr) tell();
  }
  if (std::byte* const data = s->data.load(std::memory_order_relaxed)) munmap(data, s->size);
  delete s;
}

// A segment behind a file that another process made.
segment_ref adopt(const segment_message& m, os::unique_fd file, bool trusted) {
  if (segment_ref known = the_table().find(m.name)) return known;
  if (!trusted) {
    constexpr int needed = F_SEAL_SHRINK | F_SEAL_GROW;
    const int seals = fcntl(file.get(), F_GET_SEALS);
    struct stat about {};
    if (seals < 0 || (seals & needed) != needed || fstat(file.get(), &about) != 0 || m.size == 0 ||
        static_cast<std::uint64_t>(about.st_size) < m.size)
      return {};
  }
  auto* const s = new segment;
  s->name = m.name;
  s->size = m.size;
  s->file = std::move(file);
  the_table().add(*s);
  return segment_ref(s);
}

}  // namespace

segment_name name_of(const detail::segment& s) noexcept { return s.name; }

int send_segment(int socket, detail::segment& s) noexcept {
  const segment_message m{segment_verb::hold, s.name, s.size};
  s.sent.store(true, std::memory_order_relaxed);
  const int file = s.file.get();
  return os::send_message(socket, &m, sizeof m, {&file, 1}) ? 0 : errno;
}

int send_drop(int socket, const segment_name& name) noexcept {
  const segment_message m{segment_verb::drop, name, 0};
  return os::send_message(socket, &m, sizeof m) ? 0 : errno;
}

bool receive_segments(int socket, std::vector<detail::segment_ref>& held, bool trusted) noexcept {
  for (std::size_t count = 0;; ++count) {
    segment_message m{};
    os::received got = os::receive_message(socket, &m, sizeof m);
    if (got.size < 0 && errno == EAGAIN) return true;
    if (got.size != static_cast<ssize_t>(sizeof m)) return false;
    // The other side could keep us here for ever.
    if (!trusted && count > detail::most_attachments) return false;
    try {
      if (m.verb == segment_verb::hold) {
        if (!got.fds[0]) continue;  // no descriptor was left here: whoever reads the name is told
        segment_ref s = adopt(m, std::move(got.fds[0]), trusted);
        if (!s) return false;
        held.push_back(std::move(s));
      } else if (m.verb == segment_verb::drop && trusted) {
        const auto gone = [&](const segment_ref& s) { return name_of(*s.get()) == m.name; };
        held.erase(std::remove_if(held.begin(), held.end(), gone), held.end());
      } else {
        return false;
      }
    } catch (const std::bad_alloc&) {
      continue;  // as above
    }
  }
}

bool held_set::use(const segment_name& name, bool& evicts, segment_name& evicted) {
  evicts = false;
  const auto at = std::find(names_.begin(), names_.end(), name);
  if (at != names_.end()) {
    std::rotate(at, at + 1, names_.end());
    return false;
  }
  names_.reserve(most);
  if (names_.size() == most) {
    evicts = true;
    evicted = names_.front();
    names_.erase(names_.begin());
  }
  names_.push_back(name);
  return true;
}

bool held_set::forget(const segment_name& name) noexcept {
  const auto at = std::find(names_.begin(), names_.end(), name);
  if (at == names_.end()) return false;
  names_.erase(at);
  return true;
}

std::vector<segment_name> take_dead_segments() noexcept {
  const os::hold guard(the_dead().lock);
  return std::exchange(the_dead().names, {});
}

}  // namespace trine::process_layer

namespace trine::detail {

using process_layer::segment_name;

void retain_segment(segment* s) noexcept { s->refs.fetch_add(1, std::memory_order_relaxed); }

void release_segment(segment* s) noexcept {
  // acq_rel: the last one sees what the others did with it.
  if (s->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) process_layer::bury(s);
}

void attachments::add(const segment_ref& s) {
  if (contains(s.get())) return;
  if (all_.size() == most_attachments)
    throw_wire(
        "trine: more than 64 shared arrays or other shared objects in one call; put what belongs "
        "together into one array");
  all_.push_back(s);
}

bool attachments::contains(const segment* s) const noexcept {
  return std::any_of(all_.begin(), all_.end(), [s](const auto& a) { return a.get() == s; });
}

segment_ref make_segment(std::size_t bytes) {
  constexpr std::size_t page = 4096;
  std::uint64_t size = (bytes + page - 1) / page * page;
  if (size < bytes || bytes > (std::size_t{1} << 46)) throw std::bad_alloc();
  if (size == 0) size = page;
  segment_ref made(new segment);
  segment& s = *made.get();
  std::uint64_t name[2];
  if (getrandom(name, sizeof name, 0) != static_cast<ssize_t>(sizeof name))
    throw std::system_error(errno, std::generic_category(), "trine: no random name to be had");
  s.name = {name[0], name[1]};
  s.size = size;
  s.file = os::make_shared_memory("trine-segment", size, size);
  process_layer::the_table().add(s);
  if (!process_layer::the_table().map(s))
    throw std::system_error(errno, std::generic_category(),
                            "trine: shared memory cannot be mapped; free memory or raise the "
                            "address-space limit (ulimit -v)");
  return made;
}

std::byte* segment_data(const segment* s) noexcept {
  return s->data.load(std::memory_order_acquire);
}
std::size_t segment_size(const segment* s) noexcept { return s->size; }

void write_segment(byte_writer& out, const segment_ref& s) {
  attachments* const to = out.attached();
  if (to == nullptr)
    throw_wire(
        "trine: a shared_array or another shared object can cross only as an argument or a result "
        "of a process unit");
  to->add(s);
  out.write_raw(s.get()->name.high);
  out.write_raw(s.get()->name.low);
}

segment_ref read_segment(byte_reader& in, std::size_t bytes) {
  segment_name name;
  name.high = in.read_raw<std::uint64_t>();
  name.low = in.read_raw<std::uint64_t>();
  segment_ref s = process_layer::the_table().find(name);
  if (!s)
    throw_wire(
        "trine: a shared object did not arrive; is the limit on open files (ulimit -n) reached?");
  if (s.get()->size < bytes) throw_wire("trine: a shared object is smaller than it says");
  if (!process_layer::the_table().map(*s.get()))
    throw std::system_error(errno, std::generic_category(),
                            "trine: shared memory cannot be mapped; free memory or raise the "
                            "address-space limit (ulimit -v)");
  if (attachments* const seen = in.attached()) seen->add(s);
  return s;
}

}  // namespace trine::detail
