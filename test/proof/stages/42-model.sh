#!/bin/sh
# SPDX-License-Identifier: MIT
# The connection's table, explored without a gap (states, transitions); and the
# real engine with successor and token keeper, explored by abstract state
# (engine_states, engine_transitions, exhausted).
# limit: 3600
set -eu
build=$GCN_PROOF_BUILD
[ -d "$build" ] || meson setup "$build" "$GCN_SOURCE_ROOT" -Dtests=enabled
meson compile -C "$build" test-unit-model test-unit-model-token
GCN_MODEL=full meson test -C "$build" --no-rebuild --print-errorlogs \
  --timeout-multiplier 60 gcnotify:model gcnotify:model-token
cat "$GCN_PROOF_DIR/model-token.txt" >> "$GCN_PROOF_DIR/model.txt"
cat "$GCN_PROOF_DIR/model.txt"
