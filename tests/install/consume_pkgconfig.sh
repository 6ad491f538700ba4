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

# The flags are lists of words.
# shellcheck disable=SC2086
"$cc" -std=c99 -Wall -Wextra -Werror $cflags "$examples/softmax.c" -o "$build/consumer_c" $libs
# shellcheck disable=SC2086
"$cxx" -std=c++11 -Wall -Wextra -Werror $cflags "$consumer/consumer.cpp" -o "$build/consumer_cxx" $libs

for language in c cxx; do
    if ldd "$build/consumer_$language" | grep -q 'libclformer\.so'; then found=shared; else found=static; fi
    if [ "$found" != "$linkage" ]; then
        echo "consumer_$language is linked $found, not $linkage" >&2
        exit 1
    fi
    "$build/consumer_$language" >"$build/output_$language.txt"
    diff -u "$examples/expected_softmax.txt" "$build/output_$language.txt"
done
echo "the consumers in C and C++ print the right numbers"
