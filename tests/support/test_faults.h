/* Making OpenCL calls fail through the counting layer. */
#ifndef CLF_TESTS_TEST_FAULTS_H
#define CLF_TESTS_TEST_FAULTS_H

#include <stdbool.h>

/* False if the layer is not loaded: then nothing can be made to fail. */
bool test_faults_available(void);
/* The call-th wrapped call from now on fails with `code`; 0: none. Counting begins anew. */
void test_faults_arm(long call, int code);
long test_faults_calls(void);
/* The name of the call that failed, or NULL. */
const char *test_faults_failed(void);

#endif
