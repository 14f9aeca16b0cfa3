#!/usr/bin/env bash
# Builds the native fuzzers, build/fuzz/load_fuzz and build/fuzz/step_fuzz. Usage: tests/fuzz/native.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
compiler=$(command -v clang++-19 || command -v clang++-14 || command -v clang++) || {
  echo "no clang: apt-get install clang-19 libclang-rt-19-dev" >&2
  exit 1
}
CC=${compiler/clang++/clang} CXX=$compiler cmake --preset fuzz
cmake --build build/fuzz -j "$(nproc)" --target load_fuzz step_fuzz
