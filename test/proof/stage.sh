# What the stages of the proof share; a stage sources it first:
#
#   . "$(dirname "$0")/../stage.sh"
#
# By hand a stage runs as  sh deps/setup.sh proof NAME.
set -eu
root=${GCN_SOURCE_ROOT:-$(cd "$(dirname "$0")/../../.." && pwd)}
results=${GCN_PROOF_DIR:-$root/build-proof}
name=${GCN_PROOF_NAME:-$(basename "$0" .sh | sed 's/^[0-9]*-//')}
tree=${GCN_PROOF_BUILD:-$results/$name}
mkdir -p "$results"

figure() { # key, value
  printf '%s %s\n' "$1" "$2" | tee -a "$results/$name.txt"
}

fail() { printf '%s: %s\n' "$name" "$*" >&2; exit 1; }

# A tree that was configured before keeps its options; a stage whose options
# have changed starts from nothing.
configure() { # options
  wanted="${CC-cc} $*"
  if [ "$(cat "$tree/.proof" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$tree"
    meson setup "$tree" "$root" "$@"
    printf '%s\n' "$wanted" > "$tree/.proof"
  fi
}

# The linked programs of the tests whose names match.
programs() { # extended regular expression
  ninja -C "$tree" -t targets all |
    sed -n 's/: c_LINKER.*//p' | grep -E "$1" | grep '^test/' || true
}

build() { # extended regular expression
  wanted=$(programs "$1")
  [ -n "$wanted" ] || fail "no test program matches $1"
  # shellcheck disable=SC2086
  ninja -C "$tree" $wanted
}

# What this stage leaves out of the tests it is given, one name per line; the
# reasons are in left-out.txt.
without_left_out() {
  sed -n "s/^$name \([^ ]*\) .*/\1/p" "$root/test/proof/left-out.txt" \
    > "$results/$name.left-out"
  grep -v -x -F -f "$results/$name.left-out"
}

# Runs tests that are built, and counts what they say. A stage goes on after a
# failure, so that its figures are whole; `tests_failed` is for its end.
tests_failed=0
run_tests() { # meson test's arguments
  rm -f "$tree"/meson-logs/testlog*.json
  (cd "$root" && meson test -C "$tree" --no-rebuild --print-errorlogs "$@") ||
    tests_failed=1
  # With a wrapper, Meson names its log after it.
  log=$tree/meson-logs/testlog
  [ -f "$log.json" ] || mv "$log"-*.json "$log.json"
  last=$(python3 "$root/test/run/summary.py" --partial "$tree" | tail -n 1)
  figure tests_passed "${last%% passed*}"
  failed=${last#*passed, }
  figure tests_failed "${failed%% failed*}"
}
