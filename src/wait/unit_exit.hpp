// What happens when a unit ends, on the unit itself, after its function's variables and arguments
// are gone and before anyone sees it done.
#pragma once

namespace trine::wait {

// Belongs to who entered it until it is called.
struct exit_call {
  void (*call)(exit_call* self) noexcept;
  exit_call* next = nullptr;
};

// For the unit or thread that runs here; the last entered is called first, and may enter others. On
// a thread that Trine did not make: when it ends, after its thread_locals. Throws std::bad_alloc
// (there only).
void at_unit_exit(exit_call& entry);

}  // namespace trine::wait
