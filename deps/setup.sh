#!/bin/sh
# Prepare a machine for building: install the build tools and libraries from
# the system's package manager, then put the pinned sources of whatever the
# system does not have (in practice: Mbed TLS 3.6 on Debian 12) into
# deps/packagecache, where Meson looks before it tries the network.
#
#   sh deps/setup.sh              everything needed to build
#   sh deps/setup.sh build        that, then build the library and gcn in build/
#   sh deps/setup.sh demo         that, then the demonstration src/cli/demo.sh
#   sh deps/setup.sh test         also what the tests need; build and run them
#                                 all with gcc, and with clang's sanitizers
#   sh deps/setup.sh proof        the long proofs, some hours: every stage of
#                                 test/proof/stages, then "test" with its
#                                 scoreboard; figures in build-proof/
#   sh deps/setup.sh proof NAME...    only these stages
#   sh deps/setup.sh --print      only say what would be installed
#   sh deps/setup.sh --sources    only fetch pinned sources (never needs root)
#   sh deps/setup.sh --bundle     also fetch what a self-contained static
#                                 library needs (then configure with
#                                 --force-fallback-for=mbedtls,wslay)
#   sh deps/setup.sh --node       also Node's headers and the sources that the
#                                 Node addon is made of (then meson setup
#                                 builds it by itself)
#
# It never asks anything. Exit status: 0 if all went well. The last line of
# "test" is "N passed, N failed".
set -eu
exec </dev/null

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cache=$here/packagecache
mode=${1-prepare}
case $mode in
  prepare | build | demo | test | proof) ;;
  --print | --sources | --bundle | --node) mode=${mode#--} ;;
  *) sed -n '2,27s/^# \{0,1\}//p' "$0"; exit 1 ;;
esac
[ $# -le 1 ] || [ "$mode" = proof ] ||
  { echo "setup: one argument at most" >&2; exit 1; }
[ $# = 0 ] || shift # what is left are names of stages

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
field() { sed -n "s/^$2 *= *//p" "$here/$1.wrap" | head -n 1; }
sha256() {
  if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi |
    cut -d' ' -f1
}

# ---------------------------------------------------------------- packages --
offered() { # prints the version apt would install, nothing if there is none
  apt-cache policy "$1" 2>/dev/null |
    sed -n 's/^ *Candidate: //p' | grep -v '^(none)$' || true
}

any_of() { # prints the first package of the arguments that is on offer
  for p in "$@"; do
    if [ -n "$(offered "$p")" ]; then echo "$p"; return 0; fi
  done
}

installed() {
  dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

build_packages() {
  echo build-essential meson ninja-build pkg-config ca-certificates
  echo libuv1-dev libwslay-dev libjansson-dev libsqlite3-dev
  any_of libllhttp-dev
  case $(offered libmbedtls-dev) in 3.[6-9].*) echo libmbedtls-dev ;; esac
}

node_headers() { # says nothing: are they there already?
  [ ! -r /usr/include/node/node_api.h ] || return 0
  have node || return 1
  [ -r "$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node/node_api.h" ]
}

node_packages() {
  have node || any_of nodejs
  have npm || any_of npm
  node_headers || any_of libnode-dev
}

test_packages() {
  echo libcmocka-dev clang cmake
  # The sanitizers' runtime has its compiler's version in its name.
  clang=$(apt-cache depends clang 2>/dev/null |
    sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
  any_of "libclang-rt-$clang-dev" libclang-rt-dev
  echo llvm # llvm-symbolizer: else a sanitizer's report has no names
  # Servers for the interoperability tests; none of them is started here.
  any_of nginx-light nginx
  any_of squid squid-openssl
  echo tinyproxy-bin microsocks haproxy stunnel4
  echo iproute2 nftables dnsmasq-base # faults of packets: test/net
  echo openssl gnutls-bin faketime # TLS servers, and clocks that are wrong
  echo locales # their sources: the tests make their own
  node_packages
  any_of chromium # the live page of test/examples/sse
  echo valgrind # counts the instructions of bench/
}

proof_packages() { # beyond what the tests need; all in Debian 12 itself
  echo clang-19 llvm-19 libclang-rt-19-dev # MC/DC; newer sanitizers
  echo cppcheck clang-tidy
  echo spin # checks the model of the connection's machine
}

apt_update() { # a source that does not answer must not stop the others
  $as apt-get update -q || say "apt-get update reported errors; going on"
}

install_apt() {
  as=
  if [ "$(id -u)" != 0 ]; then
    if have sudo && sudo -n true 2>/dev/null; then as="sudo -n"; else as=none; fi
  fi
  lists=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' 2>/dev/null |
    head -n 1)
  if [ -z "$lists" ] && [ "$as" != none ] && [ "$mode" != print ]; then
    apt_update
  fi
  missing=
  wanted=$(build_packages)
  case $mode in
    test | proof) wanted="$wanted $(test_packages)" ;;
    node) wanted="$wanted $(node_packages)" ;;
  esac
  [ "$mode" != proof ] || wanted="$wanted $(proof_packages)"
  for p in $wanted; do
    installed "$p" || missing="$missing $p"
  done
  [ -n "$missing" ] || { say "system packages: all present"; return 0; }
  line="apt-get install -y --no-install-recommends$missing"
  # Without package lists it is not known what this release calls things.
  [ -n "$lists" ] || [ "$as" != none ] || line="apt-get update  and try again"
  if [ "$mode" = print ]; then say "would run: $line"; return 0; fi
  if [ "$as" = none ]; then
    say "not root: please run, as root:  $line"
    return 1
  fi
  say "$line"
  # RUNLEVEL=1: installed servers are for the tests, not to be started now.
  run="$as env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends
    $missing"
  # An outdated package list is the usual reason for a failure: refresh it once.
  # shellcheck disable=SC2086
  $run || { apt_update && $run; }
}

advise() { # one line; nothing here was tried outside Debian
  rest="(Meson downloads the Mbed TLS, llhttp and wslay that are not there)"
  if [ "$(uname -s)" = Darwin ]; then
    say "install with Homebrew:  brew install meson ninja pkgconf libuv" \
      "jansson sqlite llhttp wslay mbedtls@3  and export" \
      "PKG_CONFIG_PATH=\"\$(brew --prefix mbedtls@3)/lib/pkgconfig\"  $rest"
  elif have dnf; then
    say "install with dnf:  dnf install gcc meson ninja-build" \
      "pkgconf-pkg-config libuv-devel jansson-devel sqlite-devel" \
      "llhttp-devel wslay-devel mbedtls-devel  $rest"
  else
    say "no known package manager; needed: a C11 compiler, Meson >= 1.0," \
      "Ninja, pkg-config, libuv >= 1.44, jansson >= 2.13, and SQLite for" \
      "checkpoints in a database  $rest"
  fi
}

# ----------------------------------------------------------- pinned sources --
# Debian's orig tarballs of these are byte for byte the upstream releases that
# the wraps name, so apt can stand in for the upstream download (its signature
# check comes on top of the wrap's sha256).
overlay() { # put our build files over an unpacked source, if they changed
  (cd "$here/packagefiles/$1" && find . -type f) | while read -r f; do
    cmp -s "$here/packagefiles/$1/$f" "$2/$f" && continue
    mkdir -p "$2/$(dirname "$f")"
    cp "$here/packagefiles/$1/$f" "$2/$f"
  done
}

work=""
apt_rc=1
cleanup() { [ -z "$work" ] || rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

apt_isolated() { # a private apt: own lists and cache, source packages only
  [ -z "$work" ] || return "$apt_rc"
  apt_rc=1
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r "$key" ] || return 1
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/sources.d" "$work/dl"
  # A mirror that lags behind is as good as any: what counts is the signature,
  # and the hash that the wrap pins.
  cat > "$work/apt.conf" <<CONF
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$work/sources.d";
Acquire::Languages "none";
Acquire::Retries "2";
APT::Sandbox::User "";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
  # Whatever archives this machine is configured to use: the one whose indexes
  # carry Debian's own signature is the right one.
  for uri in $(apt-get update --print-uris 2>/dev/null |
      sed -n "s#^'\(.*/\)dists/[a-z]*/\(In\)\{0,1\}Release'.*#\1#p" | sort -u); do
    printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
      "$uri" "${SETUP_SUITES:-forky trixie sid}" "$key" > "$work/sources.d/pin.sources"
    if apt-get -c "$work/apt.conf" -qq -o APT::Update::Error-Mode=any update 2>/dev/null; then apt_rc=0; break; fi
  done
  return $apt_rc
}

origs() { # source package, sha256: "other version sha256 file" of every orig
  # tarball on offer; other is 0 for the one with that sha256, which comes first
  apt-cache -c "$work/apt.conf" showsrc --only-source "$1" 2>/dev/null | awk -v want="$2" '
    /^Version:/ { v = $2 } /^[A-Z]/ { on = ($1 == "Checksums-Sha256:") }
    on && $3 ~ /\.orig\.tar\.[a-z0-9]+$/ { print ($1 == want ? 0 : 1), v, $1, $3 }' |
    sort -u | sort -k1,1n -k2,2Vr
}

fetch_orig() { # source package, version, sha256, file: into $work/dl
  (cd "$work/dl" && apt-get -c "$work/apt.conf" -qq source --only-source --download-only --tar-only "$1=$2") >"$work/log" 2>&1 ||
    return 1
  [ "$(sha256 "$work/dl/$4")" = "$3" ]
}

fetch_pinned() { # wrap name, source package, version pattern acceptable if the pin is gone
  wrap=$1 src=$2 accept=$3
  file=$(field "$wrap" source_filename) want=$(field "$wrap" source_hash) dir=$(field "$wrap" directory)
  if [ -f "$here/$dir/meson.build" ]; then
    overlay "$wrap" "$here/$dir"
    say "$wrap: already unpacked in deps/$dir"; return 0
  fi
  if [ -f "$cache/$file" ] && [ "$(sha256 "$cache/$file")" = "$want" ]; then
    say "$wrap: deps/packagecache/$file is there"; return 0
  fi
  apt_isolated || { say "$wrap: no usable Debian archive configured"; return 1; }
  origs "$src" "$want" > "$work/$src.list"
  while read -r other v sum tar; do
    if [ "$other" = 1 ]; then
      # shellcheck disable=SC2254
      case $v in $accept) ;; *) continue ;; esac
    fi
    fetch_orig "$src" "$v" "$sum" "$tar" || {
      say "$wrap: $src $v is listed but could not be downloaded"; continue; }
    mkdir -p "$cache"
    if [ "$other" = 0 ]; then
      mv "$work/dl/$tar" "$cache/$file"
      say "$wrap: $src $v -> deps/packagecache/$file (sha256 as pinned)"
    else
      # Not the pinned release, but one the Debian archive signed. Meson takes
      # an unpacked directory as it is.
      mkdir -p "$here/$dir"
      tar -xf "$work/dl/$tar" -C "$here/$dir" --strip-components=1
      overlay "$wrap" "$here/$dir"
      say "$wrap: NOTE the pinned tarball is no longer in the archive; unpacked $src $v instead"
    fi
    return 0
  done < "$work/$src.list"
  say "$wrap: no source package on offer fits"
  return 1
}

llhttp_licence() { # Debian's file speaks of all that is in the package
  awk '/^$/ { files = ours = text = 0 }
    /^Files:/ { files = 1; ours = /llhttp\// } ours && /^Copyright:/ { print }
    /^License: Expat/ { text = !files }
    text && /^ / { sub(/^ /, ""); sub(/^\.$/, ""); terms = terms $0 "\n" }
    END { printf "\n%s", terms }' "$1"
}

fetch_llhttp_debian() { # the generated C that Debian 12 and Ubuntu ship for Node
  if have pkg-config && pkg-config --exists 'libllhttp >= 8.1' 2>/dev/null; then return 0; fi
  [ -n "$(offered node-llhttp)" ] || return 0
  d=$here/llhttp-debian
  if [ ! -f "$d/LICENSE" ]; then # what comes last
    t=$(mktemp -d)
    if (cd "$t" && apt-get -qq -o APT::Sandbox::User= download node-llhttp) && dpkg-deb -x "$t"/node-llhttp_*.deb "$t/x" &&
       [ -f "$t/x/usr/share/llhttp/llhttp.c" ]; then
      mkdir -p "$d/src" "$d/include"
      cp "$t"/x/usr/share/llhttp/*.c "$d/src/"
      cp "$t"/x/usr/share/include/llhttp/llhttp.h "$d/include/"
      llhttp_licence "$t/x/usr/share/doc/node-llhttp/copyright" > "$d/LICENSE"
      say "llhttp: C sources of $(basename "$t"/node-llhttp_*.deb) -> deps/llhttp-debian"
    else
      say "llhttp: node-llhttp has no C sources here; Meson will download the pinned release"
    fi
    rm -rf "$t"
  fi
  [ ! -d "$d" ] || overlay llhttp "$d"
}

# Some mirrors list wslay's source package and do not have it. aria2 carries
# a later state of the same files.
wslay_stand_in_sha256=8e9b711c87d4defca05ec39377d2da37cace9c3f0cfad9c4e2e40105c1fce347

fetch_wslay() {
  d=$here/wslay-aria2
  if [ -f "$d/meson.build" ]; then
    overlay wslay "$d"
    say "wslay: already unpacked in deps/wslay-aria2"; return 0
  fi
  if fetch_pinned wslay wslay '1.1.*'; then return 0; fi
  apt_isolated || return 1
  origs aria2 "$wslay_stand_in_sha256" > "$work/aria2.list"
  read -r other v sum tar < "$work/aria2.list" || return 1
  if [ "$other" != 0 ] || ! fetch_orig aria2 "$v" "$sum" "$tar"; then
    say "wslay: nor could aria2's copy of it be downloaded"; return 1
  fi
  mkdir -p "$work/aria2" "$d"
  tar -xf "$work/dl/$tar" -C "$work/aria2" --strip-components=1
  cp -R "$work/aria2/deps/wslay/lib" "$work/aria2/deps/wslay/COPYING" "$d/"
  overlay wslay "$d"
  say "wslay: aria2 $v's copy -> deps/wslay-aria2 (sha256 as pinned)"
}

fetch_node_sources() { # the addon links nothing of the system
  okay=0
  fetch_wslay || okay=1
  fetch_pinned mbedtls mbedtls '3.6.*' || okay=1
  fetch_pinned jansson jansson '2.14*' || okay=1
  fetch_pinned libuv libuv1 '1.50.*' || okay=1
  return $okay
}

fetch_sources() {
  [ "$mode" = print ] && return 0
  ok=0
  case $mode in test | proof | node) fetch_node_sources || ok=1; return $ok ;; esac
  [ "$mode" != bundle ] || fetch_pinned wslay wslay '1.1.*' || ok=1
  if [ "$mode" != bundle ] && have pkg-config && pkg-config --exists 'mbedtls >= 3.6.0' 'mbedtls < 4' 2>/dev/null; then
    say "mbedtls: the system's $(pkg-config --modversion mbedtls) will do"
  else
    fetch_pinned mbedtls mbedtls '3.6.*' || ok=1
  fi
  return $ok
}

# ------------------------------------------------------------ build and test --
# build/ may be there already, made by hand or by an earlier run: it is kept.
configure() { # directory, then options
  dir=$1; shift
  if [ -f "$root/$dir/build.ninja" ]; then
    [ $# = 0 ] || meson setup --reconfigure "$root/$dir" "$root" "$@"
  else
    meson setup "$root/$dir" "$root" "$@"
  fi
}

build() {
  configure build && meson compile -C "$root/build"
}

run_tests() { # directory, meson test's arguments
  dir=$1; shift
  rm -f "$root/$dir/meson-logs/testlog.json"
  meson compile -C "$root/$dir" || { broken="$broken $dir"; return 0; }
  meson test -C "$root/$dir" --no-rebuild --print-errorlogs "$@" || true
}

test_all() {
  broken=
  dirs="build build-asan"
  say "build/: ${CC-gcc}, warnings are errors"
  options="-Dtests=enabled -Dwerror=true"
  # shellcheck disable=SC2086
  if CC=${CC-gcc} configure build $options -Dnode=enabled; then
    run_tests build
  # Without sources for the addon all else can be tested: one failure, not all.
  elif CC=${CC-gcc} configure build $options -Dnode=disabled; then
    broken="$broken node-addon"
    run_tests build
  else
    broken="$broken build"
  fi
  # The suites lint and api look at text and at what is installed: once will do.
  say "build-asan/: clang, address and undefined behaviour sanitizers"
  fatal="halt_on_error=1:abort_on_error=1:print_summary=1"
  export ASAN_OPTIONS="$fatal:detect_stack_use_after_return=1"
  export UBSAN_OPTIONS="$fatal:print_stacktrace=1"
  if CC=clang configure build-asan -Dtests=enabled -Dwerror=true \
      -Db_sanitize=address,undefined -Db_lundef=false -Dbench=disabled \
      -Dnode=disabled; then
    run_tests build-asan --no-suite lint --no-suite api --timeout-multiplier 4
  else
    broken="$broken build-asan"
  fi
  set --
  for dir in $broken; do set -- "$@" --broken "$dir"; done
  # What the catalogue of faults names has to have passed, and is counted.
  proof=$root/test/proof
  catalogue=$root/build/catalogue
  python3 "$proof/catalogue.py" --log "$root/build" "$root/build-asan" \
    > "$catalogue" || true
  board=$root/build/scoreboard
  python3 "$proof/scoreboard.py" --tap "$board" \
    --figures "$root/build-proof" "$root/build" "$root/build-asan" || true
  set -- "$@" --tap "$catalogue" --tap "$board"
  set -- "$@" --without build-asan:lint --without build-asan:api
  for dir in $dirs; do set -- "$@" "$root/$dir"; done
  python3 "$root/test/run/summary.py" "$@"
}

# --------------------------------------------------------------------- proof --
# A stage is a program NN-name.sh of its own. It builds in $GCN_PROOF_BUILD,
# leaves "key value" lines in $GCN_PROOF_DIR/name.txt, and fails if it has to.
# "# limit: N" in it says after how many seconds it is ended.
stage_chosen() { # name, then the names asked for: none means all
  stage=$1; shift
  [ $# -gt 0 ] || return 0
  for one in "$@"; do [ "$one" != "$stage" ] || return 0; done
  return 1
}

run_stage() { # file, name: prints its line of the table
  limit=$(sed -n 's/^# limit: *\([0-9]*\)$/\1/p' "$1" | head -n 1)
  began=$(date +%s)
  rm -f "$GCN_PROOF_DIR/$2.txt"
  outcome=passed
  GCN_PROOF_BUILD="$GCN_PROOF_DIR/$2" GCN_PROOF_NAME="$2" \
    timeout -k 30 "${limit:-1800}" "$1" >"$GCN_PROOF_DIR/$2.log" 2>&1 ||
    outcome="FAILED ($?)"
  took=$(($(date +%s) - began))
  {
    echo "stage_passed $([ "$outcome" = passed ] && echo 1 || echo 0)"
    echo "stage_seconds $took"
  } >> "$GCN_PROOF_DIR/$2.txt"
  printf '%-14s %-12s %6s s\n' "$2" "$outcome" "$took" |
    tee -a "$GCN_PROOF_DIR/stages.txt"
  [ "$outcome" != passed ] || return 0
  sed 's/^/    /' "$GCN_PROOF_DIR/$2.log" | tail -n 15
  return 1
}

prove() { # names of stages, or none
  export GCN_PROOF_DIR="$root/build-proof" GCN_SOURCE_ROOT="$root"
  mkdir -p "$GCN_PROOF_DIR"
  # Figures of another tree would count for this one.
  [ $# -gt 0 ] || rm -f "$GCN_PROOF_DIR"/*.txt
  : > "$GCN_PROOF_DIR/stages.txt"
  failed=0 ran=0
  for file in "$root"/test/proof/stages/*.sh; do
    name=$(basename "$file" .sh); name=${name#[0-9][0-9]-}
    stage_chosen "$name" "$@" || continue
    ran=$((ran + 1))
    run_stage "$file" "$name" || failed=$((failed + 1))
  done
  [ "$ran" -gt 0 ] || { say "there is no stage of that name"; return 1; }
  # All stages and the tests: then the scoreboard, with which the tests end,
  # has all its figures. A part of them can't meet all goals.
  if [ $# = 0 ]; then test_all || failed=$((failed + 1)); fi
  echo
  sed "s/^/    /" "$GCN_PROOF_DIR/stages.txt"
  say "$ran stages, $failed failed; logs and figures are in build-proof/"
  [ "$failed" = 0 ]
}

# --------------------------------------------------------------------- main --
stop() { # nothing could be built; "test" keeps its last line
  [ "$mode" != test ] || echo "0 passed, 1 failed"
  exit 1
}

rc=0
if have apt-get && have dpkg-query; then
  [ "$mode" = sources ] || install_apt || rc=1
  case $rc-$mode in 1-build | 1-demo | 1-test | 1-proof) stop ;; esac
  [ "$mode" = print ] || fetch_llhttp_debian
  # shellcheck disable=SC1091
  [ ! -r /etc/os-release ] || . /etc/os-release
  if [ "${ID-}" = debian ]; then
    fetch_sources ||
      say "Meson will try to download what is missing while configuring"
  else
    say "${ID-this system}: Meson downloads what the system lacks" \
      "while configuring"
  fi
else
  advise
  case $mode in build | demo | test | proof) have meson && have ninja || rc=1 ;; esac
fi
[ $rc = 0 ] || stop
case $mode in
  prepare | bundle | node)
    say "next:  meson setup build && meson compile -C build" ;;
  build)
    build
    say "done: build/gcn, build/libgcnotify.so, build/libgcnotify.a" ;;
  demo)
    build
    (cd "$root" && sh src/cli/demo.sh build) ;;
  test) test_all ;;
  proof) prove "$@" ;;
esac
