#!/usr/bin/env bash
# Makes the folder that farm.sh runs from, and farm.sh in it: classes, libraries, a Java runtime, fuzzers, seeds and corpora. Nothing else is
# needed where it runs, which may be another machine.
# usage: tests/fuzz/pack.sh FOLDER [CORPUS.tar.xz...]; needs the build (mvn package) and clang; corpora are those that farm.sh has written.
set -euo pipefail
pack=$(mkdir -p "${1:?usage: tests/fuzz/pack.sh FOLDER [CORPUS.tar.xz...]}" && cd "$1" && pwd)
shift
corpora=()
for corpus in "$@"; do corpora+=("$(realpath "$corpus")"); done
cd "$(dirname "$0")/../.."
rm -rf "${pack:?}"/{bin,classes,corpus,fallback,jre,lib,seeds,test-classes}
mkdir -p "$pack"/{bin,corpus,fallback,lib,seeds} target/fuzz

tests/fuzz/native.sh
for target in load step; do
  cp "build/fuzz/${target}_fuzz" "$pack/bin/"
  strip -g "$pack/bin/${target}_fuzz" # names stay, for reports
  cp -r "tests/fuzz/corpus/$target" "$pack/seeds/"
done

mvn -B -q dependency:build-classpath -Dmdep.includeScope=test -Dmdep.outputFile="$PWD/target/fuzz/classpath"
tr ':' '\n' <target/fuzz/classpath | while read -r jar || [[ $jar ]]; do # not compressed: what compresses the folder does that better
  rm -rf target/fuzz/jar && mkdir target/fuzz/jar
  (cd target/fuzz/jar && jar -xf "$jar" && jar -c -0 -M -f "$pack/lib/$(basename "$jar")" .)
done
rm -r target/fuzz/jar
tar -C target --exclude='*.so*' --exclude='*.gguf' --exclude='*Inputs' -cf - classes test-classes | tar -C "$pack" -xf -
for target in format/GgufFuzzTest/gguf format/HfFuzzTest/safetensors format/HfFuzzTest/directory format/TokenizerFuzzTest/tokenizerJson \
  format/TokenizerFuzzTest/text jinja/TemplateFuzzTest/chatTemplate; do
  cp -r "tests/resources/dev/tern/${target%/*}Inputs/${target##*/}" "$pack/seeds/"
done
jlink --add-modules java.instrument,java.management,java.sql,jdk.attach,jdk.management,jdk.unsupported --strip-debug --no-header-files --no-man-pages \
  --output "$pack/jre"
rm -rf "$pack/jre/legal"
find "$pack/jre" -name '*.so' -exec strip -g {} +
for library in libstdc++.so.6 libgcc_s.so.1 libz.so.1; do
  file=$(ldconfig -p | sed -n "s/.*$library.*x86-64.* => //p" | head -1)
  cp -L "$file" "$pack/fallback/"
done
for corpus in "${corpora[@]}"; do tar -C "$pack/corpus" -xf "$corpus"; done
cp tests/fuzz/farm.sh "$pack/"
