#!/bin/sh
# tern bundle: everything to run Tern and its GPU tests on a host without Java, as one tar.xz.
# usage: bundle.sh HOME TARGET OUTPUT
set -eu
home=$1
target=$2
output=$3
junit_console=1.14.4  # of the JUnit version in pom.xml

jdk=$(dirname "$(dirname "$(readlink -f "$(command -v "${JAVA_HOME:+$JAVA_HOME/bin/}java")")")")
if [ ! -x "$jdk/bin/jlink" ]; then
  echo "tern: bundle needs jlink, which $jdk lacks: install the Debian package openjdk-17-jdk-headless" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
root=$work/tern-bundle
mkdir -p "$root/lib" "$root/tests"

echo "tern: linking a Java runtime" >&2
# Uncompressed: xz packs it better than jlink would.
"$jdk/bin/jlink" --add-modules java.base,java.logging,java.management,jdk.unsupported,jdk.zipfs --strip-debug --no-header-files \
  --no-man-pages --compress=0 --output "$root/jre" 2>"$work/jlink.log" || { cat "$work/jlink.log" >&2; exit 1; }
find "$root/jre" -name '*.so' -exec strip --strip-unneeded {} + 2>/dev/null || true

drop_unused() {
  if [ -d org/bytedeco ]; then
    find org/bytedeco -name 'libjni*.so' ! -name libjnicudart.so ! -name libjninvml.so ! -name libjnicublas.so ! -name libjnicudnn.so \
      ! -name libjniopenblas_nolapack.so -delete
  fi
}

for jar in "$target"/tern-*.jar; do
  case $jar in *-sources.jar | *-javadoc.jar) ;; *) cp "$jar" "$root/lib/" ;; esac
done
cp "$target"/lib/*.jar "$root/lib/"
mkdir "$root/lib/peers"
cp "$target"/lib/peers/*.jar "$root/lib/peers/"
# Stored, not deflated: xz then finds the kernels of the jar, of libtern_cuda.so and of the tests to be the same bytes.
for jar in "$root"/lib/tern-*.jar "$root"/lib/peers/*.jar; do
  mkdir "$work/jar"
  # Of the presets, the glue that nothing here uses stays out.
  (cd "$work/jar" && "$jdk/bin/jar" -xf "$jar" && drop_unused && "$jdk/bin/jar" -c -0 -M -f "$jar" .)
  rm -r "$work/jar"
done

cp "$home/tests/gpu/run.sh" "$root/gpu-run"
for test in kernels_test_gpu cuda_device_test bench_device_test libtern_cuda.so; do
  if [ -e "$target/cmake/$test" ]; then
    cp "$target/cmake/$test" "$root/tests/"
    strip --strip-unneeded "$root/tests/$test"
  else
    echo "tern: there is no $target/cmake/$test, so the bundle lacks it: 'mvn verify' builds it where there are nvcc and libgtest-dev" >&2
  fi
done
if [ -d "$target/test-classes" ]; then
  cp -R "$target/test-classes" "$root/tests/classes"
  # What runs JUnit without Maven.
  (cd "$home" && mvn -B -ntp -q dependency:copy "-Dartifact=org.junit.platform:junit-platform-console-standalone:$junit_console" \
    "-DoutputDirectory=$root/tests") >"$work/junit.log" 2>&1 || { cat "$work/junit.log" >&2; exit 1; }
fi

cat >"$root/tern" <<'END'
#!/bin/sh
# Tern's command-line tool with the Java runtime of the bundle.
home=$(dirname "$(readlink -f "$0")")
case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
  *[Uu][Tt][Ff]8* | *[Uu][Tt][Ff]-8*) ;;
  *) export LC_ALL=C.UTF-8 ;;
esac
class_path="$home/lib/*"
case ${1:-} in
  bench | validate) class_path="$class_path:$home/lib/peers/*" ;;
esac
terminal=
for fd in 0 1 2; do
  if [ -t $fd ]; then terminal=$terminal$fd; fi
done
# shellcheck disable=SC2086
exec "$home/jre/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmn16m --enable-native-access=ALL-UNNAMED \
  -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0 \
  -Dorg.bytedeco.javacpp.cachedir="${TERN_CACHE:-${TMPDIR:-/tmp}/tern-$(id -u)}" "-Dtern.terminal=$terminal" \
  ${TERN_JAVA_OPTS:-} -cp "$class_path" dev.tern.cli.Tern "$@"
END
chmod +x "$root/tern" "$root/gpu-run"

echo "tern: packing" >&2
tar -C "$work" -cf - tern-bundle | xz -T0 -9 >"$output.part" && mv "$output.part" "$output"
echo "tern: $output, $(du -h "$output" | cut -f1): unpack it anywhere; tern-bundle/tern runs, tern-bundle/gpu-run tests the GPU" >&2
