#!/bin/sh
# Makes the Debian packages in a build of their own and checks their names, contents and dependencies.
# usage: check_packages.sh CMAKE SOURCE_DIR WORK_DIR C_COMPILER VERSION
set -eu

cmake=$1
source=$2
work=$3
cc=$4
version=$5

if ! command -v dpkg-shlibdeps >/dev/null; then
    echo "skipped: dpkg-shlibdeps (package dpkg-dev) is not installed"
    exit 77
fi

make_packages() {
    "$cmake" -S "$source" -B "$work/build" -D CMAKE_BUILD_TYPE=Release -D CMAKE_C_COMPILER="$cc" \
        -D CMAKE_INSTALL_PREFIX=/usr -D CLFORMER_BUILD_TESTS=OFF -D CLFORMER_BUILD_EXAMPLES=OFF &&
        "$cmake" --build "$work/build" &&
        (cd "$work/build" && "$(dirname "$cmake")/cpack" -G DEB -B "$work/out")
}

rm -rf "$work/out"
mkdir -p "$work"
make_packages >"$work/log.txt" 2>&1 || {
    cat "$work/log.txt" >&2
    exit 1
}

architecture=$(dpkg --print-architecture)
failed=0

package() {
    echo "$work/out/$1_${version}_$architecture.deb"
}

# require FILE PATTERN: a line of the file matches.
require() {
    grep -Eq -- "$2" "$1" || {
        echo "$(basename "$1"): no line matches: $2" >&2
        failed=1
    }
}

for name in libclformer0 libclformer-dev libclformer-acl0 libclformer-acl-dev clformer-bench; do
    [ "$name" != clformer-bench ] || [ -f "$(package $name)" ] || continue
    dpkg-deb -c "$(package $name)" | awk '{ print $6 }' >"$work/$name.files"
    dpkg-deb -f "$(package $name)" Depends >"$work/$name.depends"
    if grep -Ev '^\./(usr/((lib|include|bin|share)/.*)?)?$' "$work/$name.files"; then
        echo "$name: files outside usr/lib, usr/include, usr/bin and usr/share" >&2
        failed=1
    fi
done

require "$work/libclformer0.files" "/lib/.*/libclformer\.so\.${version%%.*}$"
require "$work/libclformer0.depends" 'ocl-icd-libopencl1'
require "$work/libclformer0.depends" 'libjansson4'
if grep -q '^Requires.private:.*clblast' "$work/build/generated/clformer.pc"; then
    require "$work/libclformer0.depends" 'libclblast1'
    require "$work/libclformer-dev.depends" 'libclblast-dev'
fi
require "$work/libclformer-dev.files" '/include/clformer/clformer\.h$'
require "$work/libclformer-dev.files" '/lib/.*/libclformer\.a$'
require "$work/libclformer-dev.files" '/lib/.*/libclformer\.so$'
require "$work/libclformer-dev.files" '/cmake/clformer/clformer-config\.cmake$'
require "$work/libclformer-dev.files" '/pkgconfig/clformer\.pc$'
require "$work/libclformer-dev.depends" "libclformer0 \(= $version\)"
require "$work/libclformer-acl0.files" "/lib/.*/libclformer_acl\.so\.${version%%.*}$"
require "$work/libclformer-acl0.depends" "libclformer0 \(= $version\)"
require "$work/libclformer-acl-dev.files" '/include/clformer-acl/acl/acl\.h$'
require "$work/libclformer-acl-dev.files" '/include/clformer-acl/aclnnop/aclnn_ffn\.h$'
require "$work/libclformer-acl-dev.files" '/cmake/clformer/clformer-acl-targets\.cmake$'
require "$work/libclformer-acl-dev.files" '/pkgconfig/clformer_acl\.pc$'
require "$work/libclformer-acl-dev.depends" "libclformer-acl0 \(= $version\)"
if grep -Eq '/(acl|aclnn|aclnnop)/' "$work/libclformer-dev.files"; then
    echo "libclformer-dev holds headers of the ACL library" >&2
    failed=1
fi
if grep -Eq '/(host|cl-kernels)/' "$work"/*.files; then
    echo "a package holds sources" >&2
    failed=1
fi
cat "$work"/*.files "$work"/*.depends
exit $failed
