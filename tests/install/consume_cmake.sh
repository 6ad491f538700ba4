#!/bin/sh
# Builds the consumer project against the moved tree with CMake and runs its programs.
# usage: consume_cmake.sh shared|static WORK_DIR CONSUMER_DIR EXAMPLES_DIR CC CXX CMAKE
set -eu

linkage=$1
work=$2
consumer=$3
examples=$4
cc=$5
cxx=$6
cmake=$7

build=$work/consumer-cmake-$linkage
rm -rf "$build"
"$cmake" -S "$consumer" -B "$build" -D CMAKE_BUILD_TYPE=Release \
    -D CMAKE_C_COMPILER="$cc" -D CMAKE_CXX_COMPILER="$cxx" \
    -D CMAKE_PREFIX_PATH="$work/moved" -D EXAMPLES="$examples" -D LINKAGE="$linkage" \
    >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
"$cmake" --build "$build"
for language in c cxx; do
    "$build/consumer_$language" >"$build/output_$language.txt"
    diff -u "$examples/expected_softmax.txt" "$build/output_$language.txt"
done
echo "the consumers in C and C++ print the right numbers"
