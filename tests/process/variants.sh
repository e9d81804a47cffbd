#!/usr/bin/env bash
# Process units in programs linked in every way, and in hosts where they cannot be had.
set -uo pipefail
archive=$TRINE_BINARY_DIR/libtrine.a
[[ -f $archive ]] || archive=$(find "$TRINE_BINARY_DIR" -name libtrine.a -print -quit)
if [[ -z $archive ]]; then echo "needs the static library"; exit 77; fi
if nm "$archive" 2>/dev/null | grep -qE '__asan_init|__tsan_init'; then
  echo "not for sanitizer builds"; exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
base=(-std=c++20 -I"$TRINE_SOURCE_DIR/include" -pthread)

cat > main.cpp <<'CPP'
#include <trine/trine.hpp>
#include <cstdio>
#include <dlfcn.h>
int twice(int n) { return 2 * n; }
int main(int argc, char** argv) {
  int sum = trine::spawn(trine::process, twice, 21).get();
  sum += trine::spawn(trine::process, [](int n) { return n; }, 8).get();
  if (argc > 1) {  // a function of a module that is loaded later, by a relative path
    void* plugin = dlopen(argv[1], RTLD_NOW);
    if (plugin == nullptr) return std::puts(dlerror()), 1;
    const auto run = reinterpret_cast<int (*)()>(dlsym(plugin, "run"));
    sum += run() - 7;
  }
  std::printf("sum %d\n", sum);
}
CPP
cat > plugin.cpp <<'CPP'
#include <trine/trine.hpp>
static int seven(int n) { return n + 6; }
extern "C" int run() { return trine::spawn(trine::process, seven, 1).get(); }
CPP
cat > host.cpp <<'CPP'
#include <cstdio>
#include <dlfcn.h>
int main(int, char** argv) {
  void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) return std::puts(dlerror()), 1;
  reinterpret_cast<void (*)()>(dlsym(plugin, "hosted"))();
}
CPP
cat > hosted.cpp <<'CPP'
#include <trine/trine.hpp>
#include <cstdio>
static int twice(int n) { return 2 * n; }
extern "C" void hosted() {
  std::printf("thread %d coroutine %d\n", trine::spawn(trine::thread, twice, 1).get(),
              trine::spawn(trine::coroutine, twice, 2).get());
  try {
    trine::spawn(trine::process, twice, 3).get();
  } catch (const trine::usage_error& e) {
    std::puts(e.what());
  }
}
CPP

# expect NAME TEXT COMMAND…: the command ends with 0 and prints the text.
expect() {
  local name=$1 text=$2 output
  shift 2
  output=$(timeout 60 "$@" 2>&1)
  local code=$?
  if [[ $code -ne 0 || $output != *"$text"* ]]; then
    echo "$name: exit code $code, output: $output"
    failed=1
  fi
}
build() {
  if ! "$TRINE_CXX" "${base[@]}" "$@"; then echo "does not build: $*"; failed=1; fi
}

build -O2 -shared -fPIC -o libtrine.so -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -ldl
build -O1 -fPIC -c main.cpp -o main.o
build -O1 -fPIC -c plugin.cpp -o plugin.o

build main.o "$archive" -pie -o static_pie -ldl
expect "static library, PIE" "sum 50" ./static_pie
build -O1 -fno-pie -no-pie main.cpp "$archive" -o static_nopie -ldl
expect "static library, no PIE" "sum 50" ./static_nopie
build main.o -L. -ltrine -Wl,-rpath,"$dir" -pie -o shared_pie -ldl
expect "shared library, PIE" "sum 50" ./shared_pie
build -O1 -fno-pie -no-pie main.cpp -L. -ltrine -Wl,-rpath,"$dir" -o shared_nopie -ldl
expect "shared library, no PIE" "sum 50" ./shared_nopie
build main.o "$archive" -o no_id -Wl,--build-id=none -ldl
expect "no build-id" "sum 50" ./no_id
build main.o "$archive" -o stripped -s -ldl
expect "stripped" "sum 50" ./stripped
build -O2 -flto main.cpp "$archive" -o lto -ldl
expect "LTO" "sum 50" ./lto
build main.o "$archive" -Wl,--gc-sections -Wl,-z,now -o now -ldl
expect "gc-sections, bound at start" "sum 50" ./now

build -shared plugin.o -L. -ltrine -o plugin.so
build -shared plugin.o -L. -ltrine -Wl,--build-id=none -o plugin_no_id.so
expect "plug-in" "sum 50" ./shared_pie ./plugin.so
expect "plug-in without build-id" "sum 50" ./shared_pie ./plugin_no_id.so

build host.cpp -o host -ldl
build -shared -fPIC hosted.cpp -L. -ltrine -Wl,-rpath,"$dir" -o hosted_shared.so
build -shared -fPIC hosted.cpp "$archive" -o hosted_static.so -ldl
for plugin in ./hosted_shared.so ./hosted_static.so; do
  expect "host not linked to Trine, $plugin" "thread 2 coroutine 4" ./host $plugin
  expect "host not linked to Trine, $plugin" "process units need an executable that is linked" \
    ./host $plugin
done
if command -v python3 > /dev/null; then
  expect "python" "process units need an executable" \
    python3 -c 'import ctypes; ctypes.CDLL("./hosted_shared.so").hosted()'
fi

loader=$(LC_ALL=C readelf -l static_pie | sed -n 's/.*interpreter: \(.*\)]/\1/p')
output=$(timeout 60 "$loader" ./static_pie 2>&1)
if [[ $output != *"is not this program"* ]]; then
  echo "started by the loader: $output"
  failed=1
fi
cat > threads.cpp <<'CPP'
#include <trine/trine.hpp>
#include <cstdio>
static int twice(int n) { return 2 * n; }
int main() {
  std::printf("thread %d\n", trine::spawn(trine::thread, twice, 1).get());
  try {
    trine::spawn(trine::process, twice, 3).get();
  } catch (const trine::usage_error& e) {
    std::puts(e.what());
  }
}
CPP
if "$TRINE_CXX" "${base[@]}" -static threads.cpp "$archive" -o fully_static 2> static.log; then
  expect "fully static" "thread 2" ./fully_static
  expect "fully static" "fully static executable" ./fully_static
elif ! grep -q "cannot find" static.log; then  # no static C library here
  cat static.log
  failed=1
fi
exit $failed
