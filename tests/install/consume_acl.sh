#!/bin/sh
# Builds the ACL consumers against the moved tree, with CMake and with pkg-config, and runs them.
# usage: consume_acl.sh WORK_DIR CONSUMER_DIR SAMPLES_DIR CC CXX CMAKE PYTHON
set -eu

work=$1
consumer=$2
samples=$3
cc=$4
cxx=$5
cmake=$6
python=$7

run_both() {
    "$1/consumer_c" >"$1/output_c.txt"
    echo "device memory" | diff -u - "$1/output_c.txt"
    "$python" "$samples/check_sample.py" softmax "$1/consumer_cxx"
}

build=$work/consumer-acl-cmake
rm -rf "$build"
"$cmake" -S "$consumer" -B "$build" -D CMAKE_BUILD_TYPE=Release \
    -D CMAKE_C_COMPILER="$cc" -D CMAKE_CXX_COMPILER="$cxx" \
    -D CMAKE_PREFIX_PATH="$work/moved" -D SAMPLE="$samples/sample_softmax.cpp" \
    >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
"$cmake" --build "$build"
run_both "$build"

build=$work/consumer-acl-pkgconfig
rm -rf "$build"
mkdir -p "$build"
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name clformer_acl.pc)")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH LD_LIBRARY_PATH
cflags=$(pkg-config --cflags clformer_acl)
libs=$(pkg-config --libs clformer_acl)
# The flags are lists of words.
# shellcheck disable=SC2086
"$cc" -std=c99 -Wall -Wextra -Werror $cflags "$consumer/consumer_acl.c" -o "$build/consumer_c" $libs
# shellcheck disable=SC2086
"$cxx" -std=c++11 -Wall -Wextra -Werror $cflags "$samples/sample_softmax.cpp" \
    -o "$build/consumer_cxx" $libs
run_both "$build"
echo "the consumers in C and C++ print the right numbers"
