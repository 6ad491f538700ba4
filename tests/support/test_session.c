/* See test_session.h. */
#include "test_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "test_random.h"

void test_environment_prepare(void) {
    setenv("POCL_AFFINITY", "1", 0);
    setenv("POCL_CACHE_DIR", TEST_CACHE_FOLDER "/pocl", 0);
    setenv("CLFORMER_CACHE_DIR", TEST_CACHE_FOLDER "/clformer", 0);
}

static bool variant_is_available(clf_device *device, clf_variant variant) {
    const int64_t shape[] = {1, 8};
    const clf_tensor tensor = clf_tensor_contiguous(NULL, CLF_DTYPE_FP32, 2, shape);
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    clf_plan *plan = NULL;

    args.x = &tensor;
    args.y = &tensor;
    args.variant = variant;
    const clf_status status = clf_scaled_masked_softmax_plan(device, &args, &plan);
    clf_plan_destroy(plan);
    if (status != CLF_SUCCESS) {
        printf("variant %d is not tested here: %s\n", (int)variant, clf_last_error());
    }
    return status == CLF_SUCCESS;
}

static void print_device(const test_session *session) {
    char name[256] = "";
    char version[256] = "";
    clGetDeviceInfo(session->id, CL_DEVICE_NAME, sizeof name, name, NULL);
    clGetDeviceInfo(session->id, CL_DRIVER_VERSION, sizeof version, version, NULL);
    printf("device %s, driver %s, live objects counted: %s\n", name, version,
           test_live_objects() < 0 ? "no (OPENCL_LAYERS does not name the counter)" : "yes");
}

int test_session_begin(void **state) {
    test_environment_prepare();
    (void)test_seed();
    test_session *session = (test_session *)calloc(1, sizeof *session);
    if (session == NULL) {
        return -1;
    }
    *state = session;
    if (clf_device_open(NULL, &session->device) != CLF_SUCCESS) {
        print_error("no device: %s\n", clf_last_error());
        return -1;
    }
    cl_int code = CL_SUCCESS;
    session->context = clf_device_context(session->device);
    session->id = clf_device_id(session->device);
    session->queue = clCreateCommandQueue(session->context, session->id, 0, &code);
    if (code != CL_SUCCESS) {
        print_error("clCreateCommandQueue failed: %d\n", code);
        return -1;
    }
    print_device(session);
    session->has_cpu_variant = variant_is_available(session->device, CLF_VARIANT_CPU);
    return 0;
}

int test_session_end(void **state) {
    test_session *session = (test_session *)*state;
    clFinish(session->queue);
    clReleaseCommandQueue(session->queue);
    clf_device_destroy(session->device);
    free(session);
    if (test_live_objects() > 0) {
        print_error("OpenCL objects left at the end: %s\n", test_live_objects_text());
        return -1;
    }
    return 0;
}

void test_expect_status_at(clf_status status, clf_status expected, const char *expression,
                           const char *file, int line) {
    if (status != expected) {
        print_error("%s\n  is %s, expected %s; last error: %s\n", expression,
                    clf_status_name(status), clf_status_name(expected), clf_last_error());
        _fail(file, line);
    }
}

void test_expect_contains_at(const char *text, const char *part, const char *file, int line) {
    if (strstr(text, part) == NULL) {
        print_error("\"%s\" is not in\n  \"%.700s\"\n", part, text);
        _fail(file, line);
    }
}
