#!/bin/bash
# Installs a prefix in CANN's layout, moves it, and builds and runs a project for CANN against it.
# usage: ascend_prefix.sh CMAKE BUILD_DIR WORK_DIR PROJECT_DIR SAMPLES_DIR CXX PYTHON
set -euo pipefail

cmake=$1
build=$2
work=$3
project=$4
samples=$5
cxx=$6
python=$7

mkdir -p "$work"
rm -rf "$work/ascend first" "$work/ascend" "$work/ascend project"
"$cmake" --install "$build" --component ascend --prefix "$work/ascend first" >"$work/ascend.log"
mv "$work/ascend first" "$work/ascend"

# The environment as users set it; set_env.sh must know the new place.
unset ASCEND_HOME_PATH
# shellcheck source=/dev/null
. "$work/ascend/set_env.sh"
[ "$ASCEND_HOME_PATH" = "$work/ascend" ]

mkdir -p "$work/ascend project"
cp "$project/CMakeLists.txt" "$samples/cann_sample.hpp" "$work/ascend project"
cp "$samples/sample_softmax.cpp" "$work/ascend project/opapi_test.cpp"
cd "$work/ascend project"
"$cmake" -S . -B out -D CMAKE_BUILD_TYPE=Release -D CMAKE_CXX_COMPILER="$cxx" >configure.log 2>&1 || {
    cat configure.log >&2
    exit 1
}
"$cmake" --build out
for program in opapi_test found_test; do
    "$python" "$samples/check_sample.py" softmax "out/bin/$program"
    if ldd "out/bin/$program" | grep -F 'not found'; then
        echo "$program lacks libraries" >&2
        exit 1
    fi
done

# Without LD_LIBRARY_PATH the folder that CMake put into the program is enough.
(unset LD_LIBRARY_PATH && "$python" "$samples/check_sample.py" softmax out/bin/opapi_test)

# By name at run time, as other languages load them; all names are one library.
"$python" - <<'PROGRAM'
import ctypes

names = ["ascendcl", "nnopbase", "opapi", "opapi_nn", "opapi_transformer"]
libraries = [ctypes.CDLL(f"lib{name}.so") for name in names]
assert libraries[0].aclInit(None) == 0
for library in libraries[1:]:
    assert library.aclInit(None) == 100002, "a second copy of the library"
    assert library.aclnnFlashAttentionScore
assert libraries[-1].aclFinalize() == 0
PROGRAM
echo "a project for CANN builds and runs against ASCEND_HOME_PATH"
