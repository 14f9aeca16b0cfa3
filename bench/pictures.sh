#!/usr/bin/env bash
# Makes the pictures of docs/pictures out of the page of an H100's report, light and dark.
# usage: bench/pictures.sh
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p docs/pictures
${TERN:-./tern} report docs/validation/h100-kernels.json "$work/page.html"

# picture NAME FIGURE: the page with one of its figures alone.
picture() {
  awk -v figure="<figure id=\"$2\">" 'index($0, figure) { inside = 1 } /<figcaption/ { next } !body || inside { print } /<main>/ { body = 1 }
    /<\/figure>/ { inside = 0 } END { print "</main></body></html>" }' "$work/page.html" >"$work/$1.html"
  bench/html_check.sh --size 920,626 "$work" "$work/$1.html"
  for scheme in light dark; do
    cp "$work/$1-$scheme.png" "docs/pictures/$1-$scheme.png"
  done
}
picture roofline plot0
picture waterline plot2
