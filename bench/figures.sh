#!/usr/bin/env bash
# Measures what README.md shows, and writes it there between the marks. Up to an hour and a half; the machine should have nothing else to do.
#
#   bench/figures.sh TEXT [OPTION...]
#   bench/figures.sh --readme    measures nothing: README.md from what bench/results holds
#
# TEXT: a held-out UTF-8 text of about 100,000 tokens for the perplexities: training/heldout.py makes one. With "-" they are left as they are.
# OPTION: of `tern bench speed`, such as --peers bench/peers.json, --peer NAME=COMMAND, --type, --minutes. It repeats what other processes
# disturb, goes on until the medians are known to within 3 %, and says where they are not. Its medians are in bench/results/speed.csv.
# TERN_BENCH_DIR: where the models are kept between runs; without it, nowhere.
set -euo pipefail
cd "$(dirname "$0")/.."
text=${1:?usage: bench/figures.sh TEXT [OPTION...]}
shift
results=bench/results
mkdir -p "$results"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
models=${TERN_BENCH_DIR:-$work}
mkdir -p "$models"

machine() { awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo; }

if [ "$text" != --readme ]; then
  {
    echo "$(machine), $(nproc) cores, $(date +%F), \`tern bench speed $*\`."
    echo
    ./tern bench speed --dir "$models" --csv "$results/speed.csv" "$@"
  } >"$work/speed.md"
  mv "$work/speed.md" "$results/speed.md"

  {
    echo "One stream of a million tokens through the embedded model (\`tern bench endless\`; $(machine), $(date +%F)):"
    echo
    TERN_JAVA_OPTS="-Xms64m -Xmx64m" ./tern bench endless
  } >"$work/endless.md"
  mv "$work/endless.md" "$results/endless.md"

  if [ "$text" != - ]; then
    {
      echo "Perplexity of the embedded model over 100,000 tokens of held-out text (\`tern ppl\`; $(machine), $(date +%F)), 256 keys a token:"
      echo
      echo "| cache | result |"
      echo "|---|---|"
      echo "| dense, emptied every 256 tokens | $(./tern ppl "$text" --policy dense --context 256) |"
      echo "| window of 255, no sinks | $(./tern ppl "$text" --policy window:255) |"
      echo "| 4 sinks + window of 251 | $(./tern ppl "$text" --policy sinks:4,251) |"
    } >"$results/perplexity.md"
  fi
fi

{
  for part in speed endless perplexity; do
    if [ -e "$results/$part.md" ]; then cat "$results/$part.md"; echo; fi
  done
} >"$work/figures"
awk -v file="$work/figures" '
  /<!-- figures: begin/ { print; print ""; while ((getline line < file) > 0) print line; skip = 1; next }
  /<!-- figures: end/ { skip = 0 }
  !skip { print }' README.md >"$work/README.md"
cp "$work/README.md" README.md
echo "written: $results, README.md" >&2
