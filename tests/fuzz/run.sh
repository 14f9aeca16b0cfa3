#!/usr/bin/env bash
# Fuzzes the readers of files (Jazzer) and the C ABI (libFuzzer, under AddressSanitizer and UndefinedBehaviorSanitizer), one target after another,
# and writes what was run to FILE. Exit status 1 if any target found something; the input is then in target/fuzz.
# usage: tests/fuzz/run.sh MINUTES_PER_TARGET [FILE [TARGET...]]; needs the build (mvn package), for load and step also clang.
# Many millions of executions on many cores are what farm.sh is for.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
minutes=${1:?usage: tests/fuzz/run.sh MINUTES_PER_TARGET [FILE [TARGET...]]}
report=${2:-target/fuzz/report.md}
shift $(($# < 2 ? $# : 2))
targets=("$@")
((${#targets[@]})) || targets=(gguf safetensors directory tokenizerJson text chatTemplate load step)
seconds=$((minutes * 60))
work=$PWD/target/fuzz
mkdir -p "$work" "$(dirname "$report")"
failed=0
rows=()

# count LOG: executions and their rate, out of libFuzzer's own statistics.
count() {
  local runs rate
  runs=$(grep -oE 'number_of_executed_units: [0-9]+' "$1" | tail -1 | grep -oE '[0-9]+$')
  [[ $runs ]] || runs=$(grep -oE '^#[0-9]+' "$1" | tail -1 | tr -d '#')
  rate=$(grep -oE 'average_exec_per_sec: +[0-9]+' "$1" | tail -1 | grep -oE '[0-9]+$')
  echo "${runs:-0} ${rate:-?}"
}

row() { # target, what, log, exit status
  local runs rate result=nothing
  read -r runs rate < <(count "$3")
  if (($4 != 0)); then
    result="FOUND, see $3"
    failed=1
  fi
  rows+=("| $1 | $2 | $runs | $rate | $result |")
  echo "== $1: $runs executions, $rate a second: $result"
}

jvm_target() { # class in dev.tern, method
  local corpus=$work/corpus/$2 log=$work/$2.log seeds=tests/resources/dev/tern/${1//.//}Inputs/$2
  mkdir -p "$corpus"
  java -Xmx1g --enable-native-access=ALL-UNNAMED -cp "target/test-classes:target/classes:$classpath" com.code_intelligence.jazzer.Jazzer \
    --target_class=dev.tern."$1" --target_method="$2" --instrumentation_includes='dev.tern.**' --reproducer_path="$work" \
    -artifact_prefix="$work/$2-" -max_len=4096 -timeout=20 -print_final_stats=1 -max_total_time=$seconds "$corpus" "$seeds" >"$log" 2>&1
  row "$2" "JVM, Jazzer" "$log" $?
}

native_target() {
  local corpus=$work/corpus/$1 log=$work/$1.log
  mkdir -p "$corpus"
  ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 build/fuzz/"$1"_fuzz -artifact_prefix="$work/$1-" \
    -max_len=512 -timeout=60 -rss_limit_mb=4096 -detect_leaks=0 -print_final_stats=1 -max_total_time=$seconds "$corpus" "tests/fuzz/corpus/$1" >"$log" 2>&1
  row "$1" "native, ASan and UBSan" "$log" $?
}

if [[ " ${targets[*]} " =~ \ (load|step)\  ]]; then
  tests/fuzz/native.sh >"$work/cmake.log" || exit 1
fi
mvn -B -q dependency:build-classpath -Dmdep.includeScope=test -Dmdep.outputFile="$work/classpath" || exit 1
classpath=$(<"$work/classpath")

for target in "${targets[@]}"; do
  case $target in
    gguf) jvm_target format.GgufFuzzTest gguf ;;
    safetensors | directory) jvm_target format.HfFuzzTest "$target" ;;
    tokenizerJson | text) jvm_target format.TokenizerFuzzTest "$target" ;;
    chatTemplate) jvm_target jinja.TemplateFuzzTest "$target" ;;
    load | step) native_target "$target" ;;
    *) echo "no target $target" >&2; exit 2 ;;
  esac
done

{
  echo "| target | how | executions | a second | found |"
  echo "|---|---|---|---|---|"
  printf '%s\n' "${rows[@]}"
  echo
  echo "$(date -u +%F), $(nproc) CPUs, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $minutes minutes a target."
} >"$report"
exit $failed
