/* Devices that use the CPU's further instructions, or do not. */
#ifndef CLF_TESTS_TEST_EXTENSIONS_H
#define CLF_TESTS_TEST_EXTENSIONS_H

#include <stdbool.h>

#include "device/cpu_extensions.h"
#include "test_session.h"

/* A device of the session's context, with a queue, that has read `value` of CLFORMER_CPU_EXTENSIONS.
 * Ends with test_extensions_close. */
void test_extensions_open(const test_session *session, const char *value, test_session *opened);
void test_extensions_close(test_session *opened);

#endif
