#!/bin/sh
# valgrind's memcheck over the loop tests: invalid accesses, uninitialised
# values, leaks of any kind, descriptors are not counted.
# limit: 3600
. "$(dirname "$0")/../stage.sh"
CC=gcc configure -Dtests=enabled -Dbench=disabled -Doptimization=1
build '^test/loop/test-loop-'
# It makes everything many times slower, and the tests' patience with it. It
# keeps no soft limit of descriptors, so the hard one has to be in reach.
export GCN_TEST_SLOWNESS="${GCN_TEST_SLOWNESS:-5}"
ulimit -n 512
set -- $(programs '^test/loop/test-loop-' | sed 's#.*test-loop-##' |
  without_left_out)
figure programs $#
run_tests --suite loop --timeout-multiplier 20 --num-processes 2 \
  --wrapper "valgrind --quiet --error-exitcode=99 --leak-check=full \
--show-leak-kinds=definite,indirect,possible \
--errors-for-leak-kinds=definite,indirect,possible --child-silent-after-fork=yes \
--suppressions=$root/test/proof/valgrind.txt" "$@"
figure suppressions "$(grep -c '^{' "$root/test/proof/valgrind.txt" || true)"
[ "$tests_failed" = 0 ] || fail "tests or valgrind failed"
