#!/bin/sh
# Names every tool that the build needs and cannot find, with the Debian package that brings it.
# usage: check-tools.sh [JAVA_SPECIFICATION_VERSION]; exit status 1 if one is missing.
missing=
need() { # tool, package
  command -v "$1" >/dev/null 2>&1 || { echo "tern: $1 was not found: install the Debian package $2" >&2; missing=1; }
}
need cmake cmake
need g++ g++
if ! command -v ninja >/dev/null 2>&1; then need make make; fi

if [ -n "$1" ]; then
  if [ "${1%%.*}" -lt 17 ]; then
    echo "tern: Maven runs on Java $1, 17 or newer is needed: install the Debian package openjdk-17-jdk-headless" >&2
    missing=1
  elif [ -n "$JAVA_HOME" ] && [ ! -e "$JAVA_HOME/include/jni.h" ]; then
    echo "tern: $JAVA_HOME has no include/jni.h, so it is no JDK: install the Debian package openjdk-17-jdk-headless" >&2
    missing=1
  fi
fi
[ -z "$missing" ]
