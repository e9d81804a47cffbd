// What is kept of a coroutine while others run.
#pragma once

namespace trine::detail {
struct core;
}
namespace trine::observe {
struct slot;
}
namespace trine::wait {
struct exception_state;
}

namespace trine::coroutines {

struct stack;

// A coroutine that has left (or is about to leave) its stack. It lies on that stack. Who switches
// to it first sets the stage: unit, slot, exceptions and errno become those kept here (worker:
// set_stage_for), so that the coroutine itself has nothing to do when it arrives.
struct suspended {
  suspended() = default;
  suspended(detail::core* its_unit, observe::slot* its_slot) noexcept
      : unit(its_unit), slot(its_slot) {}

  detail::core* unit;
  observe::slot* slot;
  // Filled in by the switch.
  void* sp;
  stack* on;
  suspended* next;
  const wait::exception_state* exceptions;  // those it is handling; null for none
  int error_number;
};

}  // namespace trine::coroutines
