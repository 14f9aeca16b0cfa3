#!/usr/bin/env bash
# A model of random weights in every container that Tern reads: written, loaded from a warm page cache, and run for a few tokens. Prints
# and keeps a table: seconds of Model.load, and of all processors in it, packed megabytes, megabytes resident at the peak (all of the process), their ratio, matrices.
#
#   bench/containers.sh [SHAPE] [DIRECTORY] [CONTAINER...]
#
# SHAPE: bitnet-2b-4t, unless another of `tern make-model` is given. DIRECTORY: for one container at a time, up to 6 GB; what is written
# there is removed. After `mvn -DskipTests package`. RUNS: loads of each, the fastest
# is kept. JAVA_OPTS: more arguments for the JVM that loads.
set -euo pipefail
cd "$(dirname "$0")/.."
shape=${1:-bitnet-2b-4t}
work=$(mktemp -d -p "${2:-${TMPDIR:-/tmp}}")
trap 'rm -rf "$work"' EXIT
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- TQ1_0 TQ2_0 I2_S Q2_0 IQ1_BN IQ2_BN SPLIT PACKED_BITLINEAR PACKED_AUTOBITLINEAR BF16_MASTERS
class_path=target/test-classes:target/classes
for jar in target/lib/*.jar; do class_path=$class_path:$jar; done
java=(java --enable-native-access=ALL-UNNAMED -cp "$class_path")
# As the launcher sets it.
load=(-Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmn16m -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0)

{
  echo "$(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo), $(nproc) cores, $(date +%F), $shape, load average before: $(awk '{print $1}' /proc/loadavg)"
  echo
  echo "| container | MB on disk | load, s | processor, s | packed MB | peak MB | peak / packed | ternary + dense | first tokens |"
  echo "|---|---:|---:|---:|---:|---:|---:|---:|---|"
  for container in "$@"; do
    mkdir "$work/model"
    path=$("${java[@]}" dev.tern.format.Containers "$shape" "$container" "$work/model")
    size=$(du -sb "$work/model" | awk '{printf "%.1f", $1 / 1e6}')
    best=
    for _ in $(seq "${RUNS:-3}"); do # the first run may find pages that are not written yet
      # shellcheck disable=SC2086
      line=$("${java[@]}" "${load[@]}" ${JAVA_OPTS:-} dev.tern.format.Containers - load "$path")
      if [ -z "$best" ] || awk -v a="${line%% *}" -v b="${best%% *}" 'BEGIN {exit !(a < b)}'; then best=$line; fi
    done
    echo "| $container | $size | $best |"
    rm -rf "$work/model"
  done
} | tee "bench/results/containers-$shape.md"
