// The memory that virtual threads share: atomics as the C++ memory model allows them to behave, as
// far as explore.hpp says, and the bookkeeping by which races on plain data are found.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "explore/scheduler.hpp"
#include "explore/sites.hpp"

namespace explore {

class machine : public scheduler {
 public:
  unsigned make_place(std::uint64_t value);
  void end_place(unsigned p);
  std::uint64_t load(unsigned p, order o);
  void store(unsigned p, std::uint64_t value, order o);
  template <class F>
  std::uint64_t update(unsigned p, F change, order o);
  bool compare_exchange(unsigned p, std::uint64_t& expected, std::uint64_t desired, order success,
                        order failure);
  void fence(order o);
  // A full fence in every thread (membarrier).
  void process_fence();
  // Sleeps when the newest value is the expected one. False only when a timed sleep timed out.
  bool sleep(const void* address, unsigned p, std::uint64_t expected, bool timed);
  void wake_sleepers(const void* address, unsigned count);

  const view& now() const noexcept { return threads_[current()].now; }

  // Runs one execution; the reason of its failure, or nothing.
  template <class Model>
  std::string execute(schedule& plan, const bounds& limits);

 private:
  struct message {
    std::uint64_t value = 0;
    view released = {};  // what an acquire of it makes known
  };
  struct place {
    std::vector<message> stores;
    std::uint16_t used[max_threads];  // when each thread touched it last
    std::uint16_t made_at;
    std::uint8_t made_by;
    bool ended;
  };
  struct pending {
    unsigned p;
    std::uint64_t value;
    view released;
    bool release;
  };
  struct thread {
    view now;
    view loaded;   // by relaxed loads: an acquire fence makes it known
    view fenced;   // known at the last release fence
    view drained;  // own stores that have left the buffer
    std::deque<pending> buffer;
    bool draining = false;
  };

  bool buffers() const noexcept { return limits_.model != memory::weak; }
  bool old_values() const noexcept { return limits_.model != memory::tso; }
  thread& me() noexcept { return threads_[current()]; }
  static bool acquires(order o) noexcept { return o != order::relaxed && o != order::release; }
  static bool releases(order o) noexcept {
    return o == order::release || o == order::acq_rel || o == order::seq_cst;
  }

  void touch(unsigned p);
  std::uint64_t read(unsigned p, unsigned index, order o);
  void append(unsigned t, unsigned p, std::uint64_t value, view released);
  void write(unsigned p, std::uint64_t value, order o, const view* sequence);
  // Before an access to p by a thread other than `user`'s: buffered stores to it may arrive or not.
  void meet(unsigned p, unsigned user, bool draining = false);
  void drain_one(unsigned t);
  void drain(unsigned t) {
    while (!threads_[t].buffer.empty()) drain_one(t);
  }
  bool settle() override;
  void tick() noexcept { ++me().now.clock[current()]; }
  void note(const char* what, unsigned p, std::uint64_t value, order o, unsigned age = 0);
  unsigned newest(unsigned p) const noexcept {
    return static_cast<unsigned>(places_[p].stores.size()) - 1;
  }

  place places_[max_places];
  unsigned place_count_ = 0, static_count_ = 0;
  bool static_count_known_ = false;
  view in_order_;  // what sequentially consistent operations have touched
  unsigned late_ = 0;
  bool show_newest_ = false;
  thread threads_[max_threads];
};

inline unsigned machine::make_place(std::uint64_t value) {
  if (place_count_ == max_places) fail("too many atomics in one execution");
  place& it = places_[place_count_];
  it.stores.clear();
  it.stores.push_back({value, view{}});
  for (auto& used : it.used) used = 0;
  it.made_by = static_cast<std::uint8_t>(current());
  it.made_at = now().clock[current()];
  it.ended = false;
  if (in_thread()) tick();
  return place_count_++;
}

inline void machine::end_place(unsigned p) {
  if (!in_thread()) return;
  place& it = places_[p];
  for (unsigned t = 0; t < outside; ++t)
    if (it.used[t] > now().clock[t] && t != current())
      fail("a" + std::to_string(p) + " ends, but nothing orders that after its use by T" +
           std::to_string(t));
  it.ended = true;
}

inline void machine::touch(unsigned p) {
  if (!in_thread()) return;
  if (p >= place_count_) fail("this is no atomic (any more)");
  place& it = places_[p];
  if (it.ended) fail("a" + std::to_string(p) + " is used after its end");
  if (it.made_by != current() && it.made_at > now().clock[it.made_by])
    fail("a" + std::to_string(p) + " is used, but nothing orders that after its construction by T" +
         std::to_string(it.made_by));
  it.used[current()] = now().clock[current()];
}

inline std::uint64_t machine::read(unsigned p, unsigned index, order o) {
  const message& m = places_[p].stores[index];
  view& known = me().now;
  if (known.seen[p] < index) known.seen[p] = static_cast<std::uint8_t>(index);
  if (acquires(o)) {
    known.join(m.released);
  } else {
    me().loaded.join(m.released);
  }
  if (o == order::seq_cst && in_order_.seen[p] < index)
    in_order_.seen[p] = static_cast<std::uint8_t>(index);
  return m.value;
}

inline std::uint64_t machine::load(unsigned p, order o) {
  point();
  touch(p);
  if (buffers()) {
    const auto& own = me().buffer;
    for (auto it = own.rbegin(); it != own.rend(); ++it) {
      if (it->p != p) continue;
      note("load, own", p, it->value, o);
      return it->value;
    }
    meet(p, current());
  }
  const unsigned last = newest(p);
  unsigned age = 0;
  if (old_values() && in_thread() && !show_newest_ && late_ < limits_.late) {
    unsigned first = now().seen[p];
    if (o == order::seq_cst) first = std::max<unsigned>(first, in_order_.seen[p]);
    age = choose(last - first + 1);
    if (age != 0) ++late_;
  }
  const std::uint64_t value = read(p, last - age, o);
  note("load", p, value, o, age);
  tick();
  return value;
}

inline void machine::append(unsigned t, unsigned p, std::uint64_t value, view released) {
  place& it = places_[p];
  if (it.stores.size() >= max_stores) fail("too many stores to a" + std::to_string(p));
  const auto index = static_cast<std::uint8_t>(it.stores.size());
  threads_[t].now.seen[p] = threads_[t].drained.seen[p] = released.seen[p] = index;
  it.stores.push_back({value, released});
  // What changes nothing is no news to who spins.
  if (it.stores[index - 1U].value == value) return;
  show_newest_ = false;
  wrote();
}

// `sequence`: what the store a read-modify-write replaces had released.
inline void machine::write(unsigned p, std::uint64_t value, order o, const view* sequence) {
  view released = releases(o) ? me().now : me().fenced;
  if (sequence != nullptr) released.join(*sequence);
  append(current(), p, value, released);
  if (o == order::seq_cst) in_order_.seen[p] = static_cast<std::uint8_t>(newest(p));
  tick();
}

inline void machine::store(unsigned p, std::uint64_t value, order o) {
  point();
  touch(p);
  note("store", p, value, o);
  thread& my = me();
  if (buffers() && in_thread() && o != order::seq_cst) {
    my.buffer.push_back({p, value, releases(o) ? my.now : my.fenced, releases(o)});
    tick();
    return;
  }
  drain(current());
  meet(p, current());
  write(p, value, o, nullptr);
}

template <class F>
std::uint64_t machine::update(unsigned p, F change, order o) {
  point();
  touch(p);
  drain(current());
  meet(p, current());
  const unsigned last = newest(p);
  const view sequence = places_[p].stores[last].released;
  const std::uint64_t before = read(p, last, o);
  const std::uint64_t after = change(before);
  note("update from", p, before, o);
  note("         to", p, after, o);
  write(p, after, o, &sequence);
  return before;
}

inline bool machine::compare_exchange(unsigned p, std::uint64_t& expected, std::uint64_t desired,
                                      order success, order failure) {
  point();
  touch(p);
  drain(current());
  meet(p, current());
  const unsigned last = newest(p);
  unsigned index = last;
  if (old_values() && in_thread() && !show_newest_ && late_ < limits_.late) {
    // It may fail by an old value, but then one that is not the expected.
    unsigned first = now().seen[p];
    if (failure == order::seq_cst) first = std::max<unsigned>(first, in_order_.seen[p]);
    unsigned options[max_stores];
    unsigned n = 0;
    options[n++] = last;
    for (unsigned i = last; i-- > first;)
      if (places_[p].stores[i].value != expected) options[n++] = i;
    index = options[choose(n)];
    if (index != last) ++late_;
  }
  if (index != last || places_[p].stores[last].value != expected) {
    expected = read(p, index, failure);
    note("swap fails on", p, expected, failure, last - index);
    tick();
    return false;
  }
  const view sequence = places_[p].stores[last].released;
  read(p, last, success);
  note("swap from", p, expected, success);
  note("       to", p, desired, success);
  write(p, desired, success, &sequence);
  return true;
}

}  // namespace explore

#include "explore/machine_inline.hpp"
