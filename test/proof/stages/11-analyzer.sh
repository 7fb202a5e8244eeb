#!/bin/sh
# gcc -fanalyzer over everything in src/.
# limit: 1200
. "$(dirname "$0")/../stage.sh"
CC=gcc configure -Dtests=disabled -Dbench=disabled
python3 "$root/test/proof/compile.py" "$tree" -fanalyzer \
  > "$results/$name.out" || true
cat "$results/$name.out"
last=$(tail -n 1 "$results/$name.out")
findings=$(echo "$last" | sed -n 's/.*, \([0-9]*\) findings$/\1/p')
figure files "${last%% *}"
figure findings "${findings:--1}"
[ "${findings:--1}" = 0 ] || fail "findings"
