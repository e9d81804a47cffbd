#!/bin/bash
# The built command, from the outside. TRINE_BIN names it; exit code 77 means: skipped.
set -u
if [[ -z ${TRINE_BIN:-} || ! -x ${TRINE_BIN:-} ]]; then
  echo "skipped: TRINE_BIN does not name the built command"
  exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
out=$scratch/out
err=$scratch/err
failures=0
unset NO_COLOR TRINE_WORKERS TRINE_PROCESSES TRINE_IO TRINE_TRACE

fail() {
  echo "FAILED: $1"
  failures=$((failures + 1))
}

# run CODE ARGS...: runs the command, which must end soon, and with that code.
run() {
  local wanted=$1
  shift
  timeout 60 "$TRINE_BIN" "$@" >"$out" 2>"$err" </dev/null
  local code=$?
  [[ $code == "$wanted" ]] || {
    fail "trine $*: exit code $code instead of $wanted"
    head -5 "$err"
  }
}

has() { # FILE REGEX WHAT
  grep -Eq -- "$2" "$1" || {
    fail "$3: no line matches $2"
    head -20 "$1"
  }
}

times() { # NUMBER REGEX: so many lines of the output match
  local found
  found=$(grep -Ec -- "$2" "$out")
  [[ $found == "$1" ]] || fail "$found lines instead of $1 match $2"
}

refused() { # SENTENCE ARGS...: bad usage, said in one sentence, and nothing on stdout
  local sentence=$1
  shift
  run 2 "$@"
  [[ $(cat "$err") == "$sentence" ]] || fail "trine $*: $(cat "$err")"
  [[ -s $out ]] && fail "trine $*: bad usage printed on stdout"
}

# The article's table.
run 0 lab count
times 10 '^Process [0-4]:n=4999950000,id\(n\)=0x[0-9a-f]+ +pid=[0-9]+ tid=[0-9]+$'
times 2 '^Main:n=0,id\(n\)=0x[0-9a-f]+ +pid=[0-9]+ tid=[0-9]+$'
times 10 '^Thread [0-4]:n=[0-9]+,'
times 10 '^Coroutine [0-4]:n=[0-9]+,'
times 6 '^Total time:[0-9]+\.[0-9]+$'
times 1 '^Verdict: holds'
[[ -s $err ]] && fail "a pipe sees progress or warnings: $(cat "$err")"
for unit in thread coroutine; do
  run 0 lab count --unit $unit
  has "$out" '^Main:n=24999750000,' "$unit one by one"
  for k in 0 1 2 3 4; do
    has "$out" "$k:n=$(((k + 1) * 4999950000))," "$unit one by one"
  done
done
run 0 lab count --unit coroutine --together
has "$out" '^Main:n=24999750000,' "coroutines of one home"
run 0 lab count --unit thread --together
has "$out" '^Main:n=[0-9]+,' "threads together"
run 0 lab count --unit all --count 1000 --units 3
times 3 '^Process [0-2]:n=499500,'
run 0 lab count --count 1 --units 1
has "$out" '^Verdict: holds here with' "nothing added"
run 0 lab share --count 1000
times 1 '^share: '
has "$out" '^Verdict: holds' "nobody loses what is synchronised"
run 0 lab count switch --switches 2000 create --units 20 memory --most 200
for name in count switch create memory; do times 1 "^$name: "; done
times 4 '^Verdict: '
times 2 '^(thread|coroutine) 1  [.#]{64}  [0-9]+ slices$'

# JSON, and ten runs that agree in everything but races, times, addresses and ids.
if command -v python3 >/dev/null; then
  for i in 1 2 3 4 5 6 7 8 9 10; do
    run 0 lab count --json
    python3 - "$out" >"$scratch/run.$i" <<'PYTHON' || fail "run $i: the JSON is not what it should be"
import json, sys
document = json.load(open(sys.argv[1]))
assert document["schema"] == 1
assert [e["id"] for e in document["experiments"]] == ["count"]
count = document["experiments"][0]
assert count["verdict"]["outcome"] in ("holds", "holds_with"), count["verdict"]
tables = {table["id"]: table for table in count["tables"]}
assert list(tables) == [u + w for u in ("process", "thread", "coroutine")
                        for w in ("_one_by_one", "_together")]
for name, table in tables.items():
    totals, rows = table["totals"], table["rows"]
    assert len(rows) == 5 and [row["number"] for row in rows] == [0, 1, 2, 3, 4]
    if name.startswith("process"):
        assert all(row["n"] == 4999950000 and row["pid"] != totals["main_pid"] for row in rows)
        assert len({row["pid"] for row in rows}) == 5
        assert totals["main_n"] == 0
    else:
        assert all(row["pid"] == totals["main_pid"] for row in rows)
        assert {row["address"] for row in rows} == {totals["main_address"]}
        assert totals["lost"] == 24999750000 - totals["main_n"] >= 0
        if name != "thread_together":
            assert totals["main_n"] == 24999750000
    if name == "coroutine_together":
        assert len({row["tid"] for row in rows}) == 1
# What may differ is taken out; the rest is compared with the other runs.
for table in tables.values():
    for row in table["rows"]:
        del row["address"], row["pid"], row["tid"]
    for key in ("main_address", "main_pid", "main_tid", "total_seconds"):
        del table["totals"][key]
race = tables["thread_together"]
for row in race["rows"]:
    del row["n"]
for key in ("main_n", "lost", "runs"):
    del race["totals"][key]
del count["verdict"]
print(json.dumps(document, sort_keys=True))
PYTHON
    cmp -s "$scratch/run.1" "$scratch/run.$i" || fail "run $i differs from run 1"
  done
  run 0 lab --json switch --switches 2000 create --units 20 memory --most 200
  python3 - "$out" <<'PYTHON' || fail "the JSON of switch, create and memory"
import json, sys
document = json.load(open(sys.argv[1]))
found = {e["id"]: {t["id"]: t for t in e["tables"]} for e in document["experiments"]}
assert list(found) == ["switch", "create", "memory"]
assert all(e["verdict"]["sentence"] and e["rerun"] for e in document["experiments"])
cost = {row["way"]: row for row in found["switch"]["cost"]["rows"]}
assert cost["coroutine"]["median_ns"] > 0 and cost["thread_one_core"]["kernel_switches"] > 0
assert found["switch"]["thread_slices"]["totals"]["yields"] == 0
made = {row["way"]: row for row in found["create"]["cost"]["rows"]}
assert set(made) == {"coroutine", "thread_reused", "thread_fresh", "process_warm", "process_fresh"}
parked = {(row["kind"], row["asked"]): row for row in found["memory"]["parked"]["rows"]}
assert all(parked[kind, n]["parked"] == n and parked[kind, n]["rss_each"] > 0
           for kind in ("task", "coroutine", "thread") for n in (100, 200))
PYTHON
  run 0 doctor --json
  python3 - "$out" <<'PYTHON' || fail "doctor --json"
import json, sys
document = json.load(open(sys.argv[1]))
probes = document["probes"]
assert sum(document["summary"].values()) == len(probes) > 20
assert all(p["state"] in ("yes", "no", "degraded") and p["detail"] for p in probes)
assert {"io_uring", "pidfd", "landlock"} <= {p["name"] for p in probes}
PYTHON
else
  echo "note: python3 is missing, so the JSON is not parsed"
fi

# Doctor and help.
run 0 doctor
has "$out" '^(yes|no|degraded) +io_uring ' "doctor"
has "$out" '^[0-9]+ facilities: ' "doctor"
for words in "" "lab" "lab count" "doctor"; do
  # shellcheck disable=SC2086 # the words are words
  run 0 $words --help
  has "$out" '^Examples:$' "trine $words --help"
done
run 0 --version
has "$out" '^trine [0-9]+\.[0-9]+\.[0-9]+$' "--version"

# Bad usage.
refused 'trine: unknown command "labb"; did you mean lab? Run trine --help.' labb
refused 'trine: unknown command "zebra". Run trine --help.' zebra
refused 'trine: say what to do, for example: trine lab. Run trine --help.'
refused 'trine: unknown experiment "cuont"; did you mean count? Run trine lab --help.' lab cuont
refused 'trine: unknown option "--uints"; did you mean --units? Run trine lab count --help.' \
  lab count --uints 5
refused 'trine: "thread" was not expected here. Run trine lab count --help.' lab count thread
refused 'trine: unknown unit "thraed"; did you mean thread? Use process, thread, coroutine or all.' \
  lab count --unit thraed
refused 'trine: --units needs one value, and once. Run trine lab count --help.' lab count --units
for bad in 0 -1 -5 abc 1e5 1.5 ''; do
  for option in --count --units; do
    refused "trine: $option needs a whole number of at least 1, not \"$bad\". Run trine lab count --help." \
      lab count "$option" "$bad"
  done
done
refused 'trine: --count 99999999999999999999999 is too large. Run trine lab count --help.' \
  lab count --count 99999999999999999999999
for words in "switch --switches" "create --units" "memory --most"; do
  for bad in 0 -1 abc 1.5; do
    # shellcheck disable=SC2086 # the words are words
    refused "trine: ${words#* } needs a whole number of at least 1, not \"$bad\". Run trine lab ${words% *} --help." \
      lab $words $bad
  done
done
refused 'trine: --most 1000001 is too large; use at most 1000000. Run trine lab memory --help.' \
  lab memory --most 1000001
run 2 lab count --count 5000000000
has "$err" 'carry n past 9223372036854775807.*Use at most --count 1920767767\.$' "overflow"
refused 'trine: --units 100000 is more than the 1000 that the lab starts as a process. Use at most --units 1000, or another --unit.' \
  lab count --unit process --units 100000

# A broken environment: a sentence that names the variable.
export TRINE_WORKERS=many
run 2 lab count --unit coroutine
has "$err" '^trine: .*TRINE_WORKERS' "broken TRINE_WORKERS"
unset TRINE_WORKERS

# Output that cannot be written is no success.
timeout 60 "$TRINE_BIN" doctor >/dev/full 2>"$err"
[[ $? == 1 ]] || fail "a full disk went unnoticed"
has "$err" '^trine: standard output cannot be written' "a full disk"

# Colour on a terminal only, and not against NO_COLOR.
escape=$'\x1b'
run 0 doctor
has "$out" '^yes' "doctor in a pipe"
grep -q "$escape" "$out" && fail "colour in a pipe"
if command -v script >/dev/null; then
  TERM=xterm script -qec "'$TRINE_BIN' doctor" /dev/null </dev/null >"$out"
  grep -q "$escape" "$out" || fail "no colour on a terminal"
  NO_COLOR=1 TERM=xterm script -qec "'$TRINE_BIN' doctor" /dev/null </dev/null >"$out"
  grep -q "$escape" "$out" && fail "colour in spite of NO_COLOR"
  TERM=dumb script -qec "'$TRINE_BIN' doctor" /dev/null </dev/null >"$out"
  grep -q "$escape" "$out" && fail "colour on a dumb terminal"
fi

if ((failures > 0)); then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
