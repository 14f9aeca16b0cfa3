#!/usr/bin/env bash
# The JMH benchmarks of Java's side (bench/java): what a call into native code, a turn of the scheduler, a token's text and its way to the
# reader cost.
# usage: bench/jmh.sh [--save] [ARGUMENTS OF JMH]
#   --save: also writes bench/results/jmh-CPU.md, CPU being the processor's name
#   ARGUMENTS: a pattern of names, -f 1, -wi 3, -p streams=8; -h lists them all, -l the benchmarks
set -euo pipefail
cd "$(dirname "$0")/.."
save=
if [[ ${1:-} == --save ]]; then
  save=1
  shift
fi

# target/jmh.classpath is as old as the beginning of the last build that succeeded.
if [[ ! -e target/jmh.classpath ]] ||
  [[ -n $(find pom.xml CMakeLists.txt cmake src/main tests/java bench/java -newer target/jmh.classpath -print -quit) ]]; then
  echo "jmh: building, which takes a minute the first time" >&2
  mkdir -p target
  touch target/jmh.begun
  mvn -B -ntp -q -DskipTests package dependency:build-classpath -DincludeScope=test -Dmdep.outputFile=target/jmh.jars >&2
  mv target/jmh.jars target/jmh.classpath
  touch -r target/jmh.begun target/jmh.classpath
fi

results=()
if [[ $save ]]; then
  table=$(mktemp)
  trap 'rm -f "$table"' EXIT
  results=(-rf text -rff "$table")
fi

# As the launcher sets them; the figures are of the compiler that servers use, C2, and the forks inherit the flags.
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
"$java" --enable-native-access=ALL-UNNAMED -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0 \
  -cp "target/test-classes:target/classes:$(cat target/jmh.classpath)" org.openjdk.jmh.Main "${results[@]}" "$@"

if [[ $save ]]; then
  cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
  name=$(printf '%s' "${cpu:-unknown}" | tr '[:upper:]' '[:lower:]' | sed -E 's/\((r|tm)\)//g; s/[^a-z0-9]+/-/g; s/^-|-$//g')
  {
    printf '# JMH: what Java costs\n\n%s, %s cores, %s, %s. `bench/jmh.sh --save%s`; the error is of a 99.9 %% interval.\n\n' \
      "${cpu:-unknown}" "$(nproc)" "$("$java" -version 2>&1 | sed -n 2p)" "$(date -u +%F)" "${*:+ $*}"
    sed 's/^/    /; s/ *$//' "$table"
  } >"bench/results/jmh-$name.md"
  echo "jmh: bench/results/jmh-$name.md" >&2
fi
