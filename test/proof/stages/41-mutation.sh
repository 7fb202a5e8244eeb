#!/bin/sh
# SPDX-License-Identifier: MIT
# Every mutant of the state table against the tests that hold it to its rules.
# Leaves mutants, killed, survivors.
# limit: 1200
set -eu
build=$GCN_PROOF_BUILD
[ -d "$build" ] || meson setup "$build" "$GCN_SOURCE_ROOT" -Dtests=enabled
meson compile -C "$build" mutants-of-fsm mutants-of-fsm-strict \
  mutants-of-session mutants-of-session-stream mutants-of-model \
  mutants-of-golden
GCN_MUTATION=full meson test -C "$build" --no-rebuild --print-errorlogs \
  gcnotify:mutation
cat "$GCN_PROOF_DIR/mutation.txt"
