#!/bin/sh
# Install what the peers are built from, by the system's package manager
# (Debian 12 or later). Nothing here is needed to build or to test gcnotify.
#
#   sh bench/peers/setup.sh            install
#   sh bench/peers/setup.sh --print    only say what would be installed
#
# The ws package is not a package of the system: build.sh has npm install its
# pinned version into the build directory. It never asks anything.
set -eu
exec </dev/null

mode=${1-install}
case $mode in
  install | --print) ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 1 ;;
esac

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

installed() {
  dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

packages() {
  echo build-essential pkg-config libcjson-dev
  echo libssl-dev libuv1-dev libwslay-dev # floor, uv, wslay
  echo libwebsockets-dev                  # lws, lws-uv
  echo libboost-dev                       # beast
  echo libcurl4-openssl-dev               # curl: if it was built with ws
  echo golang-go golang-github-gorilla-websocket-dev
  echo python3-websockets
  have node || have nodejs || echo nodejs # ws
  have npm || echo npm
}

have apt-get || { say "no apt-get here; see the list in $0"; exit 1; }
missing=
for p in $(packages); do
  installed "$p" || missing="$missing $p"
done
[ -n "$missing" ] || { say "system packages: all present"; exit 0; }
line="apt-get install -y --no-install-recommends$missing"
if [ "$mode" = --print ]; then say "would run: $line"; exit 0; fi

as=
if [ "$(id -u)" != 0 ]; then
  sudo -n true 2>/dev/null || { say "not root; run: $line"; exit 1; }
  as="sudo -n"
fi
lists=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' | head -n 1)
if [ -z "$lists" ]; then
  $as apt-get update -q || say "apt-get update reported errors; going on"
fi
say "$line"
# Word splitting is wanted: $line is a command without quotes in it.
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as $line
