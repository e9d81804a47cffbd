#!/usr/bin/env bash
# check_headers.sh: every header compiles alone: those in include/ with warnings as errors, by g++
# and by clang, those in src/ by g++.
set -uo pipefail
cd "${TRINE_SOURCE_DIR:-$(dirname "$0")/..}" || exit 1

one() {  # COMPILER HEADER
  local compiler=$1 header=$2 flags=(-std=c++20 -fsyntax-only -pthread -Iinclude)
  case $header in
    include/*) flags+=(-Werror -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
      # As a user sees it: under their warnings, and twice.
      header=${header#include/} ;;
    *) flags+=(-Isrc) header=${header#src/} ;;
  esac
  printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
    "$compiler" "${flags[@]}" -x c++ - || {
    echo "$2 does not compile alone by $compiler." >&2
    return 1
  }
}
export -f one

{
  find include -name '*.hpp' -printf 'g++ %p\nclang++-19 %p\n'
  find src -name '*.hpp' -printf 'g++ %p\n'
} | sort -k 2 | xargs -r -P "$(nproc)" -L 1 bash -c 'one "$@"' one || exit 1
