#!/bin/sh
# The faults of packets, each as long as FAULTS.md has it.
# limit: 900
. "$(dirname "$0")/../stage.sh"
configure -Dtests=enabled -Dbench=disabled -Dbuildtype=debugoptimized
build '^test/net/'
GCN_NET_LONG=1 run_tests --suite net
skipped=$(grep -c '# SKIP' "$tree/meson-logs/testlog.txt" || true)
figure skipped "$skipped"
[ "$tests_failed" = 0 ] || fail "cases failed"
[ "$skipped" = 0 ] || fail "$skipped cases were skipped: needs root"
