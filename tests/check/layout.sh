#!/usr/bin/env bash
# The layout of every type in a public header is the same whatever the user's NDEBUG, library
# checks or sanitizer are, for the library was compiled with others. g++ prints the layouts.
set -uo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cxx=g++
command -v "$cxx" >/dev/null || { echo "skipped: g++ is not installed"; exit 77; }

cat >"$scratch/all.cpp" <<'END'
#include <map>
#include <string>
#include <vector>
END
for header in "$TRINE_SOURCE_DIR"/include/trine/*.hpp; do
  printf '#include <trine/%s>\n' "${header##*/}" >>"$scratch/all.cpp"
done
# Templates have a layout once they are used.
cat >>"$scratch/all.cpp" <<'END'
template class trine::handle<int>;
template class trine::handle<std::string>;
template class trine::handle<void>;
template class trine::unit_ref<int>;
template struct trine::detail::local_job<int, int (*)(int), int>;
template struct trine::detail::local_job<void, void (*)(std::string), std::string>;
void use() { (void)sizeof(trine::scope); }
END

layouts() {  # NAME FLAGS...
  local name=$1
  shift
  (cd "$scratch" && "$cxx" -std=c++20 -c -o /dev/null -I"$TRINE_SOURCE_DIR/include" "$@" \
    -fdump-lang-class="$scratch/$name" all.cpp) || { echo "FAILED: $* does not compile"; exit 1; }
  # Classes of ours only, without those of the standard library that they instantiate. Local
  # classes and lambdas are numbered differently by other settings; they have no members of ours.
  awk -v RS= '/^Class trine::/ && !/<lambda/' "$scratch/$name" |
    sed 's/0x[0-9a-f]*//g' | grep -E '^(Class| *size=| *base size=)' >"$scratch/$name.txt"
}

layouts plain
layouts ndebug -DNDEBUG -O2
layouts checks -DTRINE_CHECKS=1 -D_GLIBCXX_ASSERTIONS -O0
layouts asan -DTRINE_ASAN=1 -fsanitize=address
layouts tsan -DTRINE_TSAN=1 -fsanitize=thread

count=$(grep -c '^Class' "$scratch/plain.txt")
((count > 30)) || { echo "FAILED: only $count classes were found"; cat "$scratch/plain.txt"; exit 1; }
failed=0
for other in ndebug checks asan tsan; do
  if ! diff "$scratch/plain.txt" "$scratch/$other.txt"; then
    echo "FAILED: the layout of the types above depends on the setting '$other'"
    failed=1
  fi
done
((failed)) || echo "$count classes have one layout"
exit "$failed"
