#!/bin/sh
# Runs everything of Tern that needs a GPU and writes one report: the native tests, their cases with error and bound, compute-sanitizer's
# four tools over them where it is installed, the Java tests tagged gpu, and the main job: text on the GPU beside text on the CPU.
# From a bundle: ./gpu-run [REPORT_DIR]. In the tree: tests/gpu/run.sh [REPORT_DIR] after `mvn verify` with nvcc.
set -u
here=$(dirname "$(readlink -f "$0")")
report=${1:-gpu-report}
mkdir -p "$report" || exit 2
report=$(cd "$report" && pwd)

if [ -x "$here/tern" ]; then
  tern=$here/tern
  tests=$here/tests
else
  tern=$here/../../tern
  tests=$here/../../target/cmake
fi

export TERN_REPORT=$report/cases.jsonl
: >"$TERN_REPORT"
: >"$report/steps.tsv"
failed=0
# step NAME COMMAND...: its output in NAME.log, how it ended in steps.tsv.
step() {
  name=$1
  shift
  begin=$(date +%s)
  "$@" >"$report/$name.log" 2>&1
  status=$?
  seconds=$(($(date +%s) - begin))
  if [ $status -eq 0 ]; then result=passed; else result=FAILED; failed=1; fi
  if [ $status -eq 0 ] && grep -q '\[  SKIPPED \]' "$report/$name.log" && ! grep -q '\[       OK \]' "$report/$name.log"; then
    result=skipped
  fi
  printf '%s\t%s\t%s\t%s\n' "$name" "$result" "$status" "$seconds" >>"$report/steps.tsv"
  printf '%-8s %s (%s s)\n' "$result" "$name" "$seconds"
}

(nvidia-smi -q -i 0 || echo "no nvidia-smi") >"$report/device.txt" 2>&1
if ! "$tern" info --device cuda >"$report/info.txt" 2>&1; then
  cat "$report/info.txt"
  exit 1
fi

# A suite is a process of its own: what one leaves broken does not fail the next.
kernels=$tests/kernels_test_gpu
if [ -x "$kernels" ]; then
  "$kernels" --gtest_list_tests 2>/dev/null | grep -E '^[A-Za-z0-9_/]+\.( |$)' | sed 's/\. *#.*//; s/\.$//' >"$report/suites.txt"
  while read -r suite; do
    step "$(echo "$suite" | tr / -)" timeout 300 "$kernels" "--gtest_filter=$suite.*"
  done <"$report/suites.txt"
  if command -v compute-sanitizer >/dev/null 2>&1; then
    for tool in memcheck racecheck synccheck initcheck; do
      # Fewer cases: every access is checked in software.
      TERN_REPORT='' TERN_CASES="${TERN_SANITIZER_CASES:-40}" step "sanitizer-$tool" \
        timeout "${TERN_SANITIZER_SECONDS:-600}" compute-sanitizer --tool "$tool" --error-exitcode 9 "$kernels"
    done
  else
    echo "compute-sanitizer is not installed: its four tools were not run" | tee "$report/sanitizer.txt"
  fi
else
  echo "no $kernels: it is built by 'mvn verify' where there is nvcc" | tee "$report/kernels.txt"
  failed=1
fi
library=$(ls "$tests"/libtern_cuda.so "$here"/lib/libtern_cuda.so 2>/dev/null | head -n 1)
for test in cuda_device_test bench_device_test; do
  if [ -x "$tests/$test" ]; then
    TERN_CUDA_LIBRARY=$library step $test timeout 300 "$tests/$test"
  fi
done

if [ ! -x "$here/tern" ]; then
  # In the tree JUnit runs by Maven, here on the GPU instead of the emulator.
  step java sh -c "cd '$here/../..' && mvn -B -ntp -o -q surefire:test -Dtest=CudaTest -Dtest.cuda.library= -Dsurefire.failIfNoSpecifiedTests=false"
elif [ -d "$tests/classes" ]; then
  console=$(ls "$tests"/junit-platform-console-standalone-*.jar 2>/dev/null | head -n 1)
  if [ -n "$console" ]; then
    step java "$here/jre/bin/java" --enable-native-access=ALL-UNNAMED -jar "$console" execute \
      -cp "$tests/classes:$(echo "$here"/lib/*.jar | tr ' ' ':')" --scan-classpath "$tests/classes" --include-tag gpu --disable-banner
  fi
fi

text() {
  "$tern" generate "Once upon a time" --device "$1" --temperature 0 --max-tokens 500 2>"$report/generate-$1.err"
}
# That they are equal, or part at a tie, is for CudaTest to judge; here they are to be looked at.
both_texts() {
  text cpu >"$report/text-cpu.txt" || return 1
  text cuda >"$report/text-cuda.txt" || return 1
  if cmp "$report/text-cpu.txt" "$report/text-cuda.txt"; then echo "the same text"; else echo "different text"; fi
}
step greedy-500-tokens both_texts
step bench-cuda "$tern" bench model --device cuda
step validate "$tern" validate --device cuda --json "$report/validation.json"

{
  printf '{"device": "%s", "steps": [' "$(sed -n 's/^device  *//p' "$report/info.txt" | head -n 1)"
  separator=
  while IFS="$(printf '\t')" read -r name result status seconds; do
    printf '%s\n  {"name": "%s", "result": "%s", "status": %s, "seconds": %s}' "$separator" "$name" "$result" "$status" "$seconds"
    separator=,
  done <"$report/steps.tsv"
  printf '],\n "cases": [\n'
  sed '$!s/$/,/' "$TERN_REPORT"
  printf ']}\n'
} >"$report/report.json"
{
  cat "$report/info.txt"
  echo
  column -t -s "$(printf '\t')" "$report/steps.tsv" 2>/dev/null || cat "$report/steps.tsv"
  echo
  echo "$(wc -l <"$TERN_REPORT") cases, $(grep -c '"passed": *false' "$TERN_REPORT") beyond their bound"
} >"$report/report.txt"
echo "report: $report/report.txt and report.json"
exit $failed
