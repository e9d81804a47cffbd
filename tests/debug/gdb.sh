#!/usr/bin/env bash
# Coroutines in gdb: bt of one that runs ends at its entry; debug/trine-gdb.py lists the parked ones
# with backtraces, in a live process and in a core file.
set -uo pipefail
program=$TRINE_BINARY_DIR/bin/program_parked
commands=$TRINE_SOURCE_DIR/debug/trine-gdb.py
scratch=$(mktemp -d)
pid=
trap '[[ $pid ]] && kill "$pid" 2>/dev/null; rm -rf "$scratch"' EXIT
failures=0

skip() { echo "skipped: $1"; exit 77; }
command -v gdb >/dev/null || skip "gdb is not installed (packages.txt, section test)"
gdb -nx -batch -ex 'python import gdb.unwinder' >/dev/null 2>&1 || skip "this gdb has no Python"
[[ -x $program ]] || skip "$program was not built"

debug() { gdb -nx -q -batch -ex 'set width 0' -ex "source $commands" "$@" 2>&1; }

# expect TITLE FILE PATTERN...: the lines that match the patterns stand in the file in this order.
expect() {
  local title=$1 file=$2 from=1 at pattern
  shift 2
  for pattern; do
    at=$(tail -n "+$from" "$file" | grep -nE -m1 -- "$pattern" | cut -d: -f1)
    if [[ ! $at ]]; then
      echo "FAILED: $title: no line like '$pattern' after line $from of:"
      cat "$file"
      failures=$((failures + 1))
      return
    fi
    from=$((from + at))
  done
}
refuse() {  # TITLE FILE PATTERN
  if grep -nE -- "$3" "$2"; then
    echo "FAILED: $1: the line above should not be there"
    failures=$((failures + 1))
  fi
}

# The frames from what the body called to the end of the stack.
line_of() { grep -nF -- "$1" "$TRINE_SOURCE_DIR/tests/programs/parked.cpp" | head -1 | cut -d: -f1; }
sleep_line=$(line_of 'sleep_for(std')
lock_line=$(line_of 'held.lock();')

check_listing() {  # TITLE FILE
  expect "$1, sleeper" "$2" \
    'coroutine [0-9]+, "sleeper", parked \(sleep.*home 0, spawned at .*parked.cpp:[0-9]+' \
    "^#[0-9]+ .*inner_sleep \\(.*parked.cpp:$sleep_line" '^#[0-9]+ .*sleeps \(.*parked.cpp:' \
    '^#[0-9]+ .*trine_context_entry' '^$'
  expect "$1, locker" "$2" 'coroutine [0-9]+, "locker", parked \(mutex' \
    "^#[0-9]+ .*locks \\(\\).*parked.cpp:$lock_line" '^#[0-9]+ .*trine_context_entry' '^$'
  expect "$1, joiner" "$2" 'coroutine [0-9]+, "joiner", parked \(join' \
    '^#[0-9]+ .*parked.cpp:' '^#[0-9]+ .*trine_context_entry' '^$'
  expect "$1" "$2" '^3 parked coroutines$'
  refuse "$1" "$2" 'Backtrace stopped|corrupt|Cannot access'
  # Each ends at the entry: no frame stands between it and the empty line.
  if awk '/^#/ { last = $0 } /^$/ { if (last !~ /trine_context_entry/) bad = 1 } END { exit !bad }' "$2"
  then
    echo "FAILED: $1: a backtrace does not end at the entry"
    cat "$2"
    failures=$((failures + 1))
  fi
}

# A live process.
"$program" wait >"$scratch/out" &
pid=$!
for ((i = 0; i < 600; ++i)); do grep -q ready "$scratch/out" && break; sleep 0.05; done
if ! debug -p "$pid" -ex 'trine bt' >"$scratch/live" && grep -q 'ptrace' "$scratch/live"; then
  skip "processes may not be traced here"
fi
grep -q 'ptrace: Operation not permitted' "$scratch/live" && skip "processes may not be traced here"
sed -n '/^coroutine/,$p' "$scratch/live" >"$scratch/listing"
check_listing 'live process' "$scratch/listing"
grep -E '^coroutine' "$scratch/listing" | grep -qE 'parked \(sleep, [0-9.]+ ms\)' ||
  { echo "FAILED: no time of waiting in a live process"; failures=$((failures + 1)); }

debug -p "$pid" -ex 'trine units' >"$scratch/units"
expect 'units' "$scratch/units" '"runner", running' '^5 units$'

id=$(sed -nE 's/^coroutine ([0-9]+), "sleeper".*/\1/p' "$scratch/units")
debug -p "$pid" -ex "trine select $id" -ex 'frame function sleeps' -ex 'info locals' \
  -ex 'trine select none' -ex 'bt 1' -ex 'trine bt 12345' >"$scratch/select"
expect 'select' "$scratch/select" 'sleeper' '^#[0-9]+ .*sleeps' 'local_of_sleeper = 3600000' \
  '^#0 ' 'There is no unit 12345'

# The coroutine that runs: an ordinary backtrace, which ends at the entry.
debug -p "$pid" -ex 'thread apply all bt' >"$scratch/running"
sed -n '/trine-worker-0/,/^$/p' "$scratch/running" >"$scratch/worker"
expect 'bt of a running coroutine' "$scratch/worker" '^#[0-9]+ .*stops_here' \
  '^#[0-9]+ .*trine_context_entry' '^$'
refuse 'bt of a running coroutine' "$scratch/running" 'Backtrace stopped|corrupt'
kill "$pid"
wait "$pid" 2>/dev/null
pid=

# A core file, of the moment of a crash.
(cd "$scratch" && ulimit -c unlimited && exec "$program" crash) >/dev/null 2>&1
core=$(find "$scratch" -name 'core*' -size +0 | head -1)
if [[ ! $core ]]; then
  echo "core files are not tested: the kernel writes none here ($(cat /proc/sys/kernel/core_pattern))"
elif (($(du -k "$core" | cut -f1) > 100000)); then
  echo "FAILED: the core file of a small program takes $(du -k "$core" | cut -f1) KiB"
  failures=$((failures + 1))
else
  debug "$program" "$core" -ex 'trine bt' >"$scratch/dead"
  sed -n '/^coroutine/,$p' "$scratch/dead" >"$scratch/listing"
  check_listing 'core file' "$scratch/listing"
fi

((failures == 0)) && echo "gdb: coroutines seen in a live process and in a core file"
exit $((failures != 0))
