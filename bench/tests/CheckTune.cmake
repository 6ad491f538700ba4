# `tune gemm` of one configuration writes rules that the library understands and that say which is faster;
# without CLBlast it says so.
set(rules "${FOLDER}/tuned-gemm.json")
file(REMOVE "${rules}")
execute_process(COMMAND "${BENCH}" tune gemm --budget 240 --runs 2 --output "${rules}"
    RESULT_VARIABLE exit OUTPUT_VARIABLE stdout ERROR_VARIABLE stderr)
if(exit EQUAL 1 AND stderr MATCHES "built without CLBlast")
    message(STATUS "this build has no CLBlast: nothing is tuned")
    return()
endif()
if(NOT exit EQUAL 0 OR NOT stdout MATCHES "CLBlast takes [0-9.]+ times as long.* measured, [0-9]+ invalid")
    message(FATAL_ERROR "exit code ${exit}\n${stdout}${stderr}")
endif()

file(READ "${rules}" json)
string(JSON kernel GET "${json}" rules 0 kernel)
string(JSON device GET "${json}" rules 0 device name)
string(JSON prefers GET "${json}" rules 0 parameters prefer_clblast)
if(NOT kernel STREQUAL "clf_gemm" OR device STREQUAL "" OR NOT prefers MATCHES "^[01]$")
    message(FATAL_ERROR "${json}")
endif()

# Read back: no complaint.
execute_process(COMMAND "${CMAKE_COMMAND}" -E env "CLFORMER_TUNE_PATH=${rules}" CLFORMER_VERBOSE=check
    "${BENCH}" explain softmax --no-peaks --dtype fp32
    RESULT_VARIABLE exit OUTPUT_VARIABLE stdout ERROR_VARIABLE stderr)
if(NOT exit EQUAL 0 OR stderr MATCHES "tuning file|tuned parameter")
    message(FATAL_ERROR "exit code ${exit}\n${stdout}${stderr}")
endif()
