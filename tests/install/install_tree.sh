#!/bin/sh
# Installs the build into WORK_DIR/first place and moves it to WORK_DIR/moved.
# usage: install_tree.sh CMAKE BUILD_DIR WORK_DIR
set -eu

cmake=$1
build=$2
work=$3

mkdir -p "$work"
rm -rf "$work/first place" "$work/moved"
"$cmake" --install "$build" --prefix "$work/first place" >"$work/install.log"
if grep -rIlF "first place" "$work/first place"; then
    echo "these files know the place of installation" >&2
    exit 1
fi
if grep -rIlF "$build" "$work/first place"; then
    echo "these files know the build folder" >&2
    exit 1
fi
mv "$work/first place" "$work/moved"
find "$work/moved" -type f | sed "s|^$work/moved/||" | sort
