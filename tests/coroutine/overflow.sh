#!/usr/bin/env bash
# A stack overflow says which coroutine it was and where it was spawned, then ends by SIGSEGV, where
# it happened; other faults and the host's handlers go on as without Trine.
set -uo pipefail
program=$TRINE_BINARY_DIR/bin/program_overflow
source=$TRINE_SOURCE_DIR/tests/programs/overflow.cpp
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0
ulimit -c 0

fail() { echo "FAILED: $1"; cat "$scratch/out"; failures=$((failures + 1)); }
# run MODE STATUS PATTERN...: ends so, and says that.
run() {
  local mode=$1 wanted=$2 status pattern
  shift 2
  (exec "$program" "$mode") >"$scratch/out" 2>&1
  status=$?
  [[ $status == "$wanted" ]] || fail "$mode: exit status $status instead of $wanted"
  for pattern; do grep -qE -- "$pattern" "$scratch/out" || fail "$mode: no line like '$pattern'"; done
}
silent() { if grep -q 'trine:' "$scratch/out"; then fail "$1: it should say nothing"; fi; }

"$program" >/dev/null 2>&1
[[ $? == 77 ]] && { echo "skipped: a sanitizer owns SIGSEGV"; exit 77; }

# A shell sees a death by signal 11 as 139.
words="coroutine 'too deep' \\(unit [0-9]+\\) has overflowed; it has 16 KiB; spawned at .*overflow.cpp:[0-9]+;"
for ((i = 0; i < 5; ++i)); do
  run recursion 139 "trine: the stack of $words"
  run alloca 139 "$words"
done
line=$(grep -n 'spawn(small(), recurses' "$source" | cut -d: -f1)
run recursion 139 "spawned at .*overflow.cpp:$line;"
run after-park 139 "$words"
run default-size 139 'coroutine \(unit [0-9]+\) has overflowed; it has 1024 KiB; spawned at'
run host 42 "$words" "the host's handler"
run host-returns 139 "$words" '^returns'
[[ $(grep -c overflowed "$scratch/out") == 1 ]] || fail 'host-returns: it says so more than once'
run other 139; silent other
run other-thread 139; silent other-thread
run sent 139; silent sent
# The report of a process unit's crash is as ever, with the words in the tail of its stderr.
run process 0 'SIGSEGV' "$words"

# In a debugger: it stops where the fault is, before the words and after them, and ends.
if command -v gdb >/dev/null; then
  gdb -nx -q -batch -ex 'set confirm off' -ex run -ex 'bt 3' -ex continue -ex 'bt 1' \
    -ex continue --args "$program" recursion >"$scratch/out" 2>&1
  if grep -qiE 'ptrace|could not trace' "$scratch/out"; then
    echo "processes may not be traced here; the debugger is left out"
  else
    grep -qE 'received signal SIGSEGV' "$scratch/out" || fail 'gdb: it does not stop at the fault'
    grep -qE '^#[01] .*recurses \(n=[^)]*\) at .*overflow.cpp' "$scratch/out" ||
      fail 'gdb: no backtrace at the fault'
    grep -qE "$words" "$scratch/out" || fail 'gdb: no words'
    grep -qE 'terminated with signal SIGSEGV|No such process' "$scratch/out" || fail 'gdb: no end by SIGSEGV'
  fi
fi

((failures == 0)) || { echo "$failures failed"; exit 1; }
echo passed
