// A stack overflow ends in words: which coroutine, spawned where, of which stack size.
//
// The handler of SIGSEGV is installed when the runtime starts, and runs on a stack of its own. A
// fault in the guard below the stack the worker stands on is an overflow: one line is written to
// stderr. Then, and for every other fault, goes on what there was before: the handler that the host
// had installed is called with the same arguments; without one, the default action stands and the
// fault happens once more, so that exit status, core file and debugger show it where it is. A host
// that installs a handler later replaces this one, and may call it: sigaction() gives it.
//
// In the handler nothing is allocated or locked. Under AddressSanitizer, which reports overflows
// itself, it is not installed.
#pragma once

namespace trine::coroutines {

void report_overflows() noexcept;
// For a worker's thread, before it runs coroutines: the stack its handlers run on.
void equip_for_overflow() noexcept;

}  // namespace trine::coroutines
