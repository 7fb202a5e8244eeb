#!/bin/sh
# cppcheck over the library, the simulator and the program. Warnings are
# findings; what is not asked for is what it calls style and "information".
# limit: 900
. "$(dirname "$0")/../stage.sh"
cppcheck --std=c11 --language=c --platform=unix64 \
  --enable=warning,performance,portability -j 2 --quiet \
  --include="$root/test/proof/cppcheck.h" \
  --template='{file}:{line}: {severity}: {message} [{id}]' \
  -I "$root/include" -I "$root/src" "$root/src" 2> "$results/$name.out" ||
  fail "cppcheck itself failed"
status=0
python3 "$root/test/proof/findings.py" "$root" "$root/test/proof/cppcheck.txt" \
  "$results/$name.out" > "$results/$name.left" || status=$?
cat "$results/$name.left"
grep -E '^(findings|explained) ' "$results/$name.left" >> "$results/$name.txt"
[ "$status" = 0 ] || fail "findings"
