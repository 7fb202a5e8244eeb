#!/bin/sh
# Build the peers into a directory: OUT/NAME/run is then an executable, or
# OUT/NAME/skipped says in one line why there is none. Nothing is installed
# (see setup.sh) but the ws package, by npm, into OUT.
#
#   sh bench/peers/build.sh OUT [NAME...]
#
# NAME is one of the directories here, lws-uv or naive. GCN_BUILD is the build
# directory whose Mbed TLS naive gets (the bundled one); without it the system's,
# if that is 3.x. Exit status: 0 if every peer was either built or skipped.
set -eu
exec </dev/null

[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] ||
  set -- floor uv wslay naive lws lws-uv beast curl gorilla ws websockets

CC=${CC-cc}
CXX=${CXX-c++}
flags="-O2 -g -Wall -Wextra -I$here -D_GNU_SOURCE"

skip() { # reason
  echo "$1" >"$out/$name/skipped"
  echo "$name: skipped: $1"
}

packages() { # what pkg-config does not know: skip
  for p in "$@"; do
    pkg-config --exists "$p" || { skip "no $p"; return 1; }
  done
}

compile() { # compiler's command line without output
  if "$@" -o "$out/$name/run" >"$out/$name/log" 2>&1; then return 0; fi
  skip "does not compile: $(grep -m 1 error "$out/$name/log")"
}

c_peer() { # source, its version, flags, packages...
  source=$1
  version="-DPACKAGE_VERSION=\"$2\""
  more=$3
  shift 3
  packages libcjson "$@" || return 0
  common="$here/common/tally.c $here/common/wire.c"
  # shellcheck disable=SC2046,SC2086
  compile "$CC" $flags "$version" "$here/$source" $common $more \
    $(pkg-config --cflags --libs libcjson "$@")
}

lws_peer() { # flags
  version=$(pkg-config --modversion libwebsockets 2>/dev/null || :)
  c_peer lws/lws.c "${version%-}" "$1" libwebsockets openssl
}

wslay_peer() { # Debian's wslay has no .pc file
  [ -e /usr/include/wslay/wslay.h ] || { skip "no wslay"; return 0; }
  version=$(dpkg-query -W -f '${Version}' libwslay-dev 2>/dev/null || :)
  c_peer wslay/wslay.c "${version:-unknown}" "$here/wslay/openssl.c -lwslay" \
    openssl libuv
}

naive_peer() { # the same with Mbed TLS, and with the library's own if it can be
  [ -e /usr/include/wslay/wslay.h ] || { skip "no wslay"; return 0; }
  bundled=$(find "${GCN_BUILD-/nonexistent}/deps" -maxdepth 2 \
    -name libmbedtls_bundled.a 2>/dev/null | head -n 1)
  if [ -n "$bundled" ]; then
    folder=$(basename "$(dirname "$bundled")")
    sources=$here/../../deps/$folder
    tls="-I$sources -I$sources/include $bundled -pthread"
    tls="-DMBEDTLS_CONFIG_FILE=\"gcn_mbedtls_config.h\" $tls"
    c_peer wslay/wslay.c "${folder#mbedtls-}, bundled" \
      "$here/wslay/mbedtls.c -lwslay $tls" libuv
    return 0
  fi
  pkg-config --exists 'mbedtls >= 3.6' 'mbedcrypto >= 3.6' ||
    { skip "no Mbed TLS 3.6, neither bundled nor of the system"; return 0; }
  c_peer wslay/wslay.c "$(pkg-config --modversion mbedtls)" \
    "$here/wslay/mbedtls.c -lwslay" libuv mbedtls mbedx509 mbedcrypto
}

beast_peer() {
  packages libcjson openssl || return 0
  [ -e /usr/include/boost/beast/version.hpp ] ||
    { skip "no Boost.Beast"; return 0; }
  object=$out/$name/tally.o
  # shellcheck disable=SC2086
  "$CC" $flags -c "$here/common/tally.c" -o "$object"
  # shellcheck disable=SC2046,SC2086
  compile "$CXX" -std=c++17 $flags "$here/beast/beast.cc" "$object" \
    $(pkg-config --cflags --libs libcjson openssl) -pthread
}

gorilla_peer() { # Debian's package lies where no module is needed
  path=/usr/share/gocode
  command -v go >/dev/null || { skip "no go"; return 0; }
  [ -d "$path/src/github.com/gorilla/websocket" ] ||
    { skip "no gorilla in $path"; return 0; }
  version=$(dpkg-query -W -f '${Version}' \
    golang-github-gorilla-websocket-dev 2>/dev/null || echo unknown)
  set_version="-X 'main.version=$version, $(go env GOVERSION)'"
  (cd "$here/gorilla" && GO111MODULE=off GOPATH=$path GOFLAGS='' \
    GOCACHE="$out/gocache" compile go build -ldflags "$set_version")
}

ws_peer() {
  node=$(command -v node || command -v nodejs) || { skip "no node"; return 0; }
  command -v npm >/dev/null || { skip "no npm"; return 0; }
  cp "$here/ws/package.json" "$here/ws/ws.cjs" "$out/$name/"
  (cd "$out/$name" && npm install --no-audit --no-fund --no-package-lock \
    --ignore-scripts --loglevel=error >log 2>&1) ||
    { skip "npm install: $(tail -n 1 "$out/$name/log")"; return 0; }
  wrapper "$node" "$out/$name/ws.cjs"
}

websockets_peer() {
  for python in /usr/bin/python3 python3; do
    if "$python" -c 'import websockets' 2>/dev/null; then
      wrapper "$(command -v "$python")" "$here/websockets/peer.py"
      return 0
    fi
  done
  skip "no Python with websockets"
}

wrapper() { # interpreter, program
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$1" "$2" >"$out/$name/run"
  chmod +x "$out/$name/run"
}

for name; do
  rm -rf "${out:?}/$name"
  mkdir -p "$out/$name"
  case $name in
    floor) c_peer floor/floor.c "" "" openssl ;;
    uv) c_peer uv/uv.c "" "" libuv ;;
    wslay) wslay_peer ;;
    naive) naive_peer ;;
    lws) lws_peer "" ;;
    lws-uv) lws_peer -DPEER_ON_LIBUV ;;
    beast) beast_peer ;;
    curl) c_peer curl/curl.c "" "" libcurl ;;
    gorilla) gorilla_peer ;;
    ws) ws_peer ;;
    websockets) websockets_peer ;;
    *) echo "build: no peer $name" >&2; exit 1 ;;
  esac
done
