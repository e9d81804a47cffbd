#!/usr/bin/env bash
# A program of coroutines is clean under Valgrind, which has to be told of each stack.
set -uo pipefail
program=$TRINE_BINARY_DIR/bin/program_coroutines
command -v valgrind >/dev/null ||
  { echo "skipped: valgrind is not installed (packages.txt, section test)"; exit 77; }
[[ -x $program ]] || { echo "skipped: $program was not built"; exit 77; }
echo '#include <valgrind/valgrind.h>' | "$TRINE_CXX" -E -x c++ - >/dev/null 2>&1 ||
  { echo "skipped: there is no <valgrind/valgrind.h>, so the library tells Valgrind nothing"; exit 77; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
valgrind --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --fair-sched=try \
  "$program" >"$log" 2>&1
status=$?
# A guess that the stack was switched is made only for stacks nobody told it of.
if ((status)) || grep -q 'client switching stacks' "$log"; then
  echo "FAILED: status $status"
  cat "$log"
  exit 1
fi
echo "valgrind: clean"
