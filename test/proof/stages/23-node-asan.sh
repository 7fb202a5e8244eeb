#!/bin/sh
# The Node addon under the address and undefined behaviour sanitizers, in a node
# that is not built for them: the runtime is preloaded. Then the leak sanitizer
# over clients that come and go, whose blocks must all be freed when the process
# ends; of what it reports only that counts which the addon has allocated.
# limit: 2400
. "$(dirname "$0")/../stage.sh"
CC=gcc configure -Dtests=enabled -Dbench=disabled -Dnode=enabled \
  -Db_sanitize=address,undefined -Db_lundef=false
ninja -C "$tree" gcn src/node/host.node src/node/thread.node
preload=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
# A quarantine would look like a leak to the test that watches memory.
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:quarantine_size_mb=4"
export GCN_TEST_SLOWNESS="${GCN_TEST_SLOWNESS:-5}"
export GCN_NODE_CYCLES="${GCN_NODE_CYCLES:-150}"
set --
for test in binding checkpoint connect errors exit faults lifetime module \
    options stream workers; do
  set -- "$@" "node-$test-host" "node-$test-thread"
done
figure programs $#
run_tests --suite node --timeout-multiplier 5 --num-processes 2 \
  --wrapper "env LD_PRELOAD=$preload" "$@"

leaks=$results/$name.leaks
rm -f "$leaks".*
for kind in host thread; do
  GCN_EXE=$tree/gcn GCN_NODE_BINDING_DIR=$tree/src/node GCN_NODE_LOOP=$kind \
    GCN_NODE_PRELOAD=$preload GCN_NODE_LEAKS=$leaks \
    node "$root/test/node/leaks.cjs" || fail "$kind: the program failed"
done
# The addon's frames are those with a line of C; node has no such, and the
# sanitizer is C++.
count=$(cat "$leaks".* 2>/dev/null |
  awk '/ leak of /{depth = 0; leak = $0}
    /^ +#/{if (depth++ < 5 && /\.c:[0-9]|\.node/ && leak != "") {
      print leak; leak = ""}}' | wc -l)
figure leaks "$count"
[ "$count" = 0 ] || fail "the addon leaks: see $leaks.*"
[ "$tests_failed" = 0 ] || fail "tests or a sanitizer failed"
