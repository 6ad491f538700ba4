#!/bin/sh
# Compiles each public header by itself as C99 and as C++11, with every warning an error.
# usage: check_headers.sh INCLUDE_DIR C_COMPILER CXX_COMPILER WORK_DIR
set -eu

include=$1
cc=$2
cxx=$3
work=$4

mkdir -p "$work"
count=0
for header in "$include"/*/*.h; do
    name=$(basename "$(dirname "$header")")/$(basename "$header")
    # Twice: the include guard works.
    printf '#include <%s>\n#include <%s>\ntypedef int not_empty;\n' "$name" "$name" >"$work/one.c"
    cp "$work/one.c" "$work/one.cpp"
    "$cc" -std=c99 -pedantic -Wall -Wextra -Wconversion -Wstrict-prototypes -Werror \
        -I"$include" -fsyntax-only "$work/one.c"
    "$cxx" -std=c++11 -pedantic -Wall -Wextra -Wconversion -Werror \
        -I"$include" -fsyntax-only "$work/one.cpp"
    count=$((count + 1))
done
[ "$count" -gt 0 ]
echo "$count headers compile alone as C99 and C++11"
