#!/bin/sh
# The HTTP reader against a second reading of ours, against Python's http.client,
# and the URL parser against Node's, over many more texts than a test has.
# limit: 1800
. "$(dirname "$0")/../stage.sh"
configure -Dtests=enabled -Dbench=disabled
build 'test-unit-http-random$'
ninja -C "$tree" test/interop/reads
rounds=${GCN_HTTP_ROUNDS:-20000000}
changed=${GCN_ORACLE_CHANGED:-500000}
export GCN_HTTP_ROUNDS="$rounds" GCN_ORACLE_CHANGED="$changed"
run_tests --timeout-multiplier 20 http-random oracles
figure http_rounds "$rounds"
figure oracle_texts "$changed"
[ "$tests_failed" = 0 ] || fail "a difference"
