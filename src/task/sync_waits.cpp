// Tasks' waits for the primitives of src/sync/: by the steps that blocking calls take.
#include <trine/detail/sync_awaiter.hpp>

#include "observe/registry.hpp"
#include "sync/barrier.hpp"
#include "sync/condition.hpp"
#include "sync/event.hpp"
#include "sync/future.hpp"
#include "sync/latch.hpp"
#include "sync/mutex.hpp"
#include "sync/semaphore.hpp"
#include "sync/shared_mutex.hpp"
#include "wait/waiter.hpp"

namespace trine::detail {
namespace {

using observe::reason;
using wait::waiter;

sync_attempt& of(void* object) noexcept { return *static_cast<sync_attempt*>(object); }
template <class T>
T& primitive(void* object) noexcept {
  return *static_cast<T*>(of(object).object);
}

template <bool Shared>
constexpr task_wait_ops shared_ops = {
    [](void* a, waiter& w) {
      return sync::shared_mutex_queue::enqueue(primitive<shared_mutex>(a), w, Shared, of(a).first);
    },
    [](void* a, waiter& w) noexcept {
      sync::shared_mutex_queue::withdraw(primitive<shared_mutex>(a), w);
    },
    [](void* a, waiter&) noexcept {
      auto& m = primitive<shared_mutex>(a);
      Shared ? m.unlock_shared() : m.unlock();
    },
    reason::mutex, false};

constexpr void (*nothing_to_undo)(void*, waiter&) noexcept = nullptr;

// By sync_kind.
constexpr task_wait_ops all_ops[] = {
    {[](void* a, waiter& w) {
       return sync::mutex_queue::enqueue_for_hand_over(primitive<mutex>(a), w, of(a).first);
     },
     [](void* a, waiter& w) noexcept { sync::mutex_queue::withdraw(primitive<mutex>(a), w); },
     [](void* a, waiter&) noexcept { primitive<mutex>(a).unlock(); }, reason::mutex, false},
    shared_ops<false>,
    shared_ops<true>,
    {[](void* a, waiter& w) {
       return sync::semaphore_queue::enqueue(primitive<semaphore>(a), w, of(a).first);
     },
     [](void* a, waiter& w) noexcept {
       sync::semaphore_queue::withdraw(primitive<semaphore>(a), w);
     },
     [](void* a, waiter&) noexcept { sync::semaphore_queue::give(primitive<semaphore>(a), 1); },
     reason::semaphore, true},
    {[](void* a, waiter& w) { return sync::latch_queue::enqueue(primitive<latch>(a), w); },
     [](void* a, waiter& w) noexcept { sync::latch_queue::withdraw(primitive<latch>(a), w); },
     nothing_to_undo, reason::other, false},
    {[](void* a, waiter& w) {
       return sync::barrier_queue::enqueue(primitive<phases>(a), of(a).phase, w);
     },
     [](void* a, waiter& w) noexcept { sync::barrier_queue::withdraw(primitive<phases>(a), w); },
     nothing_to_undo, reason::other, false},
    {[](void* a, waiter& w) {
       return sync::future_queue::enqueue(primitive<future_state>(a), w, of(a).first);
     },
     [](void* a, waiter& w) noexcept {
       sync::future_queue::withdraw(primitive<future_state>(a), w);
     },
     nothing_to_undo, reason::join, true},
    {[](void* a, waiter& w) { return sync::event_queue::enqueue(primitive<event>(a), w); },
     [](void* a, waiter& w) noexcept { sync::event_queue::withdraw(primitive<event>(a), w); },
     nothing_to_undo, reason::event, true},
};

const task_wait_ops& ops_of(sync_kind kind) noexcept {
  return all_ops[static_cast<std::size_t>(kind)];
}

}  // namespace

sync_attempt::~sync_attempt() { abandon(ops_of(kind), this); }

bool sync_attempt::start(promise_base& who, std::coroutine_handle<> frame) {
  return suspend(who, frame, ops_of(kind), this, deadline);
}

bool sync_attempt::end() {
  const bool got = finish(ops_of(kind), this);
  if (got && kind == sync_kind::mutex) sync::mutex_queue::set_owner(*static_cast<mutex*>(object));
  if (got && kind == sync_kind::writer)
    sync::shared_mutex_queue::set_owner(*static_cast<shared_mutex*>(object));
  return got;
}

// ---- condition variables ------------------------------------------------------------------------

using sync::condition_queue;

struct condition_steps {
  static condition_place& place(void* object) noexcept {
    return static_cast<notification_wait*>(object)->place;
  }
  static waiter& stand_in(condition_place& p) noexcept {
    return *reinterpret_cast<waiter*>(p.stand_in_);
  }
  static void note(condition_place& p, const void* how) noexcept {
    p.in_line_ = false;
    p.got_ = how == sync::all_notified ? condition_place::all : condition_place::one;
  }
  static bool begin(void* object, waiter& w) noexcept {
    condition_place& p = place(object);
    if (condition_queue::meet(p.met_, w)) return true;
    w.data = p.met_.load(std::memory_order_relaxed);  // for good
    return false;
  }
  static void leave(void* object, waiter& w) noexcept {
    condition_place& p = place(object);
    condition_queue::leave_task(p.of_, p.met_, w);
  }
  static void undo(void* object, waiter& w) noexcept { note(place(object), w.data); }
};

namespace {
constexpr task_wait_ops notification_ops = {
    [](void* object, waiter& w) { return condition_steps::begin(object, w); },
    condition_steps::leave, condition_steps::undo, reason::condition, true};
}  // namespace

condition_place::condition_place(condition& c) noexcept : of_(c) {
  static_assert(sizeof(waiter) == sizeof(stand_in_));
  auto* const w = new (stand_in_) waiter(nullptr);  // nobody waits by it
  condition_queue::enqueue_task(of_, *w, met_);
}

condition_place::~condition_place() {
  leave();
  // Who was told with all others leaves nobody without.
  if (got_ == one) of_.notify_one();
}

bool condition_place::stay() noexcept {
  if (met_.load(std::memory_order_acquire) == sync::passed_over) return false;
  condition_queue::part(of_, condition_steps::stand_in(*this));
  return true;
}

void condition_place::leave() noexcept {
  if (!std::exchange(in_line_, false)) return;
  wait::waiter* there = nullptr;
  // acquire: partner is the notifier's or the destructor's swap.
  met_.compare_exchange_strong(there, sync::leaving, std::memory_order_acq_rel,
                               std::memory_order_acquire);
  if (there == nullptr || there == sync::leaving) {
    condition_queue::withdraw(of_, condition_steps::stand_in(*this));
  } else if (there != sync::passed_over) {
    condition_steps::note(*this, there);
  }
}

notification_wait::~notification_wait() { abandon(notification_ops, this); }

bool notification_wait::start(promise_base& who, std::coroutine_handle<> frame) {
  return suspend(who, frame, notification_ops, this, deadline);
}

bool notification_wait::await_resume() {
  const bool in_time = finish(notification_ops, this);
  if (in_time) condition_steps::note(place, waiter().data);
  return in_time;
}

}  // namespace trine::detail
