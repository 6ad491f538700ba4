# Runs BENCH with ARGUMENTS (separated by '|') and fails unless it ends with EXIT and its output, stdout
# and stderr together, matches the regular expression MATCH.
string(REPLACE "|" ";" arguments "${ARGUMENTS}")
execute_process(COMMAND "${BENCH}" ${arguments}
    RESULT_VARIABLE exit OUTPUT_VARIABLE stdout ERROR_VARIABLE stderr)
if(NOT exit STREQUAL EXIT)
    message(FATAL_ERROR "${ARGUMENTS}: exit code ${exit}, expected ${EXIT}\n${stdout}${stderr}")
endif()
if(NOT "${stdout}${stderr}" MATCHES "${MATCH}")
    message(FATAL_ERROR "${ARGUMENTS}: output does not match '${MATCH}':\n${stdout}${stderr}")
endif()
