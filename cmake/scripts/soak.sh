# ./dev soak: the long versions of the tests, each for a number of seconds. Sourced by ./dev.
# Every part prints one line, and its whole output is in build/soak/PART.log.

soak_parts=(repeat stress explore fuzz million)
soak_logs=$root/build/soak

# The concurrency tests, again and again, two programs at a time so that they disturb each other.
# What is long or about clocks is left out: it would only cost turns.
soak_programs=(contract wait thread observe process sync fork task)
soak_left_out='-*at_most*:*leaves_nothing*:*descriptors*:*idle*'

# soak_loop LIMIT LOG COMMAND...: runs it until the time is over or it fails. Prints how often it
# passed. The number of the run seeds the fuzz test.
soak_loop() {
  local limit=$1 log=$2 runs=0 status=0 until
  shift 2
  until=$((SECONDS + limit))
  : >"$log"
  while ((SECONDS < until)); do
    TRINE_FUZZ_SEED=$((runs + 1)) timeout -k 10 600 "$@" >"$log.now" 2>&1 </dev/null || status=$?
    if ((status)); then
      cat "$log.now" >>"$log"
      echo "$runs"
      return "$status"
    fi
    ((++runs))
  done
  cp "$log.now" "$log" && rm "$log.now"
  echo "$runs"
}

soak_repeat() {  # SECONDS
  local pair share=$(($1 * 2 / ${#soak_programs[@]})) i runs status=0 said=()
  ((share > 0)) || share=1
  for ((i = 0; i < ${#soak_programs[@]}; i += 2)); do
    local jobs=()
    for pair in "${soak_programs[@]:i:2}"; do
      soak_loop "$share" "$soak_logs/repeat_$pair.log" "$root/build/dev/bin/test_$pair" \
        --gtest_brief=1 --gtest_shuffle --gtest_break_on_failure "--gtest_filter=$soak_left_out" \
        >"$soak_logs/repeat_$pair.runs" &
      jobs+=($!)
    done
    for pair in "${jobs[@]}"; do wait "$pair" || status=1; done
    for pair in "${soak_programs[@]:i:2}"; do
      runs=$(<"$soak_logs/repeat_$pair.runs")
      said+=("$pair $runs")
    done
  done
  echo "times that all tests of a program passed: ${said[*]}"
  return "$status"
}

soak_stress() {  # SECONDS
  local status=0
  TRINE_STRESS_SECONDS=$1 "$root/build/dev/bin/test_stress" >"$soak_logs/stress.log" 2>&1 \
    </dev/null || status=$?
  awk '/^TRINE_STRESS/ { print $0 } / rounds$/ { n += $2 } END { print n + 0 " rounds" }' \
    "$soak_logs/stress.log" | paste -sd' '
  return "$status"
}

# One preemption and one late access more than in the tests, as far as each test's share of the
# time goes.
soak_explore() {  # SECONDS
  local log=$soak_logs/explore.log program test tests=() share status bad=0
  : >"$log"
  for program in atomic channel explore; do
    while IFS= read -r test; do tests+=("$program $test"); done < <(
      "$root/build/dev/bin/test_$program" --gtest_filter='-*orders_are_needed' --gtest_list_tests |
        awk '/^[^ ].*\.$/ { suite = $1 } /^  / { print suite $1 }')
  done
  share=$(($1 / (${#tests[@]} + 1) + 1))
  for test in "${tests[@]}"; do
    read -r program test <<<"$test"
    status=0
    TRINE_EXPLORE=full timeout -k 5 "$share" "$root/build/dev/bin/test_$program" \
      --gtest_brief=1 "--gtest_filter=$test" >>"$log" 2>&1 </dev/null || status=$?
    if ((status == 124)); then
      echo "$test: the time was over" >>"$log"
    elif ((status)); then
      bad=1
    fi
  done
  awk '/ executions/ { for (i = 2; i <= NF; ++i) if ($i ~ /^executions/) n += $(i - 1); ++m }
    /: the time was over$/ { ++cut }
    END { printf "%.0f executions of %d explorations; of %d tests the time was over in %d", n, m,
            tests, cut; print "" }' tests=${#tests[@]} "$log"
  return "$bad"
}

# Each run is a million damaged or random messages, another seed each time, under AddressSanitizer.
soak_fuzz() {  # SECONDS
  local runs status=0
  runs=$(soak_loop "$1" "$soak_logs/fuzz.log" env TRINE_FUZZ_ROUNDS=1000000 \
    "$root/build/asan/bin/test_serialize" '--gtest_filter=fuzz.*' --gtest_brief=1) || status=$?
  echo "$runs million random messages and a tenth of that damaged ones, seeds from 1 on"
  return "$status"
}

soak_million() {  # SECONDS
  local count=1000000 status=0
  (($1 >= 30)) || count=100000
  "$root/build/release/bench/bin/trine_bench_million" --count "$count" \
    >"$soak_logs/million.log" 2>&1 </dev/null || status=$?
  echo "$count parked coroutines: $(grep -c 'mark met' "$soak_logs/million.log") marks met," \
    "$(grep -c 'MISSED' "$soak_logs/million.log") missed"
  return "$status"
}

dev_soak() {
  local seconds=${TRINE_SOAK_SECONDS:-600} parts=() part bad=() status line since
  while (($#)); do
    case $1 in
      --seconds) seconds=${2:-}; shift ;;
      --seconds=*) seconds=${1#*=} ;;
      *)
        [[ " ${soak_parts[*]} " == *" $1 "* ]] ||
          fail "soak has no part '$1'; they are ${soak_parts[*]}." 2
        parts+=("$1")
        ;;
    esac
    shift || true
  done
  [[ $seconds =~ ^[1-9][0-9]{0,6}$ ]] ||
    fail "--seconds (or TRINE_SOAK_SECONDS) needs a whole number of at least 1, not '$seconds'." 2
  ((${#parts[@]})) || parts=("${soak_parts[@]}")
  mkdir -p "$soak_logs"
  need build test
  local targets=()
  for part in "${parts[@]}"; do
    case $part in
      repeat) targets+=("${soak_programs[@]/#/test_}") ;;
      stress) targets+=(test_stress) ;;
      explore) targets+=(test_atomic test_channel test_explore) ;;
      fuzz) build asan -- --target test_serialize ;;
      million) need bench && build release -DTRINE_BUILD_BENCH=ON -- --target trine_bench_million ;;
    esac
  done
  ((${#targets[@]} == 0)) || build dev -- --target "${targets[@]}"
  for part in "${parts[@]}"; do
    say "soak: $part"
    status=0 since=$SECONDS
    line=$("soak_$part" "$seconds") || status=$?
    if ((status)); then bad+=("$part"); fi
    printf '%-8s %-6s %6s s  %s\n' "$part" "$( ((status)) && echo FAILED || echo passed)" \
      "$((SECONDS - since))" "$line"
  done
  ((${#bad[@]} == 0)) ||
    fail "These parts failed: ${bad[*]}; their output is in build/soak/PART*.log."
}
