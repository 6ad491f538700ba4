#!/bin/sh
# Builds the consumer's sources against the moved tree with pkg-config and runs the programs.
# usage: consume_pkgconfig.sh shared|static WORK_DIR CONSUMER_DIR EXAMPLES_DIR CC CXX [CMAKE]
set -eu

linkage=$1
work=$2
consumer=$3
examples=$4
cc=$5
cxx=$6

build=$work/consumer-pkgconfig-$linkage
rm -rf "$build"
mkdir -p "$build"
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name clformer.pc)")
libdir=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH

cflags=$(pkg-config --cflags clformer)
if [ "$linkage" = static ]; then
    # The archive by name: the linker would take the shared library where both lie side by side.
    libs=$(pkg-config --static --libs clformer | sed 's/-lclformer\b/-l:libclformer.a/')
else
    libs=$(pkg-config --libs clformer)
    LD_LIBRARY_PATH=$libdir
    export LD_LIBRARY_PATH
fi

# build_and_run NAME EXPECTED COMPILER...: the program links the library as wanted and prints what it should.
build_and_run() {
    name=$1
    expected=$2
    shift 2
    # The flags are lists of words.
    # shellcheck disable=SC2086
    "$@" -o "$build/$name" $libs
    if ldd "$build/$name" | grep -q 'libclformer\.so'; then found=shared; else found=static; fi
    if [ "$found" != "$linkage" ]; then
        echo "$name is linked $found, not $linkage" >&2
        exit 1
    fi
    "$build/$name" >"$build/$name.txt"
    diff -u "$expected" "$build/$name.txt"
}

for example in "$examples"/*.c; do
    name=$(basename "$example" .c)
    # shellcheck disable=SC2086
    build_and_run "example_$name" "$examples/expected_$name.txt" \
        "$cc" -std=c99 -Wall -Wextra -Werror $cflags "$example"
done
# shellcheck disable=SC2086
build_and_run consumer_cxx "$examples/expected_softmax.txt" \
    "$cxx" -std=c++11 -Wall -Wextra -Werror $cflags "$consumer/consumer.cpp"
echo "the examples in C and the consumer in C++ print the right numbers"
