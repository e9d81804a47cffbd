#!/usr/bin/env bash
# compile_fail.sh FILE: passes when FILE does not compile and the compiler says the text of the
# file's first line, `// expect: TEXT`.
set -u
file=$1
cxx=${TRINE_CXX:-g++}
root=${TRINE_SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}

expect=$(sed -n '1s,^// expect: *,,p' "$file")
if [[ -z $expect ]]; then
  echo "$file must begin with a line '// expect: TEXT', TEXT being part of the error."
  exit 1
fi
if output=$(LC_ALL=C "$cxx" -std=c++20 -fsyntax-only -I"$root/include" "$file" 2>&1); then
  echo "$file compiles, but it must not."
  exit 1
fi
if ! grep -qF -- "$expect" <<<"$output"; then
  echo "$file does not compile, as it should, but the errors do not contain '$expect':"
  printf '%s\n' "$output"
  exit 1
fi
