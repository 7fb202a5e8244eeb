#!/bin/sh
# Every fuzz target for GCN_FUZZ_SECONDS (60), from its corpus, with the address
# and undefined behaviour sanitizers; two at a time. What it finds beyond the
# corpus stays in the build directory and is where the next run begins.
# limit: 7200
. "$(dirname "$0")/../stage.sh"
seconds=${GCN_FUZZ_SECONDS:-60}
CC=clang configure -Dtests=enabled -Dbench=disabled -Dfuzzing=true \
  -Db_lundef=false -Db_sanitize=address,undefined
build '^test/fuzz/fuzz-'
mkdir -p "$tree/found" "$tree/logs"
fuzz_one() { # target
  mkdir -p "$tree/found/$1"
  "$tree/test/fuzz/fuzz-$1" -max_total_time="$seconds" -timeout=10 \
    -max_len=4096 -print_final_stats=1 -artifact_prefix="$tree/logs/$1-" \
    "$tree/found/$1" "$root/test/fuzz/corpus/$1" > "$tree/logs/$1.log" 2>&1 &&
    echo good > "$tree/logs/$1.verdict"
}
targets=$(programs '^test/fuzz/fuzz-' | sed 's#.*/fuzz-##' | sort)
rm -f "$tree"/logs/*.verdict
# shellcheck disable=SC2086
set -- $targets
while [ $# -gt 0 ]; do
  fuzz_one "$1" & first=$!
  shift
  if [ $# -gt 0 ]; then fuzz_one "$1" & second=$!; shift; else second=$first; fi
  wait "$first" || true
  wait "$second" || true
done
bad=0 count=0 runs=0
for target in $targets; do
  count=$((count + 1))
  did=$(sed -n 's/^stat::number_of_executed_units: *//p' \
    "$tree/logs/$target.log")
  runs=$((runs + ${did:-0}))
  if [ -f "$tree/logs/$target.verdict" ]; then
    echo "$target: clean, ${did:-?} runs"
  else
    bad=$((bad + 1))
    echo "$target: FAILED"
    tail -n 40 "$tree/logs/$target.log"
  fi
done
figure targets "$count"
figure targets_failed "$bad"
figure seconds_each "$seconds"
figure runs "$runs"
[ "$bad" = 0 ] || fail "$bad targets found something"
