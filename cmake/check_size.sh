#!/usr/bin/env bash
# check_size.sh: no file over 800 lines, at most 40 public headers, each opening with a comment that
# says what it is for.
set -uo pipefail
cd "${TRINE_SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
failed=0

while IFS= read -r file; do
  lines=$(wc -l <"$file")
  if ((lines > 800)); then
    echo "$file: has $lines lines; split it, 800 is the most." >&2
    failed=1
  fi
done < <(find include src hook tools tests bench examples cmake python dev -type f 2>/dev/null \
  \( -name '*.[chS]pp' -o -name '*.[chS]' -o -name '*.sh' -o -name '*.cmake' -o -name '*.py' \
  -o -name dev -o -name '*.txt' \) | sort)

headers=$(find include/trine -maxdepth 1 -name '*.hpp' | sort)
count=$(wc -l <<<"$headers")
if ((count > 40)); then
  echo "include/trine/ has $count public headers; 40 is the most." >&2
  failed=1
fi
while IFS= read -r header; do
  [[ $header ]] || continue
  opening=$(grep -vE '^#pragma once|^[[:space:]]*$' "$header" | head -n 1)
  if [[ $opening != //* && $opening != '/*'* ]]; then
    echo "$header:1: a public header opens with a comment: what it is for, and a small example." >&2
    failed=1
  fi
done <<<"$headers"
exit "$failed"
