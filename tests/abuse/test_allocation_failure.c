/* Every host allocation of every call fails once, and from then on: a clean error, nothing leaked,
 * and the next call works. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "failing_allocator.h"
#include "softmax_case.h"
#include "test_json.h"

static failing_allocator allocator;

/* What one scenario is about to do; returns the first status that is not success. */
typedef clf_status (*scenario)(const test_session *session, softmax_tensors *tensors);

static clf_status open_device(const test_session *session, softmax_tensors *tensors) {
    clf_device *device = NULL;
    (void)session;
    (void)tensors;
    const clf_status status = clf_device_open(NULL, &device);
    assert_int_equal(device != NULL, status == CLF_SUCCESS);
    clf_device_destroy(device);
    return status;
}

static clf_status create_device(const test_session *session, softmax_tensors *tensors) {
    clf_device *device = NULL;
    (void)tensors;
    const clf_status status = clf_device_create(session->context, session->id, &device);
    assert_int_equal(device != NULL, status == CLF_SUCCESS);
    clf_device_destroy(device);
    return status;
}

static clf_status list_devices(const test_session *session, softmax_tensors *tensors) {
    size_t size = 0;
    (void)session;
    (void)tensors;
    return clf_device_list(NULL, &size);
}

static clf_status describe_device(const test_session *session, softmax_tensors *tensors) {
    size_t size = 0;
    (void)tensors;
    return clf_device_describe(session->device, NULL, &size);
}

static clf_status plan_and_run(const test_session *session, softmax_tensors *tensors,
                               bool is_gradient) {
    softmax_case tested = softmax_case_default();
    clf_plan *plan = NULL;
    tested.is_gradient = is_gradient;
    tested.mask_form = TEST_MASK_FULL;
    clf_status status = softmax_tensors_plan(tensors, &tested, session->device, &plan);
    assert_int_equal(plan != NULL, status == CLF_SUCCESS);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL);
    }
    size_t size = 0;
    if (status == CLF_SUCCESS) {
        status = clf_plan_describe(plan, NULL, &size);
    }
    clf_plan_destroy(plan);
    return status;
}

static clf_status plan_forward(const test_session *session, softmax_tensors *tensors) {
    return plan_and_run(session, tensors, false);
}

static clf_status plan_gradient(const test_session *session, softmax_tensors *tensors) {
    return plan_and_run(session, tensors, true);
}

/* On a device without programs: sources, keys, the disk cache and builds allocate, too. */
static clf_status plan_cold(const test_session *session, softmax_tensors *tensors) {
    test_session cold = *session;
    clf_status status = clf_device_create(session->context, session->id, &cold.device);
    if (status == CLF_SUCCESS) {
        status = plan_and_run(&cold, tensors, false);
    }
    clf_device_destroy(cold.device);
    return status;
}

/* In a failed cache a program is built anew: right, and not an error. */
static void check_status(clf_status status, size_t number) {
    if (status != CLF_SUCCESS && status != CLF_ERR_OUT_OF_MEMORY) {
        fail_msg("allocation %zu: %s: %s", number, clf_status_name(status), clf_last_error());
    }
    if (status == CLF_ERR_OUT_OF_MEMORY) {
        test_expect_contains(clf_last_error(), "memory");
    }
}

static void fail_each_allocation(const test_session *session, scenario body, bool is_sticky,
                                 softmax_tensors *tensors) {
    size_t num_failed = 0;
    memset(&allocator, 0, sizeof allocator);
    failing_allocator_install(&allocator);
    test_succeeds(body(session, tensors));
    const size_t num_allocations = allocator.count;
    const long live = test_live_objects();
    failing_allocator_remove();
    for (size_t number = 1; number <= num_allocations; number++) {
        memset(&allocator, 0, sizeof allocator);
        allocator.failing = number;
        allocator.is_sticky = is_sticky;
        failing_allocator_install(&allocator);
        const clf_status status = body(session, tensors);
        allocator.failing = 0;
        check_status(status, number);
        num_failed += status != CLF_SUCCESS;
        clFinish(session->queue);
        if (test_live_objects() > live) {
            fail_msg("allocation %zu: left behind %s", number, test_live_objects_text());
        }
        if (allocator.outstanding != 0) {
            fail_msg("allocation %zu: %ld blocks not released", number, allocator.outstanding);
        }
        failing_allocator_remove();
    }
    test_succeeds(body(session, tensors));
    printf("%zu allocations, %zu of them fatal\n", num_allocations, num_failed);
    assert_true(num_failed > 0 || num_allocations == 0);
}

static void run_scenario(void **state, scenario body, bool is_gradient) {
    const test_session *session = (const test_session *)*state;
    softmax_tensors tensors;
    softmax_case tested = softmax_case_default();
    tested.is_gradient = is_gradient;
    tested.mask_form = TEST_MASK_FULL;
    softmax_tensors_make(&tensors, &tested);
    softmax_tensors_upload(&tensors, session);
    test_succeeds(body(session, &tensors)); /* programs are in memory and on disk now */
    fail_each_allocation(session, body, false, &tensors);
    fail_each_allocation(session, body, true, &tensors);
    softmax_tensors_free(&tensors);
}

static void test_allocation_failure_in_device_open_is_clean(void **state) {
    run_scenario(state, open_device, false);
}

static void test_allocation_failure_in_device_create_is_clean(void **state) {
    run_scenario(state, create_device, false);
}

static void test_allocation_failure_in_device_list_is_clean(void **state) {
    run_scenario(state, list_devices, false);
}

static void test_allocation_failure_in_device_describe_is_clean(void **state) {
    run_scenario(state, describe_device, false);
}

static void test_allocation_failure_in_forward_is_clean(void **state) {
    run_scenario(state, plan_forward, false);
}

static void test_allocation_failure_in_gradient_is_clean(void **state) {
    run_scenario(state, plan_gradient, true);
}

static void test_allocation_failure_on_a_cold_device_is_clean(void **state) {
    run_scenario(state, plan_cold, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocation_failure_in_device_open_is_clean),
        cmocka_unit_test(test_allocation_failure_in_device_create_is_clean),
        cmocka_unit_test(test_allocation_failure_in_device_list_is_clean),
        cmocka_unit_test(test_allocation_failure_in_device_describe_is_clean),
        cmocka_unit_test(test_allocation_failure_in_forward_is_clean),
        cmocka_unit_test(test_allocation_failure_in_gradient_is_clean),
        cmocka_unit_test(test_allocation_failure_on_a_cold_device_is_clean),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
