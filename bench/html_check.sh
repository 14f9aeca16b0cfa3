#!/usr/bin/env bash
# Opens pages of reports in a headless Chromium, light and dark, wide and narrow, and keeps pictures to look at. Fails on a console message, and on a
# request for anything but the page itself.
# usage: bench/html_check.sh [--size WIDTH,HEIGHT] OUT_DIR PAGE.html|REPORT.json...
# A report is made a page first (TERN names the command, ./tern otherwise).
set -euo pipefail
cd "$(dirname "$0")/.."
size=1280,4000
if [ "${1:-}" = --size ] && (($# > 1)); then
  size=$2
  shift 2
fi
if (($# < 2)); then
  echo "usage: $0 [--size WIDTH,HEIGHT] OUT_DIR PAGE.html|REPORT.json..." >&2
  exit 2
fi
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$chromium" ]; then
  echo "html_check: no Chromium: install the Debian package chromium, or name one in CHROMIUM" >&2
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# shot PAGE NAME SCHEME WIDTH,HEIGHT: a picture; what the page says and asks for is checked.
shot() {
  local page=$1 name=$2 scheme=$3 size=$4
  rm -rf "$work/profile"
  # No proxy answers at port 9: nothing could be fetched, and the log would still say that it was asked for.
  timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update \
    --disable-sync --hide-scrollbars --proxy-server=127.0.0.1:9 --user-data-dir="$work/profile" --enable-logging=stderr --v=0 --log-net-log="$work/net.json" \
    --blink-settings=preferredColorScheme="$scheme" --window-size="$size" --screenshot="$out/$name.png" "file://$page" >"$work/console" 2>&1 || {
    echo "html_check: Chromium failed on $page" >&2
    cat "$work/console" >&2
    exit 2
  }
  [ -s "$out/$name.png" ] || { echo "html_check: no picture of $page" >&2; exit 2; }
  if grep ":CONSOLE" "$work/console"; then
    echo "FAIL $name: the console is not empty" >&2
    failed=1
  fi
  # What the page asks for; chromium's own housekeeping goes to its maker's hosts, which no page here may name.
  if grep -o '"url":"[a-z]*://[^"]*"' "$work/net.json" | grep -v "\"url\":\"file://$page\"" | grep -Ev '"url":"https?://([a-z0-9-]+\.)*(google|googleapis|gvt1|gstatic)\.com/' | sort -u | grep .; then
    echo "FAIL $name: the page asked for something else than itself" >&2
    failed=1
  fi
}

for given in "$@"; do
  name=$(basename "$given")
  name=${name%.*}
  page=$out/$name.html
  case $given in
    *.json) ${TERN:-./tern} report "$given" "$page" ;;
    *) [ "$(realpath "$given")" = "$page" ] || cp "$given" "$page" ;;
  esac
  if grep -Eio 'https?:|src=|<script|@import|url\([^#]' "$page"; then
    echo "FAIL $name: the page names something outside of itself" >&2
    failed=1
  fi
  shot "$page" "$name-light" 1 "$size"
  shot "$page" "$name-dark" 0 "$size"
  shot "$page" "$name-narrow" 1 600,3000
done
if [ "$failed" = 0 ]; then
  echo "$# pages: no console message, no request; look at the pictures in $out"
fi
exit "$failed"
