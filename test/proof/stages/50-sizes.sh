#!/bin/sh
# How big it is: the shared library as a user builds it, stripped, and our own
# share of its code.
# limit: 900
. "$(dirname "$0")/../stage.sh"
configure -Dtests=disabled -Dbench=disabled --buildtype=release -Dstrip=true
ninja -C "$tree"
library=$(readlink -f "$tree/libgcnotify.so")
cp "$library" "$tree/stripped.so"
strip --strip-unneeded "$tree/stripped.so"
figure library_bytes "$(wc -c < "$tree/stripped.so")"
own=0
for layer in base codec dialect core engine loop client; do
  text=$(size -t "$tree/src/$layer/libgcn-$layer.a" |
    awk '/TOTALS/ { print $1 }')
  figure "${layer}_text_bytes" "$text"
  own=$((own + text))
done
figure own_text_bytes "$own"
figure source_lines "$(find "$root/src" -name '*.c' -print0 |
  xargs -0 cat | wc -l)"
figure test_lines "$(find "$root/test" -name '*.c' -print0 |
  xargs -0 cat | wc -l)"
