/* See test_extensions.h. A device asks once, so it is asked while the variable is set. */
#include "test_extensions.h"

#include <stdlib.h>

#include "cmocka_all.h"

void test_extensions_open(const test_session *session, const char *value, test_session *opened) {
    cl_int code = CL_SUCCESS;
    *opened = *session;
    setenv("CLFORMER_CPU_EXTENSIONS", value, 1);
    test_succeeds(clf_device_create(session->context, session->id, &opened->device));
    for (int i = 0; i < CLF_I_NUM_CPU_EXTENSIONS; i++) {
        (void)clf_i_cpu_extension_refusal(opened->device, (clf_i_cpu_extension)i);
    }
    unsetenv("CLFORMER_CPU_EXTENSIONS");
    opened->queue = clCreateCommandQueue(opened->context, opened->id, 0, &code);
    assert_int_equal(code, CL_SUCCESS);
}

void test_extensions_close(test_session *opened) {
    clReleaseCommandQueue(opened->queue);
    clf_device_destroy(opened->device);
}
