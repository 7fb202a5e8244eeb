#!/bin/sh
# clang-tidy over everything in src/, with the checks of .clang-tidy.
# limit: 2400
. "$(dirname "$0")/../stage.sh"
CC=clang configure -Dtests=disabled -Dbench=disabled
find "$root/src" -name '*.c' ! -name 'sqlitestore-none.c' | sort |
  xargs -P 2 -n 1 clang-tidy --quiet -p "$tree" \
  > "$results/$name.out" 2> "$results/$name.err" || fail "clang-tidy failed"
status=0
python3 "$root/test/proof/findings.py" "$root" "$root/test/proof/tidy.txt" \
  "$results/$name.out" > "$results/$name.left" || status=$?
cat "$results/$name.left"
grep -E '^(findings|explained) ' "$results/$name.left" >> "$results/$name.txt"
[ "$status" = 0 ] || fail "findings"
