// The rest of machine.hpp: buffers, fences, sleeping, and an execution's frame.
#pragma once

#include <new>

#include "explore/machine.hpp"

namespace explore {

inline void machine::meet(unsigned p, unsigned user, bool draining) {
  if (!buffers()) return;
  for (;;) {
    unsigned owners[max_threads];
    unsigned n = 0;
    for (unsigned t = 0; t < outside; ++t) {
      if (t == user || threads_[t].draining) continue;
      for (const pending& e : threads_[t].buffer) {
        if (e.p != p) continue;
        owners[n++] = t;
        break;
      }
    }
    if (n == 0) return;
    // Of two stores under way to one atomic either may be first; that is no lateness.
    const bool may_be_late = draining || (!show_newest_ && late_ < limits_.late);
    const unsigned chosen = choose(n + (may_be_late ? 1 : 0));
    if (chosen == n) {
      if (!draining) ++late_;
      return;
    }
    drain_one(owners[chosen]);
  }
}

inline void machine::drain_one(unsigned t) {
  threads_[t].draining = true;
  meet(threads_[t].buffer.front().p, t, true);
  threads_[t].draining = false;
  pending e = threads_[t].buffer.front();
  threads_[t].buffer.pop_front();
  if (e.release) e.released.join_seen(threads_[t].drained);
  if (tracing)
    trace += "   (T" + std::to_string(t) + "'s store of " + std::to_string(e.value) + " to a" +
             std::to_string(e.p) + " arrives)\n";
  append(t, e.p, e.value, e.released);
}

inline bool machine::settle() {
  bool any = false;
  for (unsigned t = 0; t < outside; ++t) {
    any = any || !threads_[t].buffer.empty();
    drain(t);
  }
  show_newest_ = true;
  return any;
}

inline void machine::fence(order o) {
  point();
  thread& my = me();
  if (o == order::seq_cst || (buffers() && old_values() && releases(o))) drain(current());
  if (acquires(o)) my.now.join(my.loaded);
  if (o == order::seq_cst) {
    my.now.join_seen(in_order_);
    in_order_.join_seen(my.now);
  }
  if (releases(o)) my.fenced = my.now;
  if (tracing) trace += "T" + std::to_string(current()) + "  fence\n";
  tick();
}

inline void machine::process_fence() {
  point();
  for (unsigned t = 0; t < outside; ++t) drain(t);
  for (unsigned t = 0; t < outside; ++t) {
    threads_[t].now.join(threads_[t].loaded);
    in_order_.join_seen(threads_[t].now);
  }
  for (unsigned t = 0; t < outside; ++t) {
    threads_[t].now.join_seen(in_order_);
    threads_[t].fenced = threads_[t].now;
    ++threads_[t].now.clock[t];
  }
  if (tracing) trace += "T" + std::to_string(current()) + "  fence in every thread\n";
}

inline bool machine::sleep(const void* address, unsigned p, std::uint64_t expected, bool timed) {
  point();
  touch(p);
  drain(current());
  meet(p, current());
  const std::uint64_t value = places_[p].stores[newest(p)].value;
  note("sleep while", p, expected, order::relaxed);
  tick();
  if (value != expected) return true;
  return block(address, p, timed) || !timed;
}

inline void machine::wake_sleepers(const void* address, unsigned count) {
  point();
  drain(current());
  if (tracing) trace += "T" + std::to_string(current()) + "  wake\n";
  wake(address, count);
  tick();
}

inline void machine::note(const char* what, unsigned p, std::uint64_t value, order o,
                          unsigned age) {
  if (!tracing || !in_thread()) return;
  static const char* const orders[] = {"relaxed", "consume", "acquire",
                                       "release", "acq_rel", "seq_cst"};
  trace += "T" + std::to_string(current()) + "  " + what + " a" + std::to_string(p) + " " +
           std::to_string(value) + " " + orders[static_cast<int>(o)];
  if (age != 0) trace += " (old: " + std::to_string(age) + " newer)";
  trace += '\n';
}

template <class Model>
std::string machine::execute(schedule& plan, const bounds& limits) {
  static_assert(Model::threads + 1 < max_threads);
  begin(plan, limits);
  // Atomics made before the first execution are static ones; they begin anew as well.
  if (!static_count_known_) static_count_ = place_count_;
  static_count_known_ = true;
  place_count_ = static_count_;
  for (unsigned p = 0; p < place_count_; ++p) {
    places_[p].stores.resize(1);
    for (auto& used : places_[p].used) used = 0;
  }
  late_ = 0;
  show_newest_ = false;
  in_order_ = {};
  for (thread& t : threads_) {
    t.now = t.loaded = t.fenced = t.drained = view{};
    t.buffer.clear();
    t.draining = false;
  }
  alignas(Model) static std::byte memory[sizeof(Model)];
  auto* const model = ::new (memory) Model;
  for (unsigned t = 0; t < outside; ++t) {
    // Everything before the threads is known to all of them.
    threads_[t].now = threads_[outside].now;
    threads_[t].now.clock[t] = 1;
  }
  run(
      0, Model::threads, [](void* m, unsigned t) { static_cast<Model*>(m)->thread(t); }, model);
  if (failure().empty()) {
    settle();
    for (unsigned t = 0; t < Model::threads; ++t)
      threads_[Model::threads].now.join(threads_[t].now);
    run(
        Model::threads, Model::threads + 1,
        [](void* m, unsigned) { static_cast<Model*>(m)->after(); }, model);
  }
  if (failure().empty()) model->~Model();
  return failure();
}

}  // namespace explore
