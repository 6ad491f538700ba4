# Sourced by ci/test and ci/demo in the repository's root: what OpenCL programs need to give the same
# results everywhere, and caches of their own, so that nothing outside the tree is read or written.
# shellcheck shell=sh

caches=$(pwd)/build/cache
mkdir -p "$caches/pocl" "$caches/clformer"

# PoCL pins its threads to cores only when asked to; timings and their spread depend on it.
export POCL_AFFINITY=1
export POCL_CACHE_DIR="$caches/pocl"
export CLFORMER_CACHE_DIR="$caches/clformer"

# build_preset NAME: configures and builds in build/NAME.
build_preset() {
    cmake --preset "$1" >"build/$1.log" 2>&1 || {
        cat "build/$1.log" >&2
        return 1
    }
    grep -A 3 'CMake Warning' "build/$1.log" || true
    cmake --build --preset "$1"
}
