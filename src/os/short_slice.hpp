// For a thread that must look quickly and seldom while all processors are busy.
#pragma once

namespace trine::os {

// Asks the scheduler for a short time slice for the calling thread: it then runs soon after it
// wakes, before threads that compute (EEVDF, Linux 6.12). Needs no privilege; elsewhere nothing
// happens.
void ask_for_short_slice() noexcept;

}  // namespace trine::os
