#!/usr/bin/env bash
# check_format.sh [--fix]: every C++ file is as clang-format 14 writes it; --fix makes it so.
set -uo pipefail
cd "${TRINE_SOURCE_DIR:-$(dirname "$0")/..}" || exit 1

if ! command -v clang-format-14 >/dev/null; then
  echo "clang-format-14 is missing; install what packages.txt lists under [check]." >&2
  exit 1
fi
one() {
  clang-format-14 --dry-run --Werror "$1" 2>/dev/null ||
    { echo "$1: is not formatted" >&2; return 1; }
}
export -f one
each=(bash -c 'one "$1"' one)
[[ ${1:-} == --fix ]] && each=(clang-format-14 -i)

folders=()
for folder in include src hook tools tests bench examples python; do
  [[ -d $folder ]] && folders+=("$folder")
done
find "${folders[@]}" \( -name '*.cpp' -o -name '*.hpp' -o -name '*.h' -o -name '*.c' \) -print0 |
  xargs -0 -r -n 1 -P "$(nproc)" "${each[@]}" || {
  echo "Some files are not formatted; ./dev fmt formats them." >&2
  exit 1
}
