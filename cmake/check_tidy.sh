#!/usr/bin/env bash
# check_tidy.sh: clang-tidy over src/ and tools/, changed files first, for TRINE_TIDY_SECONDS (240)
# at most. A file that passed is not looked at again until it or a header changes.
set -uo pipefail
cd "${TRINE_SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
limit=${TRINE_TIDY_SECONDS:-240}
database=build/clang
tool=$(command -v clang-tidy-19) || {
  echo "clang-tidy-19 is missing; install what packages.txt lists under [check]." >&2
  exit 1
}
if [[ ! -e $database/compile_commands.json ]]; then
  echo "$database/compile_commands.json is missing; ./dev check makes it." >&2
  exit 1
fi

passed=$PWD/build/tidy
mkdir -p "$passed"
common=$(cat .clang-tidy $(find src include tools -name '*.hpp' | sort) | sha256sum)
deadline=$((SECONDS + limit))
export tool database passed common

one() {  # FILE SECONDS
  local file=$1 key output status
  key=$({ printf '%s\n' "$common" "$file"; cat "$file"; } | sha256sum | cut -c1-40)
  [[ -e $passed/$key ]] && return 0
  output=$(timeout "$2" "$tool" -p "$database" --quiet "$file" 2>/dev/null)
  status=$?
  ((status == 124)) && return 0
  if ((status == 0)); then : >"$passed/$key"; return 0; fi
  printf '%s\n' "${output:-$file: clang-tidy failed with status $status; run it by hand.}" >&2
  return 1
}
export -f one

changed=$(git status --porcelain -uall -- src tools 2>/dev/null | sed -n 's/^...//; /\.cpp$/p')
mapfile -t files < <({ printf '%s\n' "$changed"; find src tools -name '*.cpp' | shuf; } |
  awk 'NF && !seen[$0]++')
known=$(sed -n 's/.*"file": "\(.*\)".*/\1/p' "$database/compile_commands.json")

failed=0 done_=0 jobs_=0
for file in "${files[@]}"; do
  [[ -f $file ]] && grep -qxF "$PWD/$file" <<<"$known" || continue
  left=$((deadline - SECONDS))
  if ((left <= 0)); then
    echo "The time for the lint ended at $done_ of ${#files[@]} files; TRINE_TIDY_SECONDS gives it more." >&2
    break
  fi
  if ((jobs_ >= $(nproc))); then wait -n || failed=1; ((--jobs_)); fi
  one "$file" "$left" &
  ((++jobs_, ++done_))
done
while ((jobs_ > 0)); do wait -n || failed=1; ((--jobs_)); done
exit "$failed"
