#include "wait/unit_exit.hpp"

#include <pthread.h>

#include <new>

#include <trine/detail/core.hpp>

#include "wait/waiter.hpp"

namespace trine::wait {
namespace {

// A key's destructor runs after those of C++ thread_locals.
void call_all(void* first) noexcept {
  for (auto* entry = static_cast<exit_call*>(first); entry != nullptr;) {
    exit_call* const after = entry->next;
    entry->call(entry);
    entry = after;
  }
}

pthread_key_t key_of_threads() {
  static const pthread_key_t key = [] {
    pthread_key_t made;
    if (pthread_key_create(&made, &call_all) != 0) throw std::bad_alloc();
    return made;
  }();
  return key;
}

}  // namespace

void at_unit_exit(exit_call& entry) {
  if (detail::core* const unit = self().unit; unit != nullptr) {
    entry.next = unit->exits;
    unit->exits = &entry;
    return;
  }
  const pthread_key_t key = key_of_threads();
  entry.next = static_cast<exit_call*>(pthread_getspecific(key));
  if (pthread_setspecific(key, &entry) != 0) throw std::bad_alloc();
}

}  // namespace trine::wait
