#!/usr/bin/env bash
# Fuzzes all targets at once on the cores there are, from a folder that pack.sh has made: no compiler, JDK, Maven or network is needed.
# Whichever target has the fewest executions gets the next core, so that all get about as many. What was found does not stop the others.
# usage: farm.sh SECONDS OUT [TARGET...]; CORES=N, NICE=N (10). Writes OUT/fuzz.md, OUT/findings.tar (inputs and ends of logs), OUT/corpus.tar.xz.
set -uo pipefail
pack=$(cd "$(dirname "$0")" && pwd)
seconds=${1:?usage: farm.sh SECONDS OUT [TARGET...]}
out=${2:?usage: farm.sh SECONDS OUT [TARGET...]}
shift 2
targets=("$@")
((${#targets[@]})) || targets=(gguf safetensors directory tokenizerJson text chatTemplate load step)
cores=${CORES:-$(($(nproc) > 3 ? $(nproc) - 2 : $(nproc)))}
niceness=${NICE:-10}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$out/work
mkdir -p "$work/logs" "$work/found"
for target in "${targets[@]}"; do
  mkdir -p "$work/corpus/$target"
  [[ -d $pack/corpus/$target ]] && cp -r "$pack/corpus/$target/." "$work/corpus/$target"
done
"$pack/jre/bin/java" -version 2>"$work/logs/java" || export LD_LIBRARY_PATH=$pack/fallback  # a machine that has no C++ library
jars=$(printf '%s:' "$pack"/lib/*.jar)

# Which class holds a target, and how long the inputs are of most runs; one run in four takes longer ones and traces comparisons too.
declare -A class=([gguf]=format.GgufFuzzTest [safetensors]=format.HfFuzzTest [directory]=format.HfFuzzTest [tokenizerJson]=format.TokenizerFuzzTest
  [text]=format.TokenizerFuzzTest [chatTemplate]=jinja.TemplateFuzzTest)
declare -A short=([gguf]=3072 [safetensors]=512 [directory]=2560 [tokenizerJson]=512 [text]=96 [chatTemplate]=256 [load]=256 [step]=256)
declare -A long=([gguf]=8192 [safetensors]=4096 [directory]=4096 [tokenizerJson]=4096 [text]=1024 [chatTemplate]=4096 [load]=1024 [step]=1024)
# Executions a second: a guess, replaced by what a target's last run did.
declare -A rate=([gguf]=3000 [safetensors]=6000 [directory]=2000 [tokenizerJson]=3000 [text]=1000 [chatTemplate]=3000 [load]=2000 [step]=2000)
declare -A runs=() spent=() found=() flying=() launches=()
declare -A target_of=() log_of=() began=()
for t in "${targets[@]}"; do runs[$t]=0 spent[$t]=0 found[$t]=0 flying[$t]=0 launches[$t]=0; done

# launch TARGET SECONDS: one process, whose log ends in libFuzzer's statistics.
launch() {
  local t=$1 length=${short[$1]} log deep=$((launches[$1] % 4 == 3))
  local flags=(-artifact_prefix="$work/found/$t-" -print_final_stats=1 -max_total_time="$2" -timeout=60 -rss_limit_mb=6000 -reload=5 -seed=$((RANDOM * 32768 + RANDOM + 1)))
  ((deep)) && length=${long[$t]}
  log=$work/logs/$t-${launches[$t]}.log
  launches[$t]=$((launches[$t] + 1))
  if [[ ${class[$t]:-} ]]; then
    ((deep)) || flags+=(--trace=cov)
    nice -n "$niceness" "$pack/jre/bin/java" -Xmx1500m -Xmn600m -XX:+UseSerialGC -XX:MaxJavaStackTraceDepth=32 --enable-native-access=ALL-UNNAMED \
      -cp "$pack/test-classes:$pack/classes:$jars" com.code_intelligence.jazzer.Jazzer --target_class=dev.tern."${class[$t]}" \
      --target_method="$t" --instrumentation_includes='dev.tern.**' --instrumentation_excludes="dev.tern.${class[$t]}**" --reproducer_path="$work/found" \
      "${flags[@]}" -max_len="$length" "$work/corpus/$t" "$pack/seeds/$t" >"$log" 2>&1 &
  else
    ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0:quarantine_size_mb=16:malloc_context_size=8 UBSAN_OPTIONS=print_stacktrace=1 \
      nice -n "$niceness" "$pack/bin/${t}_fuzz" "${flags[@]}" -detect_leaks=0 -max_len="$length" "$work/corpus/$t" "$pack/seeds/$t" >"$log" 2>&1 &
  fi
  target_of[$!]=$t log_of[$!]=$log began[$!]=$SECONDS
  flying[$t]=$((flying[$t] + rate[$t] * $2))
}

# ended PID STATUS: counts what it did.
ended() {
  local t=${target_of[$1]} log=${log_of[$1]} took=$((SECONDS - began[$1])) n pid
  n=$(grep -aoE 'number_of_executed_units: [0-9]+' "$log" | tail -1 | grep -oE '[0-9]+$')
  [[ $n ]] || n=$(grep -aoE '^#[0-9]+' "$log" | tail -1 | tr -d '#')
  n=${n:-0}
  runs[$t]=$((runs[$t] + n)) spent[$t]=$((spent[$t] + took))
  ((took > 0 && n > took)) && rate[$t]=$((n / took))
  unset "target_of[$1]" "log_of[$1]" "began[$1]"
  flying[$t]=0
  for pid in "${!target_of[@]}"; do [[ ${target_of[$pid]} == "$t" ]] && flying[$t]=$((flying[$t] + rate[$t] * slice)); done
  if (($2 != 0)); then
    found[$t]=$((found[$t] + 1))
    { echo "== $t, exit status $2, ${log##*/}"; tail -c 20000 "$log"; } >>"$work/found/$t.log"
  else
    rm -f "$log"
  fi
}

slice=$((seconds / 4))
((slice < 20)) && slice=20
while :; do
  left=$((seconds - SECONDS))
  while ((${#target_of[@]} < cores && left > 15)); do
    next=
    for t in "${targets[@]}"; do
      ((found[$t] < 8)) || continue
      [[ $next ]] && ((runs[$t] + flying[$t] >= runs[$next] + flying[$next])) || next=$t
    done
    [[ $next ]] || break
    launch "$next" $((left < slice + 20 ? left : slice))
  done
  ((${#target_of[@]})) || break
  wait -n -p pid "${!target_of[@]}"
  ended "$pid" $?
done

{
  echo "| target | executions | a second, each core | findings |"
  echo "|---|---|---|---|"
  for t in "${targets[@]}"; do echo "| $t | ${runs[$t]} | $((spent[$t] ? runs[$t] / spent[$t] : 0)) | ${found[$t]} |"; done
  echo
  echo "$(date -u +%F), $cores of $(nproc) CPUs, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $SECONDS seconds."
} | tee "$out/fuzz.md"
tar -C "$work" -cf "$out/findings.tar" found
most=50000000
while :; do # the smallest inputs first, as many as fit
  (cd "$work/corpus" && find . -type f -printf '%s %p\n' | sort -n | awk -v most=$most '{ s += $1 + 512 } s <= most { print $2 }') |
    tar -C "$work/corpus" -cJf "$out/corpus.tar.xz" -T -
  (($(stat -c %s "$out/corpus.tar.xz") > 14000000)) || break
  most=$((most * 2 / 3))
done
for t in "${targets[@]}"; do ((found[$t])) && exit 1; done
exit 0
