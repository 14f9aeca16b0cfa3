#!/bin/sh
# The native half of the Maven build, out of sight unless it fails.
# usage: native.sh build|emulated|test TARGET_DIR, with TERN_BUILD_TYPE, TERN_SANITIZE, TERN_CUDA, TERN_JOBS in the environment.
set -eu
command=$1
target=$2
source=$(cd "$(dirname "$0")/.." && pwd)
cmake_dir=$target/cmake
jobs=${TERN_JOBS:-$(nproc)}

# Runs a command with its output in a log, shown only if the command fails.
logged() {
  log=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "tern: the native build failed; the log is $log" >&2
    exit 1
  fi
}

configure() {
  mkdir -p "$cmake_dir"
  # A tree that was moved or copied cannot reuse its cache.
  if [ -e "$cmake_dir/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$cmake_dir/CMakeCache.txt"; then
    rm -rf "$cmake_dir"
    mkdir -p "$cmake_dir"
  fi
  set -- -DCMAKE_BUILD_TYPE="${TERN_BUILD_TYPE:-Release}" -DCMAKE_INSTALL_PREFIX="$target/native" \
    -DCMAKE_INSTALL_LIBDIR=lib -DTERN_SANITIZE="${TERN_SANITIZE:-}" -DTERN_CUDA="${TERN_CUDA:-AUTO}" -DTERN_TESTS=ON
  if [ ! -e "$cmake_dir/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then
    set -- -G Ninja "$@"
  fi
  logged "$cmake_dir/configure.log" cmake -S "$source" -B "$cmake_dir" "$@"
}

case $command in
  build)
    configure
    logged "$cmake_dir/build.log" cmake --build "$cmake_dir" --target install -j "$jobs"
    grep -E "warning:" "$cmake_dir/build.log" || true
    ;;
  emulated)
    if grep -q '^TERN_CPP_TESTS:INTERNAL=ON' "$cmake_dir/CMakeCache.txt"; then
      logged "$cmake_dir/emulated-build.log" cmake --build "$cmake_dir" --target tern_cuda_simt -j "$jobs"
    fi
    ;;
  test)
    if grep -q '^TERN_CPP_TESTS:INTERNAL=OFF' "$cmake_dir/CMakeCache.txt"; then
      echo "tern: GoogleTest was not found, so only the C11 test of the ABI runs: install the Debian package libgtest-dev" >&2
    fi
    logged "$cmake_dir/test-build.log" cmake --build "$cmake_dir" --target native_tests -j "$jobs"
    grep -E "warning:" "$cmake_dir/test-build.log" || true
    exec ctest --test-dir "$cmake_dir" --output-on-failure --no-tests=error -j "$jobs"
    ;;
  *)
    echo "usage: native.sh build|emulated|test TARGET_DIR" >&2
    exit 2
    ;;
esac
