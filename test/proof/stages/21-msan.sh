#!/bin/sh
# The memory sanitizer, which wants every library instrumented: Mbed TLS is built
# from source with it, and llhttp is in any case. What passes through jansson,
# SQLite, libuv or wslay (Debian's, not instrumented) is left out; msan.txt says
# what is covered.
# limit: 2400
. "$(dirname "$0")/../stage.sh"
CC=clang configure -Dtests=enabled -Dbench=disabled -Db_sanitize=memory \
  -Db_lundef=false -Dsqlite=disabled --force-fallback-for=mbedtls \
  -Doptimization=1 \
  "-Dc_args=-DMBEDTLS_USER_CONFIG_FILE='\"$root/test/proof/mbedtls-msan.h\"'"
export MSAN_OPTIONS="halt_on_error=1:abort_on_error=1"
covered=$(sed -e '/^#/d' -e '/^$/d' "$root/test/proof/msan.txt")
# shellcheck disable=SC2086
ninja -C "$tree" $covered
figure programs "$(echo "$covered" | wc -l)"
names=$(echo "$covered" | sed -e 's#^test/unit/test-unit-##' \
  -e 's#^test/golden/test-##' -e 's#^test/fuzz/##')
# shellcheck disable=SC2086
run_tests --suite unit --suite golden --suite fuzz --timeout-multiplier 10 \
  $names
[ "$tests_failed" = 0 ] || fail "tests or the sanitizer failed"
