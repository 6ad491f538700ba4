/* Every OpenCL call of every library call fails once: the status is an error that names the call
 * (or the call was one the library can do without), nothing is left, and the next call works. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "softmax_case.h"
#include "test_faults.h"

typedef clf_status (*scenario)(const test_session *session, softmax_tensors *tensors);

static clf_status run_plan(clf_device *device, const test_session *session,
                           softmax_tensors *tensors) {
    softmax_case tested = softmax_case_default();
    clf_plan *plan = NULL;
    cl_event done = NULL;
    tested.mask_form = TEST_MASK_FULL;
    clf_status status = softmax_tensors_plan(tensors, &tested, device, &plan);
    assert_int_equal(plan != NULL, status == CLF_SUCCESS);
    if (status == CLF_SUCCESS) {
        status =
            clf_plan_bind(plan, CLF_SLOT_X, tensors->input.view.buffer, tensors->input.view.offset);
    }
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, &done);
        assert_int_equal(done != NULL, status == CLF_SUCCESS);
    }
    if (done != NULL) {
        clReleaseEvent(done);
    }
    clf_plan_destroy(plan);
    return status;
}

static clf_status open_device(const test_session *session, softmax_tensors *tensors) {
    clf_device *device = NULL;
    (void)session;
    (void)tensors;
    const clf_status status = clf_device_open(NULL, &device);
    assert_int_equal(device != NULL, status == CLF_SUCCESS);
    clf_device_destroy(device);
    return status;
}

static clf_status use_created_device(const test_session *session, softmax_tensors *tensors) {
    clf_device *device = NULL;
    clf_status status = clf_device_create(session->context, session->id, &device);
    assert_int_equal(device != NULL, status == CLF_SUCCESS);
    if (status == CLF_SUCCESS) {
        status = run_plan(device, session, tensors);
    }
    clf_device_destroy(device);
    return status;
}

static clf_status use_warm_device(const test_session *session, softmax_tensors *tensors) {
    return run_plan(session->device, session, tensors);
}

static void fail_one_call(const test_session *session, softmax_tensors *tensors, scenario body,
                          long number, int code, long live) {
    test_faults_arm(number, code);
    const clf_status status = body(session, tensors);
    const char *failed = test_faults_failed();
    char sentence[600];
    snprintf(sentence, sizeof sentence, "%s", clf_last_error());
    test_faults_arm(0, 0);
    if (status != CLF_SUCCESS && (failed == NULL || strstr(sentence, failed) == NULL)) {
        fail_msg("call %ld (%s) failed: the message does not name it: %s", number,
                 failed != NULL ? failed : "?", sentence);
    }
    clFinish(session->queue);
    if (test_live_objects() != live) {
        fail_msg("call %ld (%s) failed: %s", number, failed != NULL ? failed : "?",
                 test_live_objects_text());
    }
}

static void run_scenario(void **state, scenario body) {
    const test_session *session = (const test_session *)*state;
    static const int codes[] = {CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY};
    softmax_tensors tensors;
    softmax_case tested = softmax_case_default();
    if (!test_faults_available()) {
        print_message("not tested: OPENCL_LAYERS does not name the layer\n");
        skip();
    }
    tested.mask_form = TEST_MASK_FULL;
    softmax_tensors_make(&tensors, &tested);
    softmax_tensors_upload(&tensors, session);
    test_succeeds(body(session, &tensors));
    test_faults_arm(0, 0);
    test_succeeds(body(session, &tensors));
    const long num_calls = test_faults_calls();
    const long live = test_live_objects();
    assert_true(num_calls > 0);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        for (long number = 1; number <= num_calls; number++) {
            fail_one_call(session, &tensors, body, number, codes[i], live);
        }
    }
    test_succeeds(body(session, &tensors));
    printf("%ld calls failed in turn\n", num_calls);
    softmax_tensors_free(&tensors);
}

static void test_opencl_failure_while_opening_is_clean(void **state) {
    run_scenario(state, open_device);
}

static void test_opencl_failure_on_a_new_device_is_clean(void **state) {
    run_scenario(state, use_created_device);
}

static void test_opencl_failure_on_a_warm_device_is_clean(void **state) {
    run_scenario(state, use_warm_device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opencl_failure_while_opening_is_clean),
        cmocka_unit_test(test_opencl_failure_on_a_new_device_is_clean),
        cmocka_unit_test(test_opencl_failure_on_a_warm_device_is_clean),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
