# Runs the quick suite of OPERATOR, QUICK_CASES cases (WITHOUT_FP32 of them only in 16 bits): every row of every type
# is checked where the format is console; csv and json run in fp16. JSON is read back by `compare`, CSV by counting.
set(run "${BENCH}" run ${OPERATOR} --suite quick --min-time 0 --quiet)
if(NOT DEFINED WITHOUT_FP32)
    set(WITHOUT_FP32 0)
endif()
math(EXPR cases "3 * ${QUICK_CASES} - ${WITHOUT_FP32}") # three dtypes
math(EXPR lines "${QUICK_CASES} + 1")

function(run_format format result)
    execute_process(COMMAND ${run} --format ${format} ${ARGN} RESULT_VARIABLE exit OUTPUT_VARIABLE stdout
        ERROR_VARIABLE stderr)
    if(NOT exit EQUAL 0)
        message(FATAL_ERROR "--format ${format}: exit code ${exit}\n${stdout}${stderr}")
    endif()
    if(stderr)
        message(FATAL_ERROR "--quiet, yet on stderr: ${stderr}")
    endif()
    set(${result} "${stdout}" PARENT_SCOPE)
endfunction()

function(expect_count what text pattern expected)
    string(REGEX MATCHALL "${pattern}" found "${text}")
    list(LENGTH found count)
    if(NOT count EQUAL expected)
        message(FATAL_ERROR "${what}: ${count} times '${pattern}', expected ${expected}\n${text}")
    endif()
endfunction()

run_format(console text --verify full)
expect_count(console "${text}" "[0-9]  ok\n" ${cases})
expect_count(console "${text}" "fp16" ${QUICK_CASES})

run_format(csv text --dtype fp16)
string(REPLACE ";" "," text "${text}")
expect_count(csv "${text}" "\n" ${lines})
expect_count(csv "${text}" "\n1,[^\n]*,${OPERATOR},quick,[^\n]*,sample,[^\n]*,true,ok," ${QUICK_CASES})
expect_count(csv "${text}" "schema_version,tool_version,[^\n]*,ratio,[^\n]*,peers\n" 1)

run_format(json text --dtype fp16)
expect_count(json "${text}" "\"schema\":\"clformer-bench\",\"schema_version\":1," ${QUICK_CASES})
expect_count(json "${text}" "\"verify\":\"sample\"[^\n]*\"ok\":true,\"state\":\"ok\"" ${QUICK_CASES})
set(file "${FOLDER}/${OPERATOR}.jsonl")
file(WRITE "${file}" "${text}")
execute_process(COMMAND "${BENCH}" compare "${file}" "${file}" RESULT_VARIABLE exit
    OUTPUT_VARIABLE stdout ERROR_VARIABLE stderr)
if(NOT exit EQUAL 0 OR NOT stdout MATCHES "${QUICK_CASES} cases compared: 0 regressions")
    message(FATAL_ERROR "compare with itself: exit code ${exit}\n${stdout}${stderr}")
endif()
