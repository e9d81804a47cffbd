// A task's wait on a channel: put or get, or enter the line (trine/detail/channel_core.hpp).
#include <trine/co.hpp>

#include "observe/registry.hpp"
#include "wait/waiter.hpp"

namespace trine::detail {
namespace {

channel_attempt& of(void* object) noexcept { return *static_cast<channel_attempt*>(object); }

bool begin(void* object, wait::waiter& who) {
  channel_attempt& a = of(object);
  for (;;) {
    {
      channel_core::section s(a.core);
      a.result = a.sends ? a.core.put(a.wait.element, s) : a.core.get(a.wait.element, s);
      if (a.result == channel_result::blocked) {
        a.wait.who = &who;
        a.wait.let_go.store(false, std::memory_order_relaxed);
        a.sends ? a.core.enter_senders(a.wait) : a.core.enter_receivers(a.wait);
        return true;
      }
    }
    if (a.result != channel_result::no_memory) return false;
    a.core.grow();
  }
}

void leave(void* object, wait::waiter&) noexcept {
  channel_attempt& a = of(object);
  a.core.lock();
  a.sends ? a.core.leave_senders(a.wait) : a.core.leave_receivers(a.wait);
  a.core.unlock();
}

// What was received goes with the task that was destroyed; what was sent has been.
void undo(void* object, wait::waiter&) noexcept { of(object).wait.served(); }

constexpr task_wait_ops ops = {begin, leave, undo, observe::reason::channel, true};

}  // namespace

channel_attempt::~channel_attempt() { abandon(ops, this); }

bool channel_attempt::start(promise_base& who, std::coroutine_handle<> frame) {
  return suspend(who, frame, ops, this, deadline);
}

channel_result channel_attempt::await_resume() {
  if (!finish(ops, this)) return channel_result::timed_out;
  if (result == channel_result::blocked && wait.served()) return channel_result::done;
  return result;
}

}  // namespace trine::detail
