#!/bin/sh
# The soak: 100,000 failed attempts at each stage, 10,000 lives in threads of
# their own, an hour of 5,000 events a second through breaks in each dialect.
# GCN_SOAK_* in the environment make it shorter.
# limit: 14400
. "$(dirname "$0")/../stage.sh"
configure -Dtests=enabled -Dbench=disabled -Dbuildtype=debugoptimized
build '^test/loop/test-loop-soak$'
export GCN_SOAK_ATTEMPTS="${GCN_SOAK_ATTEMPTS:-100000}"
export GCN_SOAK_LIVES="${GCN_SOAK_LIVES:-10000}"
export GCN_SOAK_SECONDS="${GCN_SOAK_SECONDS:-3600}"
run_tests --timeout-multiplier 0 loop:soak gcnotify:soak
[ "$tests_failed" = 0 ] || fail "cases failed"
