#!/usr/bin/env bash
# ./dev answers bad input in a sentence, with status 2, and says nothing on stdout.
set -u
root=${TRINE_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
export TRINE_NO_APT=1
status=0

refuses() {  # EXPECTED ARGS...
  local expected=$1 out err code
  shift
  err=$(mktemp)
  out=$("$root/dev" "$@" 2>"$err")
  code=$?
  if [[ $code != 2 || $out ]] || ! grep -q "^dev: .*$expected" "$err"; then
    echo "./dev $*: status $code, stdout '$out', stderr '$(cat "$err")'"
    status=1
  fi
  rm -f "$err"
}

refuses "'nonsense' is not a command" nonsense
refuses "no check 'nonsense'" check nonsense
refuses "no part 'nonsense'" soak nonsense
refuses 'at least 1' soak --seconds 0
refuses 'Say where to install' install
refuses "does not know '--where'" install --where /tmp
"$root/dev" help | grep -q '^usage: ./dev' || { echo './dev help prints no usage'; status=1; }

# packages.txt: sections, comments, and what is asked of dpkg.
. "$root/cmake/scripts/lib.sh"
. "$root/cmake/scripts/packages.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
printf '%s\n' '# c' '[build]   # x' 'one  # y' '' '[test]' ' two' '[bench]' 'three' >"$tmp/packages.txt"
root=$tmp
[[ $(packages_of build test | tr '\n' ' ') == 'one two ' ]] ||
  { echo "packages_of: $(packages_of build test)"; status=1; }
[[ $(missing_of bash no-such-package-of-trine) == no-such-package-of-trine ]] ||
  { echo 'missing_of is wrong'; status=1; }
exit "$status"
