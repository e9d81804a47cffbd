#!/usr/bin/env bash
# Uses Trine as other projects do: add_subdirectory, find_package and pkg-config, each with the
# static and the shared library. TRINE_BINARY_DIR, when set, names a finished build of the static
# library whose installation is used.
set -euo pipefail
root=${TRINE_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
cxx=${TRINE_CXX:-g++}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

quiet() {  # COMMAND...: shows the output only when the command fails
  "$@" >"$tmp/log" 2>&1 || { echo "failed: $*"; tail -n 40 "$tmp/log"; exit 1; }
}
expect_sum() {  # TITLE PROGRAM...
  local title=$1 out
  shift
  out=$(timeout 60 "$@") || { echo "$title: the program failed with status $?: $out"; exit 1; }
  [[ $out == 14999850000 ]] || { echo "$title: printed '$out', not 14999850000"; exit 1; }
  echo "$title: ok"
}
configure() {  # SOURCE BUILD ARGS...
  quiet cmake -G Ninja -S "$1" -B "$2" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="$cxx" \
    "${@:3}"
}

use_installed() {  # KIND PREFIX
  local kind=$1 prefix=$2 flags
  configure "$root/tests/consumer" "$tmp/find-$kind" -DCMAKE_PREFIX_PATH="$prefix"
  quiet cmake --build "$tmp/find-$kind"
  expect_sum "find_package, $kind" "$tmp/find-$kind/consumer"

  local pc
  pc=$(find "$prefix" -name trine.pc)
  flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs trine)
  # shellcheck disable=SC2086  # the flags are words
  quiet "$cxx" -std=c++20 "$root/tests/consumer/main.cpp" $flags -o "$tmp/pc-$kind"
  expect_sum "pkg-config, $kind" \
    env LD_LIBRARY_PATH="$(dirname "$(dirname "$pc")")" "$tmp/pc-$kind"
  if [[ $kind == shared ]]; then
    readelf -d "$tmp/pc-$kind" | grep -q 'NEEDED.*libtrine\.so\.' ||
      { echo "pkg-config, shared: the program does not use libtrine.so"; exit 1; }
  fi
  if [[ -e $prefix/bin/trine ]]; then
    quiet "$prefix/bin/trine" --help
    echo "bin/trine, $kind: ok"
  fi
}

for kind in static shared; do
  shared=$([[ $kind == shared ]] && echo ON || echo OFF)
  build=$tmp/sub-$kind
  configure "$root/tests/consumer" "$build" -DTRINE_SOURCE="$root" -DBUILD_SHARED_LIBS="$shared" \
    -DTRINE_INSTALL=ON
  quiet cmake --build "$build"
  expect_sum "add_subdirectory, $kind" "$build/consumer"

  if [[ $kind == static && -e ${TRINE_BINARY_DIR:-}/libtrine.a ]]; then
    build=$TRINE_BINARY_DIR
  fi
  quiet cmake --install "$build" --prefix "$tmp/prefix-$kind"
  use_installed "$kind" "$tmp/prefix-$kind"
done
