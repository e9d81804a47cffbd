#!/usr/bin/env bash
# check_layers.sh [SOURCE_FOLDER]: includes follow the table of layers in ARCHITECTURE.md, and only
# the layers named in cmake/park_functions.txt park a thread or switch a coroutine.
#
# The table is the fenced block of lines `src/<layer>/  what it is  -> layer, layer`. A layer may
# include itself, what its line names, and what those reach. `-> std` means none, `-> all above`
# every layer of an earlier line.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
patterns=$root/cmake/park_functions.txt
cd "${1:-${TRINE_SOURCE_DIR:-$root}}" || exit 1
[[ -f cmake/park_functions.txt ]] && patterns=$PWD/cmake/park_functions.txt

if [[ ! -f ARCHITECTURE.md ]]; then
  echo "ARCHITECTURE.md is missing, so the layers cannot be checked." >&2
  exit 1
fi

files=$(find src include tools examples hook -type f \
  \( -name '*.hpp' -o -name '*.cpp' -o -name '*.S' -o -name '*.h' \) 2>/dev/null | sort)

# shellcheck disable=SC2086  # no file name of ours has a space
awk '
function bad(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; failed = 1 }
function reach(from, to,   i, n, next_) {   # depth first over the edges of the table
  if (from == to) return 1
  if (seen[from]++) return 0
  n = split(edges[from], next_, " ")
  for (i = 1; i <= n; ++i) if (reach(next_[i], to)) return 1
  return 0
}
function allowed(from, to) { split("", seen); return reach(from, to) }

FILENAME == "ARCHITECTURE.md" {
  if (/^```/) fenced = !fenced
  if (!fenced || !/^src\/[a-z_]+\/ .*->/) next
  layer = $1; sub(/^src\//, "", layer); sub(/\/$/, "", layer)
  sub(/.*-> */, ""); gsub(/[ \t]+$/, "")
  if ($0 == "all above") edges[layer] = above
  else if ($0 != "std") { gsub(/, */, " "); edges[layer] = $0 }
  known[layer] = 1; above = above " " layer; ++layers
  next
}
FNR == 1 {
  if (!layers) exit
  own = ""; zone = FILENAME; sub(/\/.*/, "", zone)
  if (zone == "src") {
    split(FILENAME, part, "/"); own = part[2]
    if (!(own in known)) bad("the folder src/" own "/ is not a layer in the table of ARCHITECTURE.md")
  }
}
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
  quoted = /include[ \t]*"/
  path = $0; sub(/^[^<"]*[<"]/, "", path); sub(/[>"].*/, "", path)
  first = path; sub(/\/.*/, "", first)
  if (path ~ /\.\.\// && (zone == "src" || zone == "include")) { bad("write " path " from an include root, without .."); next }
  if (zone == "include") {
    if (quoted || first in known && path ~ /\//)
      bad("a public header includes \"" path "\"; it may include only <trine/...> and system headers")
  } else if (zone == "src") {
    if (path !~ /\//) {
      if (quoted) bad("write \"" own "/" path "\" instead of \"" path "\"")
    } else if (first in known) {
      if (!allowed(own, first)) bad("src/" own "/ may not include " path ": ARCHITECTURE.md has no way from " own " to " first)
    } else if (quoted && first != "trine") {
      bad("\"" path "\" is in no layer of the table of ARCHITECTURE.md")
    }
  } else if (first in known && path ~ /\//) {
    bad(zone "/ may not include " path ", it sees the public headers only")
  }
}
END {
  if (!layers) { print "ARCHITECTURE.md has no fenced block with lines like `src/wait/  text  -> os, observe`."; exit 1 }
  for (layer in edges) {
    n = split(edges[layer], next_, " ")
    for (i = 1; i <= n; ++i) if (!(next_[i] in known)) {
      printf "ARCHITECTURE.md: the layer %s points to %s, which has no line of its own\n", layer, next_[i]; failed = 1
    }
    for (other in edges) if (other != layer && allowed(layer, other) && allowed(other, layer)) {
      printf "ARCHITECTURE.md: the layers %s and %s point to each other\n", layer, other; failed = 1
    }
  }
  exit failed
}' ARCHITECTURE.md $files
status=$?

# shellcheck disable=SC2086
awk '
FILENAME == ARGV[1] {
  sub(/#.*/, ""); if (NF < 2) next
  pattern[++count] = "(^|[^A-Za-z0-9_])(" $1 ")($|[^A-Za-z0-9_])"
  for (i = 2; i <= NF; ++i) may[count, $i] = 1
  next
}
{
  line = $0; sub(/\/\/.*/, "", line); gsub(/"[^"]*"/, "", line)
  split(FILENAME, part, "/"); folder = part[1] "/" part[2]
  for (i = 1; i <= count; ++i)
    if (line ~ pattern[i] && !((i, folder) in may) && !((i, FILENAME) in may)) {
      printf "%s:%d: %s: only a waiter parks or switches (cmake/park_functions.txt)\n", FILENAME, FNR, $0
      failed = 1
    }
}
END { exit failed }' "$patterns" $files /dev/null || status=1
exit "$status"
