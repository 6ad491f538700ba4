# Writes the header with the source's commit, for clf_build_info. Run by every build; the header is
# touched only when the commit changes, so that nothing is compiled again otherwise.
#   cmake -D SOURCE=<folder> -D OUTPUT=<file> -P BuildInfo.cmake
cmake_minimum_required(VERSION 3.25)

set(commit "unknown")
# Not the commit of some other repository in which an unpacked source archive happens to lie.
if(EXISTS "${SOURCE}/.git")
    execute_process(COMMAND git describe --always --dirty --abbrev=12 --match "v[0-9]*"
        WORKING_DIRECTORY "${SOURCE}" OUTPUT_VARIABLE described RESULT_VARIABLE failed
        OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(failed STREQUAL "0" AND described)
        set(commit "${described}")
    endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#define CLFORMER_SOURCE_COMMIT \"${commit}\"\n" @ONLY)
