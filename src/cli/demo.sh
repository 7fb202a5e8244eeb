#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A stream that does not silently stop, in about ten seconds.
#
#   demo.sh BUILD_DIR
#
# Starts the simulator on a port of its own, with TLS and a certificate
# authority made for the occasion, tells it to move the stream once and to break
# it twice, and lets `gcn tail` run against it.  Needs no network and no
# terminal; leaves nothing behind.  Exits with 0 if nothing was missed by the
# move, and the stream was found again both times, with a gap for each.
set -eu

if [ $# -ne 1 ] || [ ! -x "$1/gcn" ]; then
  echo "usage: demo.sh BUILD_DIR (with BUILD_DIR/gcn in it)" >&2
  exit 2
fi
gcn=$1/gcn
events=95
dir=$(mktemp -d)
sim=
tail=

clean_up() {
  for pid in $tail $sim; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cat > "$dir/faults" <<'RULES'
after event 12  ws.closing 4s
after event 88  tcp.reset
after event 112 ws.close 1001 "going away"
RULES

say() {
  printf '\n== %s\n' "$1"
}

say "A simulated service, with these faults to come:"
sed 's/^/   /' "$dir/faults"
(umask 077 && echo "a-secret-for-the-demo" > "$dir/secret")
"$gcn" sim --listen 127.0.0.1:0 --port-file "$dir/port" \
  --tls --ca-out "$dir/ca.pem" --rate 12/s --heartbeat 2s \
  --client-id demo --client-secret-file "$dir/secret" \
  --fault "$dir/faults" > "$dir/sim.log" 2>&1 &
sim=$!

tries=0
while [ ! -s "$dir/port" ] || [ ! -s "$dir/ca.pem" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 "$sim" 2>/dev/null; then
    echo "the simulator did not start:" >&2
    cat "$dir/sim.log" >&2
    exit 1
  fi
  sleep 0.1
done
url=https://127.0.0.1:$(cat "$dir/port")

say "gcn tail, over TLS, until $events events have come"
: > "$dir/out" # it is looked into before gcn tail may have opened it
color=never
[ -t 1 ] && color=always
status=0
GENESYSCLOUD_OAUTHCLIENT_ID=demo "$gcn" tail --meta -o pretty \
  --color $color --status off --login-url "$url" --api-url "$url" \
  --ca "$dir/ca.pem" --client-secret-file "$dir/secret" \
  --rotate-spread 500ms -n $events --for 20s \
  v2.users.11111111-1111-4111-8111-111111111111.presence \
  v2.users.22222222-2222-4222-8222-222222222222.routingStatus \
  > "$dir/out" 2> "$dir/err" &
tail=$!

# Not `gcn tail | tee`: its exit code is wanted too.
shown=0
show_new() {
  total=$(wc -l < "$dir/out")
  if [ "$total" -gt "$shown" ]; then
    sed -n "$((shown + 1)),${total}p" "$dir/out"
    shown=$total
  fi
}
while kill -0 "$tail" 2>/dev/null; do
  show_new
  sleep 0.1
done
wait "$tail" || status=$?
tail=
show_new
cat "$dir/err" >&2

plain=$(printf '\033')
sed "s/$plain\[[0-9;]*m//g" "$dir/out" > "$dir/plain"
lost=$(grep -c '  LOST  ' "$dir/plain" || true)
again=$(grep -c '  STREAMING  again' "$dir/plain" || true)
gaps=$(grep -c '  GAP  ' "$dir/plain" || true)
rotated=$(grep -c '  ROTATED  .*nothing missed' "$dir/plain" || true)
printed=$(grep -c '  v2\.users\..*  {' "$dir/plain" || true)

say "Summary"
echo "   events printed:           $printed"
echo "   moved, nothing missed:    $rotated"
echo "   lost, found again:        $lost, $again"
echo "   gaps reported:            $gaps"
sed -n 's/.*STREAMING  again, after \(.*\) without.*/   outage:                   \1/p' \
  "$dir/plain"
if [ "$status" -ne 0 ] || [ "$rotated" -ne 1 ] || [ "$lost" -ne 2 ] ||
  [ "$again" -ne 2 ] || [ "$gaps" -ne 2 ] || [ "$printed" -ne "$events" ]; then
  echo "   something went wrong (gcn tail ended with $status); simulator's log:"
  tail -20 "$dir/sim.log" | sed 's/^/   /'
  exit 1
fi
echo "   all is well"
