#!/bin/sh
# The thread sanitizer: loops in threads of their own, the loop tests, and what
# runs on libuv's pool (look-ups, stores). A report is a failure.
# limit: 2400
. "$(dirname "$0")/../stage.sh"
CC=clang configure -Dtests=enabled -Dbench=disabled -Db_sanitize=thread \
  -Db_lundef=false
build '^test/loop/test-loop-'
export TSAN_OPTIONS="halt_on_error=1:abort_on_error=1:second_deadlock_stack=1"
# It makes everything several times slower, and the tests' patience with it.
export GCN_TEST_SLOWNESS="${GCN_TEST_SLOWNESS:-5}"
set -- $(programs '^test/loop/test-loop-' | sed 's#.*test-loop-##' |
  without_left_out)
figure programs $#
run_tests --suite loop --timeout-multiplier 10 "$@"
[ "$tests_failed" = 0 ] || fail "tests or the sanitizer failed"
