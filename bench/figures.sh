#!/usr/bin/env bash
# Measures what README.md shows, and writes it there between the marks. Takes about 15 minutes on a quiet machine.
#
#   bench/figures.sh TEXT [PEER_COMMAND]
#
# TEXT: a held-out UTF-8 text of about 100,000 tokens for the perplexities: training/heldout.py makes one.
# PEER_COMMAND: run with the model's path and a number of threads, prints "name prefill_tokens_per_s decode_tokens_per_s" of
# another program; measured in turn with ours. Without it the peer's lines are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
text=${1:?usage: bench/figures.sh TEXT [PEER_COMMAND]}
peer=${2:-}
results=bench/results
mkdir -p "$results"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

machine() { awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo; }

busy=$(awk '{print $1}' /proc/loadavg)
model=$work/bitnet-2b-4t.gguf
./tern make-model --shape bitnet-2b-4t --type tq2_0 --arch bitnet --out "$model"

{
  echo "$(machine), $(nproc) cores, $(date +%F), load average before: $busy. Random weights in the shape of BitNet b1.58 2B-4T, TQ2_0 with a Q8_0 head:"
  echo
  ./tern bench model --model "$model" -p 128,512 -n 64 -r 3 --threads 1,2
} >"$results/bitnet-2b-4t.md"

if [ -n "$peer" ]; then
  # In turn, three times: the machine drifts by more than the medians differ.
  for threads in 1 2; do
    : >"$work/pairs"
    for _ in 1 2 3; do
      ours=$(./tern bench model --model "$model" -p 128 -n 64 -r 1 --threads $threads --json |
        awk -F'[:,]' '/"median_ts"/ {printf "%s ", $2}')
      echo "$ours $($peer "$model" $threads)" >>"$work/pairs"
    done
    awk -v threads=$threads '
      function median(a, n,  i, j, t) { for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (a[j] < a[i]) { t = a[i]; a[i] = a[j]; a[j] = t } return a[int((n + 1) / 2)] }
      { p[NR] = $1; d[NR] = $2; name = $3; pp[NR] = $4; pd[NR] = $5; rp[NR] = $1 / $4; rd[NR] = $2 / $5 }
      END { printf "| %d | %.1f | %.1f | %.2f x | %.1f | %.1f | %.2f x |\n", threads, median(p, NR), median(pp, NR), median(rp, NR), median(d, NR), median(pd, NR), median(rd, NR) > "/dev/stdout"; print name > "'"$work"'/name" }' \
      "$work/pairs" >>"$work/peer"
  done
  {
    echo "The same file in $(tr _ ' ' <"$work/name"), runs in turn, medians (tokens/s, prefill of 128 and decode of 64 tokens):"
    echo
    echo "| threads | Tern prefill | peer prefill | ratio | Tern decode | peer decode | ratio |"
    echo "|---:|---:|---:|---:|---:|---:|---:|"
    cat "$work/peer"
  } >"$results/peer.md"
fi

{
  echo "One stream of a million tokens through the embedded model (\`tern bench endless\`):"
  echo
  TERN_JAVA_OPTS="-Xms64m -Xmx64m" ./tern bench endless
} >"$results/endless.md"

{
  echo "Perplexity of the embedded model over 100,000 tokens of held-out text (\`tern ppl\`), 256 keys a token:"
  echo
  echo "| cache | result |"
  echo "|---|---|"
  echo "| dense, emptied every 256 tokens | $(./tern ppl "$text" --policy dense --context 256) |"
  echo "| window of 255, no sinks | $(./tern ppl "$text" --policy window:255) |"
  echo "| 4 sinks + window of 251 | $(./tern ppl "$text" --policy sinks:4,251) |"
} >"$results/perplexity.md"

{
  for part in bitnet-2b-4t peer endless perplexity; do
    [ -e "$results/$part.md" ] && cat "$results/$part.md" && echo
  done
} >"$work/figures"
awk -v file="$work/figures" '
  /<!-- figures: begin/ { print; print ""; while ((getline line < file) > 0) print line; skip = 1; next }
  /<!-- figures: end/ { skip = 0 }
  !skip { print }' README.md >"$work/README.md"
cp "$work/README.md" README.md
echo "written: $results, README.md" >&2
