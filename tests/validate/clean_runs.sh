#!/usr/bin/env bash
# Looks for false alarms: validates a device that is in order again and again, keeps every report, and writes a table of verdicts, times and of each
# check that did not pass. Ends with 1 if a run warned, failed or ended otherwise than with status 0. A quick run takes half a minute.
#
#   tests/validate/clean_runs.sh N [ARGUMENTS of tern validate]        # default: --device cpu --level quick
#
# TERN: the command (default ./tern). TERN_RUNS_DIR: where reports go (default target/clean-runs; what is in it is replaced).
# TERN_RUNS_OUT: where the table goes (default: clean-runs.md there). TERN_RUNS_SECONDS: no run begins later than so many seconds from now.
set -euo pipefail
cd "$(dirname "$0")/../.."

n=${1:?usage: clean_runs.sh N [ARGUMENTS of tern validate]}
shift
(($#)) || set -- --device cpu --level quick
dir=${TERN_RUNS_DIR:-target/clean-runs}
out=${TERN_RUNS_OUT:-$dir/clean-runs.md}
last=${TERN_RUNS_SECONDS:-}
rm -rf "$dir"
mkdir -p "$dir"

began=$(date -u +%Y-%m-%d)
rows=$dir/rows
checks=$dir/checks
: >"$rows" >"$checks"
bad=0 done=0 longest=0
while ((done < n)) && [[ -z $last || $SECONDS -lt $last ]]; do
  i=$(printf %02d $((done + 1)))
  load=$(cut -d' ' -f1 /proc/loadavg)
  begin=$EPOCHREALTIME
  status=0
  ${TERN:-./tern} validate "$@" --json "$dir/$i.json" >"$dir/$i.txt" 2>"$dir/$i.err" || status=$?
  if ((status == 130)); then exit 130; fi
  seconds=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  longest=$(awk -v a="$longest" -v b="$seconds" 'BEGIN { print (a + 0 > b + 0 ? a : b) }')
  verdict=$(tail -n 1 "$dir/$i.txt")
  counts=$(grep -oE '[0-9]+ (passed|warned|failed|unknown)' <<<"$verdict" | cut -d' ' -f1 | paste -sd' ' || true)
  read -r passed warned failed unknown <<<"${counts:-0 0 0 0}"
  echo "| $((done + 1)) | $load | $seconds | $status | ${verdict%%:*} | $passed | $warned | $failed | $unknown |" >>"$rows"
  # "VERDICT check reason", of which the reason's figures differ from run to run
  grep -E '^(WARN|FAIL|UNKNOWN) +[a-z0-9_.]+ ' "$dir/$i.txt" | sed -E 's/^([A-Z]+) +([^ ]+) +(.*)$/\2\t\1\t\3/' >>"$checks" || true
  if ((status != 0 || warned + failed > 0)); then bad=$((bad + 1)); fi
  done=$((done + 1))
  echo "run $done of $n: status $status, $seconds s, load $load: ${verdict:-$(tail -n 1 "$dir/$i.err")}" >&2
done

{
  echo "# Clean runs"
  echo
  echo "\`tern validate $*\`, $done times in turn on a device in order; written by tests/validate/clean_runs.sh."
  echo
  echo "$(sed -n 's/^name  *//p' "$dir/01.txt" | head -n 1), $(nproc) of its cores, Linux; $began, commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)."
  echo "Load is the machine's average of a minute when the run began: other processes computed meanwhile where it is above 1."
  echo
  echo "**$((done - bad)) of $done without an alarm; the longest took $longest s.**"
  echo
  echo "| run | load | seconds | status | verdict | passed | warned | failed | unknown |"
  echo "|---|---|---|---|---|---|---|---|---|"
  cat "$rows"
  echo
  echo "Checks that did not pass, and what they said first:"
  echo
  echo "| check | verdict | runs | |"
  echo "|---|---|---|---|"
  awk -F'\t' '{ k = $1 " | " $2; if (!(k in runs)) { order[++n] = k; first[k] = $3 } runs[k]++ }
    END { for (i = 1; i <= n; i++) { r = first[order[i]]; gsub(/\|/, "/", r); print "| " order[i] " | " runs[order[i]] " | " r " |" } }' "$checks"
} >"$out"
echo "clean_runs.sh: $((done - bad)) of $done without an alarm, the longest $longest s; $out" >&2
((bad == 0 && done > 0))
