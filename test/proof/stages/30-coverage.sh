#!/bin/sh
# How much of the code the tests reach: lines, branches and MC/DC, by clang-19.
# Assertions are compiled out: a side of theirs is our own bug.
# limit: 3000
. "$(dirname "$0")/../stage.sh"
CC=clang-19 configure -Dtests=enabled -Dbench=disabled -Dnode=disabled \
  -Db_ndebug=true -Doptimization=1 -Db_lundef=false \
  "-Dc_args=-fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc \
-fprofile-list=$root/test/proof/coverage.list" \
  -Dc_link_args=-fprofile-instr-generate
kinds='^test/(unit/test-unit|golden/test-golden|dst/test-dst|fuzz/replay|loop/test-loop)'
build "$kinds"
rm -rf "$tree/raw" && mkdir "$tree/raw"
export LLVM_PROFILE_FILE="$tree/raw/%m.profraw"
set -- --suite unit --suite golden --suite dst --suite fuzz --suite loop
# Mutants of the code would be counted as the code itself.
tests=$(cd "$root" && meson test -C "$tree" --no-rebuild --list "$@" |
  sed -n 's|.* / ||p' | grep -vx mutation | sort -u)
# shellcheck disable=SC2086
run_tests --timeout-multiplier 5 "$@" $tests
llvm-profdata-19 merge -sparse "$tree"/raw/*.profraw -o "$tree/all.profdata"
set --
for program in $(programs "$kinds"); do set -- "$@" -object "$tree/$program"; done
llvm-cov-19 export -instr-profile="$tree/all.profdata" "$@" \
  > "$tree/export.json"
python3 "$root/test/proof/coverage.py" --holes "$results/$name.holes" \
  "$tree/export.json" > "$results/$name.out" || fail "coverage.py"
while read -r key value; do figure "$key" "$value"; done < "$results/$name.out"
for layer in core engine codec dialect; do
  sed -n "s/^branch_$layer //p" "$results/$name.out" |
    awk -v layer=$layer '$1 < 95 { print layer ": branches below 95 %: " $1; exit 1 }'
done
[ "$tests_failed" = 0 ] || fail "tests failed"
