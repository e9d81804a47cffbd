#!/usr/bin/env bash
# check_switch.sh [LIBRARY]: the machine code of libtrine.a, by default of the release build.
#
# A function that switches stacks may go on on another thread. A thread-local's address that the
# compiler took before the switch would then be another thread's, so such a function must not touch
# thread-locals at all: it asks out-of-line functions (here, self), each time anew. Checked:
#   1. a function that switches (it loads the stack pointer from a register that is not the frame
#      pointer) has no access relative to the thread pointer and no relocation to a thread-local;
#   2. every function that has such a relocation is named in cmake/tls_functions.txt, none of which
#      may park between taking the address and using it;
#   3. here and self are functions of their own, and there are calls to them.
set -uo pipefail
cd "${TRINE_SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
library=${1:-build/release/libtrine.a}
objdump=${OBJDUMP:-objdump}
if [[ ! -f $library ]]; then
  echo "$library is not built; run ./dev build release first." >&2
  exit 1
fi
if ! command -v "$objdump" >/dev/null; then
  echo "$objdump is missing; it comes with the package binutils." >&2
  exit 1
fi

syntax=()
[[ $("$objdump" -f "$library" 2>/dev/null) == *x86-64* ]] && syntax=(-M intel)
"$objdump" -dr --demangle --no-show-raw-insn "${syntax[@]}" "$library" 2>/dev/null |
  awk '
function base(name) {   # without arguments, clones and namespaces in braces
  sub(/ \[clone.*/, "", name)
  gsub(/\(anonymous namespace\)::/, "", name)
  sub(/\(.*/, "", name); sub(/^.* /, "", name)
  return name
}
FILENAME == ARGV[1] { sub(/#.*/, ""); if (NF) may[$1] = 1; next }
/^[0-9a-f]+ <.*>:$/ {
  name = $0; sub(/^[0-9a-f]+ </, "", name); sub(/>:$/, "", name)
  ++functions; bare = base(name); defined[bare] = 1
  next
}
# x86-64: mov rsp,REG; AArch64: mov sp,xN. The frame pointer is how functions with alloca end.
/\tmov +rsp,r[^b]/ || /\tmov +rsp,QWORD/ || /\tmov\tsp, x([0-9]|1[0-9]|2[0-8])$/ { switches[name] = 1 }
/fs:/ || /tpidr_el0/ { touches[name] = $0 }
# Read by one asm volatile that gives the value, never an address (trine/detail/fork.hpp).
/R_.*trine_fork_side/ { next }
/R_X86_64_(GOTTPOFF|TPOFF|DTPOFF|TLS)/ || /R_AARCH64_TLS/ {
  touches[name] = $0; local_[name] = bare
}
/R_X86_64_(PLT32|PC32)|R_AARCH64_(CALL|JUMP)26/ {
  if (/worker::here/) calls_here = 1
  if (/wait::self/) calls_self = 1
}
END {
  if (functions < 100) { print "only " functions " functions were found: is this the library?"; exit 1 }
  for (f in switches) {
    ++count
    if (f in touches) { print f ": switches stacks and uses the thread pointer:" touches[f]; bad = 1 }
  }
  if (!count) { print "no function that switches stacks was found; this check must learn how it looks now"; bad = 1 }
  for (f in local_) {
    used[local_[f]] = 1
    if (!(local_[f] in may)) {
      print f ": uses a thread-local:" touches[f]
      print "  see cmake/tls_functions.txt"
      bad = 1
    }
  }
  for (f in may) if (!(f in used)) { print "cmake/tls_functions.txt: " f " uses no thread-local any more"; bad = 1 }
  if (!("trine::coroutines::worker::here" in defined) || !calls_here) { print "worker::here() is not a call any more"; bad = 1 }
  if (!("trine::wait::self" in defined) || !calls_self) { print "wait::self() is not a call any more"; bad = 1 }
  if (!bad) print count " functions that switch stacks, none of which uses the thread pointer"
  exit bad
}' cmake/tls_functions.txt - || exit 1
