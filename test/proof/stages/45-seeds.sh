#!/bin/sh
# Lives by the hundred thousand: each core lives seeds that no CI run sees,
# until the time is over or the number is reached.
#   GCN_SEEDS_COUNT    lives of each of the two dialects, 60,000
#   GCN_SEEDS_FIRST    the first seed, 1,000,001
#   GCN_SEEDS_LIMIT_S  seconds, 3,000
# limit: 3600
. "$(dirname "$0")/../stage.sh"
count=${GCN_SEEDS_COUNT:-60000}
first=${GCN_SEEDS_FIRST:-1000001}
limit_s=${GCN_SEEDS_LIMIT_S:-3000}
cores=$(nproc)
piece=500
configure -Dtests=enabled -Dbuildtype=debugoptimized
build 'test-dst-world$'
program=$tree/test/dst/test-dst-world
work=$tree/seeds
rm -rf "$work" && mkdir -p "$work"
begin=$(date +%s)

live() { # core: every cores-th piece of the seeds, both dialects in turn
  at=$1
  lived=0
  failed=0
  while [ $((at * piece)) -lt "$count" ]; do
    [ $(($(date +%s) - begin)) -lt "$limit_s" ] || break
    for how in GCN_DST_STREAM=0 GCN_DST_STREAM=1; do
      env "$how" GCN_DST_FIRST=$((first + at * piece)) \
        GCN_DST_SEEDS=$piece "$program" > "$work/$1.out" 2>&1 || {
        # One at least: a program that crashes names no seed.
        failed=$((failed + 1))
        { echo "$how"; cat "$work/$1.out"; } >> "$work/failures"
        continue
      }
      lived=$((lived + piece))
    done
    at=$((at + cores))
  done
  echo "$lived $failed" > "$work/$1.sum"
}

core=0
while [ $core -lt "$cores" ]; do
  live $core &
  core=$((core + 1))
done
wait
figure seeds "$(cat "$work"/*.sum | awk '{ n += $1 } END { print n + 0 }')"
violations=$(cat "$work"/*.sum | awk '{ n += $2 } END { print n + 0 }')
figure violations "$violations"
figure seconds "$(($(date +%s) - begin))"
if [ -f "$work/failures" ]; then
  cat "$work/failures"
  fail "promises were broken; the scripts are above"
fi
