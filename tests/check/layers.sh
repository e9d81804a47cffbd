#!/usr/bin/env bash
# The check of layers finds each kind of bad edge, and nothing in a good tree.
set -u
root=${TRINE_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
status=0

fresh() {
  rm -rf "$tree"
  mkdir -p "$tree"/src/{base,os,wait,sync} "$tree/include/trine" "$tree/tools/trine"
  cat >"$tree/ARCHITECTURE.md" <<'END'
src/sync/   not in a fence -> nothing
```
include/trine/   public headers            -> detail/
src/base/        checks, result            -> std
src/os/          futex, epoll              -> base
src/wait/        the waiter, park, wake    -> os
src/sync/        mutex                     -> wait
tools/trine/     the command               -> public headers
```
END
  printf '%s\n' '#include <vector>' '#include <trine/a.hpp>' >"$tree/src/base/base.hpp"
  printf '%s\n' '#include "base/base.hpp"' 'void f() { futex_wait(); }' >"$tree/src/os/os.hpp"
  printf '%s\n' '#include "os/os.hpp"' 'void g() { futex_wait(); }' >"$tree/src/wait/wait.cpp"
  printf '%s\n' '#include "os/os.hpp"' '// futex_wait is not ours' >"$tree/src/sync/sync.cpp"
  printf '%s\n' '#include <trine/b.hpp>' >"$tree/include/trine/a.hpp"
  printf '%s\n' '#include <trine/b.hpp>' '#include "lab/x.hpp"' >"$tree/tools/trine/main.cpp"
}

check() { bash "$root/cmake/check_layers.sh" "$tree" 2>&1; }

bad() {  # FILE LINE_OF_CODE EXPECTED
  fresh
  echo "$2" >>"$tree/$1"
  local output
  if output=$(check); then
    echo "not found: $2 in $1"
    status=1
  elif ! grep -qE -- "$3" <<<"$output"; then
    echo "found, but without '$3': $output"
    status=1
  fi
}

fresh
check || { echo "the good tree did not pass"; status=1; }

bad src/base/base.hpp '#include "os/os.hpp"' '^src/base/base.hpp:3: src/base/ may not include os/os.hpp'
bad src/wait/wait.cpp '#  include <sync/sync.hpp>' '^src/wait/wait.cpp:3: '
bad src/os/os.hpp '#include "../base/base.hpp"' 'without \.\.'
bad src/os/os.hpp '#include "os.hpp"' 'write "os/os.hpp"'
bad src/os/os.hpp '#include "nowhere/x.hpp"' 'in no layer'
bad src/sync/sync.cpp 'void h() { futex_wait_until(); }' '^src/sync/sync.cpp:3: .*only a waiter'
bad include/trine/a.hpp '#include "base/base.hpp"' '^include/trine/a.hpp:2: '
bad include/trine/a.hpp '#include <base/base.hpp>' '^include/trine/a.hpp:2: '
bad tools/trine/main.cpp '#include "wait/waiter.hpp"' '^tools/trine/main.cpp:3: '
bad ARCHITECTURE.md $'```\nsrc/up/ a -> down\nsrc/down/ b -> up\n```' 'point to each other'
bad ARCHITECTURE.md $'```\nsrc/up/ a -> gone\n```' 'has no line of its own'

fresh
mkdir "$tree/src/stray"
echo '#include <vector>' >"$tree/src/stray/x.cpp"
check | grep -q 'not a layer' || { echo "an unknown layer was not found"; status=1; }
fresh
rm "$tree/ARCHITECTURE.md"
check >/dev/null && { echo "a missing ARCHITECTURE.md was not found"; status=1; }
fresh
echo '# nothing' >"$tree/ARCHITECTURE.md"
check >/dev/null && { echo "a missing table was not found"; status=1; }
exit "$status"
