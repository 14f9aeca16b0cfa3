#!/usr/bin/env bash
# What g++ and clang++ make of the CPU kernels: both build the native benchmarks, which run in turns on one thread. About six minutes, half of them building;
# the machine should have nothing else to do.
#
#   bench/compilers.sh [G++ [CLANG++]]
#
# Without arguments: g++, and the newest clang++ there is. The table is written to bench/results/compilers.md.
# TERN_BUILT=1: both are built already, in TERN_BUILD_DIR/g++ and TERN_BUILD_DIR/clang, perhaps on another machine.
# TERN_ROUNDS: runs of each (default 5). A run is a median of its own; what else the machine does can only slow one down, so that the fastest counts.
# TERN_COMPILERS_OUT: where the table goes instead. TERN_BUILD_DIR: where both build (default build/compilers).
set -euo pipefail
cd "$(dirname "$0")/.."

newest_clang() {
  local all
  all=$(compgen -c clang++ | grep -E '^clang\+\+(-[0-9]+)?$' | sort -t- -k2,2n | tail -1 || true)
  if [ -z "$all" ]; then echo "compilers.sh: no clang++ was found: install the Debian package clang" >&2; exit 1; fi
  echo "$all"
}
gxx=${1:-g++}
clangxx=${2:-}
if [ -z "$clangxx" ] && [ -z "${TERN_BUILT:-}" ]; then clangxx=$(newest_clang); fi
rounds=${TERN_ROUNDS:-5}
out=${TERN_COMPILERS_OUT:-bench/results/compilers.md}
dir=${TERN_BUILD_DIR:-build/compilers}
mkdir -p "$dir"

# The C compiler beside a C++ compiler: CMake asks for one.
c_of() { case $1 in *clang++*) echo "${1/clang++/clang}" ;; *) echo "${1/g++/gcc}" ;; esac; }

build() { # name, compiler
  cmake -S . -B "$dir/$1" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$(c_of "$2")" -DCMAKE_CXX_COMPILER="$2" -DTERN_CUDA=OFF \
    -DTERN_TESTS=OFF -DTERN_BENCH=ON >"$dir/$1.log" 2>&1 &&
    cmake --build "$dir/$1" -j "$(nproc)" --target ternary_bench dense_bench attention_bench >>"$dir/$1.log" 2>&1 ||
    { tail -20 "$dir/$1.log" >&2; echo "compilers.sh: $2 does not build it; the log is $dir/$1.log" >&2; exit 1; }
}
if [ -z "${TERN_BUILT:-}" ]; then
  build g++ "$gxx"
  build clang "$clangxx"
fi

# What built it, as the program itself says; one of clang names the g++ of its C library too.
version() {
  local all
  all=$(strings -n 8 "$dir/$1/bench/ternary_bench" | grep -E '^(GCC: |[A-Z]?[a-z]* ?clang version)' || true)
  { grep 'clang version' <<<"$all" || echo "${all:-unknown}"; } | head -n 1
}

# bench,case,microseconds
run() { # name
  "$dir/$1/bench/ternary_bench" "" 3 1 2560x2560 2>/dev/null | awk -F, 'NR > 1 { print "ternary," $1 " " $2 "x" $3 " x " $4 " " $5 "," $7 }'
  "$dir/$1/bench/dense_bench" 1 | awk -F, 'NR > 1 && $1 != "read_bandwidth" { print ($1 == "sample" ? "sample" : "dense") "," $2 "," $5 }'
  "$dir/$1/bench/attention_bench" 1:1024 | awk -F, 'NR > 1 { print "attention," $2 " " $4 " " $5 " x " $6 "," $7 }'
}

: >"$dir/runs.csv"
for ((round = 0; round < rounds; round++)); do
  order="g++ clang"
  if ((round % 2)); then order="clang g++"; fi
  for name in $order; do run "$name" | sed "s/^/$name,/" >>"$dir/runs.csv"; done
  echo "round $((round + 1)) of $rounds" >&2
done

{
  echo "$(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo), one thread, $(date +%F), the fastest of $rounds runs in turns (\`bench/compilers.sh\`)."
  echo "g++: $(version g++). clang: $(version clang)."
  echo
  awk -F, '
    function sort(a, n,  i, j, x) { for (i = 2; i <= n; i++) { x = a[i]; for (j = i - 1; j > 0 && a[j] > x; j--) a[j + 1] = a[j]; a[j + 1] = x } }
    function median(a, n) { sort(a, n); return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }
    function of(name, key,  i, least) { least = time[name, key, 1]; for (i = 2; i <= n[name, key]; i++) if (time[name, key, i] < least) least = time[name, key, i]; return least }
    { key = $2 "," $3; if (!(key in seen)) { seen[key] = 1; keys[++n_keys] = key }; time[$1, key, ++n[$1, key]] = $4 + 0 }
    END {
      for (k = 1; k <= n_keys; k++) {
        key = keys[k]; split(key, part, ",")
        if (n["g++", key] != n["clang", key]) { print "compilers.sh: " key " did not run as often with both" > "/dev/stderr"; exit 1 }
        g[k] = of("g++", key); c[k] = of("clang", key)
        if (!(part[1] in n_of)) benches[++n_benches] = part[1]
        ratio[part[1], ++n_of[part[1]]] = g[k] / c[k]
        if (g[k] / c[k] > 1.1 || c[k] / g[k] > 1.1) beyond = beyond (beyond == "" ? "" : ", ") part[1] " " part[2]
      }
      print "| bench | g++ / clang, median of its cases |\n|---|---|"
      for (b = 1; b <= n_benches; b++) {
        name = benches[b]
        for (i = 1; i <= n_of[name]; i++) r[i] = ratio[name, i]
        printf "| %s | %.2f |\n", name, median(r, n_of[name])
      }
      print "\nBeyond a tenth: " (beyond == "" ? "none" : beyond) ".\n"
      print "| bench | case | g++, us | clang, us | g++ / clang |\n|---|---|---|---|---|"
      for (k = 1; k <= n_keys; k++) { split(keys[k], part, ","); printf "| %s | %s | %.1f | %.1f | %.2f |\n", part[1], part[2], g[k], c[k], g[k] / c[k] }
    }' "$dir/runs.csv"
} >"$dir/compilers.md"
mkdir -p "$(dirname "$out")"
mv "$dir/compilers.md" "$out"
echo "written: $out" >&2
