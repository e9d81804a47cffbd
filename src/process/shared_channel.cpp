// shared_channel: a ring of bytes in shared memory under a robust lock.
//
// An element is a length and its bytes, in one piece; where the end of the ring leaves too little
// room for it, the rest is skipped (`skip` stands there, if anything fits). A sender copies the
// element in and then moves the cursor; a receiver copies it out and then moves the cursor. Either
// may be killed anywhere: before the cursor moves nothing has happened, after it everything has.
//
// What another process wrote is not trusted: lengths and positions are checked before they are
// used.
#include <climits>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>

#include <trine/detail/shared_state.hpp>

#include "wait/shared_word.hpp"
#include "wait/stop.hpp"

namespace trine::detail {
namespace {

constexpr std::uint64_t header = 8;
constexpr std::uint64_t skip = ~std::uint64_t{0};
constexpr std::uint64_t round_up(std::uint64_t n) noexcept { return (n + 7) / 8 * 8; }

shared_channel_state& state_of(const segment_ref& s) noexcept {
  return *reinterpret_cast<shared_channel_state*>(segment_data(s.get()));
}
std::byte* ring_of(const segment_ref& s) noexcept {
  return segment_data(s.get()) + sizeof(shared_channel_state);
}

[[noreturn]] void damaged() {
  throw_wire("trine: a shared_channel was written over by one of its processes; make a new one");
}

// What dies with the lock has changed nothing (see above), so the next goes on.
class held {
 public:
  explicit held(shared_channel_state& s) : state_(s) {
    const robust_outcome o = lock_robust(s.lock, std::numeric_limits<std::int64_t>::max());
    if (o == robust_outcome::owner_died)
      make_consistent(s.lock);
    else if (o != robust_outcome::locked)
      damaged();
  }
  ~held() { unlock_robust(state_.lock); }
  held(const held&) = delete;
  held& operator=(const held&) = delete;

 private:
  shared_channel_state& state_;
};

// Its own copy of what the state says, checked.
struct layout {
  std::uint64_t capacity, bytes;
  explicit layout(const segment_ref& s) : capacity(state_of(s).capacity), bytes(state_of(s).bytes) {
    if (bytes % 8 != 0 || capacity == 0 ||
        bytes > segment_size(s.get()) - sizeof(shared_channel_state))
      damaged();
  }
};

channel_cursor read_cursor(const shared_channel_state& s, const layout& l) {
  const channel_cursor c = s.cursors[s.current.load(std::memory_order_relaxed) % 2];
  if (c.sent - c.taken > l.capacity || c.sent_bytes - c.taken_bytes > l.bytes ||
      c.taken_bytes % 8 != 0 || c.sent_bytes % 8 != 0)
    damaged();
  return c;
}

void write_cursor(shared_channel_state& s, const channel_cursor& c) noexcept {
  const std::uint32_t next = (s.current.load(std::memory_order_relaxed) + 1) % 2;
  s.cursors[next] = c;
  // release: a process that finds us dead sees a whole cursor with it.
  s.current.store(next, std::memory_order_release);
}

// seq_cst: the change comes before the look at who waits, and a waiter counts itself before it
// looks at the channel.
void announce(shared_event_state& e, int count) noexcept {
  e.seq.fetch_add(1, std::memory_order_seq_cst);
  if (e.waiters.load(std::memory_order_seq_cst) != 0) wait::wake_shared(e.seq, count);
}

// try_it() says whether it is done, and with what outcome; else the caller waits for the event.
template <class Try>
channel_outcome until_done(shared_event_state& e, const void* object, std::int64_t deadline,
                           Try try_it) {
  if (deadline != do_not_wait) wait::check_stop();
  for (;;) {
    channel_outcome out;
    if (try_it(out)) return out;
    if (deadline == do_not_wait) return channel_outcome::timed_out;
    e.waiters.fetch_add(1, std::memory_order_seq_cst);
    const std::uint32_t seen = e.seq.load(std::memory_order_seq_cst);
    wait::outcome o = wait::outcome::woken;
    bool done = false;
    try {
      done = try_it(out);
    } catch (...) {
      e.waiters.fetch_sub(1, std::memory_order_relaxed);
      throw;
    }
    if (!done)
      o = wait::wait_on_shared(
          e.seq, seen, {.why = observe::reason::channel, .object = object, .deadline = deadline});
    e.waiters.fetch_sub(1, std::memory_order_relaxed);
    if (done) return out;
    if (o == wait::outcome::woken) continue;
    wait::wake_shared(e.seq, 1);  // a wake that was meant for us must not be lost
    if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
    return channel_outcome::timed_out;
  }
}

bool put(const segment_ref& s, std::span<const std::byte> element) {
  shared_channel_state& state = state_of(s);
  const layout l(s);
  channel_cursor c = read_cursor(state, l);
  const std::uint64_t size = header + round_up(element.size());
  if (c.sent - c.taken == l.capacity) return false;
  // Empty: begin at the start, where the largest fits.
  if (c.sent == c.taken) c.sent_bytes = c.taken_bytes = 0;
  const std::uint64_t at = c.sent_bytes % l.bytes;
  const std::uint64_t to_end = l.bytes - at;
  const std::uint64_t skipped = to_end < size ? to_end : 0;
  if (l.bytes - (c.sent_bytes - c.taken_bytes) < skipped + size) return false;
  std::byte* const ring = ring_of(s);
  if (skipped != 0) std::memcpy(ring + at, &skip, sizeof skip);
  const std::uint64_t place = skipped != 0 ? 0 : at;
  const std::uint64_t length = element.size();
  std::memcpy(ring + place, &length, sizeof length);
  if (length != 0) std::memcpy(ring + place + header, element.data(), length);
  c.sent_bytes += skipped + size;
  ++c.sent;
  write_cursor(state, c);
  return true;
}

bool get(const segment_ref& s, byte_buffer& element) {
  shared_channel_state& state = state_of(s);
  const layout l(s);
  channel_cursor c = read_cursor(state, l);
  if (c.sent == c.taken) return false;
  std::byte* const ring = ring_of(s);
  std::uint64_t at = c.taken_bytes % l.bytes;
  std::uint64_t length;
  std::memcpy(&length, ring + at, sizeof length);
  if (length == skip) {
    c.taken_bytes += l.bytes - at;
    at = 0;
    std::memcpy(&length, ring, sizeof length);
  }
  if (length > l.bytes - at - header || header + round_up(length) > c.sent_bytes - c.taken_bytes)
    damaged();
  element.clear();
  element.write(ring + at + header, length);
  c.taken_bytes += header + round_up(length);
  ++c.taken;
  write_cursor(state, c);
  return true;
}

}  // namespace

segment_ref make_shared_channel(std::uint64_t capacity, std::uint64_t bytes,
                                std::uint64_t element) {
  if (capacity == 0)
    throw std::invalid_argument(
        "trine: a shared_channel needs a capacity of at least 1; between processes there is no "
        "rendezvous");
  constexpr std::uint64_t most = std::uint64_t{1} << 40;
  // Room for `capacity` elements of this size without a gap, or as many bytes as were asked for.
  const std::uint64_t each = header + round_up(element);
  if (capacity > most / each || bytes > most) throw std::bad_alloc();
  const std::uint64_t ring = bytes != 0 ? round_up(bytes) : capacity * each;
  segment_ref s = make_segment(sizeof(shared_channel_state) + ring);
  auto* const state = new (segment_data(s.get())) shared_channel_state{};
  state->capacity = capacity;
  state->bytes = ring;
  state->element = element;
  return s;
}

void check_shared_channel(const segment_ref& s, std::uint64_t element) {
  if (segment_size(s.get()) < sizeof(shared_channel_state) || state_of(s).element != element)
    throw_wire("trine: this is not a shared_channel of such elements");
  (void)layout(s);
}

channel_outcome send_shared(const segment_ref& s, std::span<const std::byte> element,
                            std::int64_t deadline) {
  shared_channel_state& state = state_of(s);
  if (header + round_up(element.size()) > layout(s).bytes)
    throw_wire(
        "trine: the value is larger than the whole shared_channel; give the channel more bytes "
        "when "
        "it is made, or send it in pieces");
  const channel_outcome out =
      until_done(state.departures, &state, deadline, [&](channel_outcome& o) {
        const held guard(state);
        o = channel_outcome::closed;
        if (state.closed.load(std::memory_order_relaxed) != 0) return true;
        o = channel_outcome::done;
        return put(s, element);
      });
  if (out == channel_outcome::done) announce(state.arrivals, 1);
  return out;
}

channel_outcome receive_shared(const segment_ref& s, byte_buffer& element, std::int64_t deadline) {
  shared_channel_state& state = state_of(s);
  const channel_outcome out = until_done(state.arrivals, &state, deadline, [&](channel_outcome& o) {
    const held guard(state);
    o = channel_outcome::done;
    if (get(s, element)) return true;
    o = channel_outcome::closed;
    return state.closed.load(std::memory_order_relaxed) != 0;
  });
  // One departure may make room for several small ones.
  if (out == channel_outcome::done) announce(state.departures, INT_MAX);
  return out;
}

void close_shared(const segment_ref& s) noexcept {
  shared_channel_state& state = state_of(s);
  // Under the lock: who sends before it is received, who comes after it is refused.
  const robust_outcome o = lock_robust(state.lock, std::numeric_limits<std::int64_t>::max());
  if (o == robust_outcome::owner_died) make_consistent(state.lock);
  state.closed.store(1, std::memory_order_relaxed);
  if (o == robust_outcome::locked || o == robust_outcome::owner_died) unlock_robust(state.lock);
  announce(state.arrivals, INT_MAX);
  announce(state.departures, INT_MAX);
}

std::uint64_t size_of_shared(const segment_ref& s) noexcept {
  const shared_channel_state& state = state_of(s);
  const channel_cursor& c = state.cursors[state.current.load(std::memory_order_acquire) % 2];
  return c.sent - c.taken;
}

}  // namespace trine::detail
