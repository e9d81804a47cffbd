#include <trine/detail/unit_ends.hpp>

#include <trine/detail/core.hpp>

#include "wait/waiter.hpp"

namespace trine::detail {
namespace {

std::atomic<std::uint64_t> last_key{0};

unit_end* take_first(unit_end*& list) noexcept {
  unit_end* const e = list;
  if (e != nullptr) list = e->next;
  return e;
}

// Of a thread that Trine did not make. An exception here ends the program, as it does from a
// thread_local's destructor.
struct thread_ends {
  unit_end* first = nullptr;
  ~thread_ends() {
    while (unit_end* const e = take_first(first)) e->end(e);
  }
};

// Out of line, so that no compiler keeps the address across a switch (DESIGN §4); only for code
// that is no unit's.
__attribute__((noinline)) unit_end*& ends_of_thread() noexcept {
  thread_local thread_ends mine;
  return mine.first;
}

unit_end*& ends_here() noexcept {
  core* const unit = wait::self().unit;
  return unit != nullptr ? unit->ends : ends_of_thread();
}

}  // namespace

std::uint64_t key_of(std::atomic<std::uint64_t>& key) noexcept {
  std::uint64_t seen = key.load(std::memory_order_relaxed);
  if (seen != 0) return seen;
  // relaxed: a number, and nothing behind it. Of two units that come at once one gives the key.
  const std::uint64_t fresh = last_key.fetch_add(1, std::memory_order_relaxed) + 1;
  return key.compare_exchange_strong(seen, fresh, std::memory_order_relaxed) ? fresh : seen;
}

unit_end* find_end(std::uint64_t key) noexcept {
  for (unit_end* e = ends_here(); e != nullptr; e = e->next)
    if (e->key == key) return e;
  return nullptr;
}

void add_end(unit_end& e, std::uint64_t key) noexcept {
  unit_end*& list = ends_here();
  e.key = key;
  e.next = list;
  list = &e;
}

void run_ends(core& c) noexcept {
  while (unit_end* const e = take_first(c.ends)) {
    try {
      e->end(e);
    } catch (...) {
      if (c.error == nullptr) c.error = std::current_exception();
    }
  }
}

}  // namespace trine::detail
