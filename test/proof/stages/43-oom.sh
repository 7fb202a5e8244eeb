#!/bin/sh
# SPDX-License-Identifier: MIT
# Every allocation, of ours and of Mbed TLS's, and every call of the system in a
# client's life, refused once and from then on. Leaves lives, allocations,
# tls_allocations, calls.
# limit: 14400
set -eu
build=$GCN_PROOF_BUILD
[ -d "$build" ] || meson setup "$build" "$GCN_SOURCE_ROOT" -Dtests=enabled
meson compile -C "$build" test-loop-torture test-unit-engine-oom
GCN_TORTURE=full meson test -C "$build" --no-rebuild --print-errorlogs \
  --timeout-multiplier 100 gcnotify:torture gcnotify:engine-oom
cat "$GCN_PROOF_DIR/oom.txt"
