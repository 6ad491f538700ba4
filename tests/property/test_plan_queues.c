/* Enqueueing: wait lists, events, in-order and out-of-order queues, binding anew, and what outlives
 * what. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "softmax_case.h"
#include "test_json.h"

static void check(softmax_tensors *tensors, const softmax_case *tested,
                  const test_session *session) {
    char problem[512];
    softmax_tensors_check(tensors, tested, session, problem, sizeof problem);
    if (problem[0] != '\0') {
        fail_msg("%s", problem);
    }
}

static cl_int event_status(cl_event event) {
    cl_int status = -1;
    assert_int_equal(
        clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL),
        CL_SUCCESS);
    return status;
}

static cl_command_queue out_of_order_queue(const test_session *session) {
    cl_int code = CL_SUCCESS;
    cl_command_queue queue = clCreateCommandQueue(session->context, session->id,
                                                  CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code == CL_INVALID_QUEUE_PROPERTIES) {
        print_message("this device has no out-of-order queues: tested on an in-order one\n");
        queue = clCreateCommandQueue(session->context, session->id, 0, &code);
    }
    assert_int_equal(code, CL_SUCCESS);
    return queue;
}

static softmax_case small_case(void) {
    softmax_case tested = softmax_case_default();
    tested.mask_form = TEST_MASK_FULL;
    tested.seed = test_seed();
    return tested;
}

/* ---- Events ---- */

static void run_behind_user_event(const test_session *session, cl_command_queue queue) {
    const softmax_case tested = small_case();
    softmax_tensors tensors;
    clf_plan *plan = NULL;
    cl_event done = NULL;
    cl_int code = CL_SUCCESS;
    softmax_tensors_make(&tensors, &tested);
    softmax_tensors_upload(&tensors, session);
    test_succeeds(softmax_tensors_plan(&tensors, &tested, session->device, &plan));
    cl_event gates[2] = {clCreateUserEvent(session->context, &code),
                         clCreateUserEvent(session->context, &code)};
    assert_int_equal(code, CL_SUCCESS);
    test_succeeds(clf_plan_enqueue(plan, queue, NULL, 2, gates, &done));
    assert_non_null(done);
    clFlush(queue);
    assert_true(event_status(done) > CL_COMPLETE);
    assert_int_equal(clSetUserEventStatus(gates[0], CL_COMPLETE), CL_SUCCESS);
    assert_true(event_status(done) > CL_COMPLETE); /* the other gate is closed */
    assert_int_equal(clSetUserEventStatus(gates[1], CL_COMPLETE), CL_SUCCESS);
    assert_int_equal(clWaitForEvents(1, &done), CL_SUCCESS);
    assert_int_equal(event_status(done), CL_COMPLETE);
    check(&tensors, &tested, session);
    for (int i = 0; i < 2; i++) {
        clReleaseEvent(gates[i]);
    }
    clReleaseEvent(done);
    clf_plan_destroy(plan);
    softmax_tensors_free(&tensors);
}

static void test_enqueue_waits_for_events_and_gives_one(void **state) {
    const test_session *session = (const test_session *)*state;
    run_behind_user_event(session, session->queue);
}

static void test_enqueue_out_of_order_waits_for_events_and_gives_one(void **state) {
    const test_session *session = (const test_session *)*state;
    cl_command_queue queue = out_of_order_queue(session);
    run_behind_user_event(session, queue);
    clReleaseCommandQueue(queue);
}

/* ---- Chains ---- */

/* y = softmax(x), then in place y = softmax(y), ten times, ordered by events alone. */
static void test_enqueue_out_of_order_chain_is_ordered_by_events(void **state) {
    const test_session *session = (const test_session *)*state;
    cl_command_queue queue = out_of_order_queue(session);
    const int64_t shape[] = {50, 300};
    test_random random = test_random_from(test_seed());
    test_tensor x = test_tensor_make(CLF_DTYPE_FP32, 2, shape, TEST_CONTIGUOUS, 0);
    test_tensor expected = test_tensor_make(CLF_DTYPE_FP32, 2, shape, TEST_CONTIGUOUS, 0);
    test_tensor_fill_normal(&x, &random, 2.0);
    memcpy(expected.image, x.image, x.num_bytes);
    test_tensor_upload(&x, session, CL_MEM_READ_WRITE);
    test_tensor_upload(&expected, session, CL_MEM_READ_WRITE);
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    clf_plan *plan = NULL;
    clf_plan *blocking = NULL;
    args.x = args.y = &x.view;
    test_succeeds(clf_scaled_masked_softmax_plan(session->device, &args, &plan));
    args.x = args.y = &expected.view;
    test_succeeds(clf_scaled_masked_softmax_plan(session->device, &args, &blocking));
    cl_event previous = NULL;
    for (int i = 0; i < 10; i++) {
        cl_event done = NULL;
        test_succeeds(clf_plan_enqueue(plan, queue, NULL, previous != NULL,
                                       previous != NULL ? &previous : NULL, &done));
        if (previous != NULL) {
            clReleaseEvent(previous);
        }
        previous = done;
        test_succeeds(clf_plan_enqueue(blocking, session->queue, NULL, 0, NULL, NULL));
        clFinish(session->queue);
    }
    assert_int_equal(clWaitForEvents(1, &previous), CL_SUCCESS);
    clReleaseEvent(previous);
    test_tensor_read(&x, session);
    test_tensor_read(&expected, session);
    assert_true(test_tensor_same_results(&x, &expected));
    clf_plan_destroy(plan);
    clf_plan_destroy(blocking);
    clReleaseCommandQueue(queue);
    test_tensor_free(&x);
    test_tensor_free(&expected);
}

/* ---- Empty tensors ---- */

static void test_enqueue_empty_tensor_only_gives_its_event(void **state) {
    const test_session *session = (const test_session *)*state;
    static const int64_t shapes[][3] = {{0, 3, 4}, {2, 0, 4}, {2, 3, 0}, {0, 0, 0}};
    cl_int code = CL_SUCCESS;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int is_bound = 0; is_bound < 2; is_bound++) {
            cl_mem buffer =
                is_bound ? clCreateBuffer(session->context, CL_MEM_READ_WRITE, 16, NULL, &code)
                         : NULL;
            const clf_tensor x = clf_tensor_contiguous(buffer, CLF_DTYPE_FP16, 3, shapes[i]);
            clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
            clf_scaled_masked_softmax_grad_args grad = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
            clf_plan *plans[2] = {NULL, NULL};
            args.x = args.y = &x;
            grad.grad_output = grad.y = grad.grad_x = &x;
            test_succeeds(clf_scaled_masked_softmax_plan(session->device, &args, &plans[0]));
            test_succeeds(clf_scaled_masked_softmax_grad_plan(session->device, &grad, &plans[1]));
            for (int p = 0; p < 2; p++) {
                cl_event done = NULL;
                cl_event gate = clCreateUserEvent(session->context, &code);
                test_succeeds(clf_plan_enqueue(plans[p], session->queue, NULL, 1, &gate, &done));
                assert_non_null(done);
                assert_true(event_status(done) > CL_COMPLETE);
                clSetUserEventStatus(gate, CL_COMPLETE);
                assert_int_equal(clWaitForEvents(1, &done), CL_SUCCESS);
                clReleaseEvent(gate);
                clReleaseEvent(done);
                test_succeeds(clf_plan_enqueue(plans[p], session->queue, NULL, 0, NULL, NULL));
                json_decref(test_plan_json(plans[p]));
                clf_plan_destroy(plans[p]);
            }
            if (buffer != NULL) {
                clReleaseMemObject(buffer);
            }
        }
    }
}

/* ---- Binding ---- */

static void test_bind_unbound_plan_runs_once_all_slots_are_bound(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int gradient = 0; gradient < 2; gradient++) {
        softmax_case tested = small_case();
        softmax_tensors tensors;
        clf_plan *plan = NULL;
        tested.is_gradient = gradient != 0;
        softmax_tensors_make(&tensors, &tested);
        test_succeeds(softmax_tensors_plan(&tensors, &tested, session->device, &plan));
        test_expect_status(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL),
                           CLF_ERR_PARAM_NULLPTR);
        softmax_tensors_upload(&tensors, session);
        const struct {
            clf_slot slot;
            const test_tensor *tensor;
        } slots[] = {
            {gradient ? CLF_SLOT_GRAD_OUTPUT : CLF_SLOT_X, &tensors.input},
            {CLF_SLOT_MASK, &tensors.mask},
            {gradient ? CLF_SLOT_GRAD_X : CLF_SLOT_Y, tensors.result},
            {CLF_SLOT_Y, &tensors.y},
        };
        for (int i = 0; i < (gradient ? 4 : 3); i++) {
            test_expect_status(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL),
                               CLF_ERR_PARAM_NULLPTR);
            test_succeeds(clf_plan_bind(plan, slots[i].slot, slots[i].tensor->view.buffer,
                                        slots[i].tensor->view.offset));
        }
        test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
        check(&tensors, &tested, session);
        clf_plan_destroy(plan);
        softmax_tensors_free(&tensors);
    }
}

/* Plans once, runs for three sets of tensors, all of it enqueued before anything completes. */
static void test_bind_work_already_enqueued_keeps_its_buffers(void **state) {
    const test_session *session = (const test_session *)*state;
    softmax_case tested = small_case();
    softmax_tensors sets[3];
    clf_plan *plan = NULL;
    cl_int code = CL_SUCCESS;
    cl_event gate = clCreateUserEvent(session->context, &code);
    for (int i = 0; i < 3; i++) {
        tested.seed = test_seed() + (uint64_t)i;
        softmax_tensors_make(&sets[i], &tested);
        softmax_tensors_upload(&sets[i], session);
        if (i == 0) {
            test_succeeds(softmax_tensors_plan(&sets[i], &tested, session->device, &plan));
        } else {
            test_succeeds(clf_plan_bind(plan, CLF_SLOT_X, sets[i].input.view.buffer,
                                        sets[i].input.view.offset));
            test_succeeds(clf_plan_bind(plan, CLF_SLOT_MASK, sets[i].mask.view.buffer,
                                        sets[i].mask.view.offset));
            test_succeeds(clf_plan_bind(plan, CLF_SLOT_Y, sets[i].result->view.buffer,
                                        sets[i].result->view.offset));
        }
        test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 1, &gate, NULL));
    }
    clf_plan_destroy(plan);
    clSetUserEventStatus(gate, CL_COMPLETE);
    clReleaseEvent(gate);
    clFinish(session->queue);
    for (int i = 0; i < 3; i++) {
        tested.seed = test_seed() + (uint64_t)i;
        check(&sets[i], &tested, session);
        softmax_tensors_free(&sets[i]);
    }
}

/* Another offset in the same buffers: rows 2..4 instead of 0..2. */
static void test_bind_offset_moves_the_view(void **state) {
    const test_session *session = (const test_session *)*state;
    const int64_t whole[] = {5, 70};
    const int64_t part[] = {3, 70};
    test_random random = test_random_from(test_seed());
    test_tensor x = test_tensor_make(CLF_DTYPE_FP32, 2, whole, TEST_CONTIGUOUS, 1);
    test_tensor y = test_tensor_make(CLF_DTYPE_FP32, 2, whole, TEST_CONTIGUOUS, 2);
    test_tensor_fill_normal(&x, &random, 2.0);
    test_tensor_upload(&x, session, CL_MEM_READ_ONLY);
    test_tensor_upload(&y, session, CL_MEM_READ_WRITE);
    clf_tensor x_part = clf_tensor_contiguous(x.view.buffer, CLF_DTYPE_FP32, 2, part);
    clf_tensor y_part = clf_tensor_contiguous(y.view.buffer, CLF_DTYPE_FP32, 2, part);
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    clf_plan *plan = NULL;
    x_part.offset = x.view.offset;
    y_part.offset = y.view.offset;
    args.x = &x_part;
    args.y = &y_part;
    test_succeeds(clf_scaled_masked_softmax_plan(session->device, &args, &plan));
    test_succeeds(clf_plan_bind(plan, CLF_SLOT_X, x.view.buffer, x.view.offset + 140));
    test_succeeds(clf_plan_bind(plan, CLF_SLOT_Y, y.view.buffer, y.view.offset + 140));
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    test_tensor_read(&y, session);
    oracle_softmax problem;
    memset(&problem, 0, sizeof problem);
    problem.x = test_tensor_input(&x);
    problem.scale = 1.0;
    const oracle_tensor result = test_tensor_output(&y);
    const oracle_verdict verdict = oracle_check_softmax(&problem, &result, 2, 3);
    if (!verdict.ok) {
        fail_msg("%s", verdict.reason);
    }
    for (int64_t i = 0; i < 140; i++) {
        assert_true(test_tensor_get_result(&y, i) == 0.0);
    }
    clf_plan_destroy(plan);
    test_tensor_free(&x);
    test_tensor_free(&y);
}

/* ---- What outlives what ---- */

static void test_plan_buffers_may_be_released_once_the_plan_exists(void **state) {
    const test_session *session = (const test_session *)*state;
    const softmax_case tested = small_case();
    softmax_tensors tensors;
    clf_plan *plan = NULL;
    softmax_tensors_make(&tensors, &tested);
    softmax_tensors_upload(&tensors, session);
    test_succeeds(softmax_tensors_plan(&tensors, &tested, session->device, &plan));
    clReleaseMemObject(tensors.input.view.buffer);
    clReleaseMemObject(tensors.mask.view.buffer);
    tensors.input.view.buffer = NULL;
    tensors.mask.view.buffer = NULL;
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    clf_plan_destroy(plan);
    test_tensor_read(tensors.result, session);
    assert_null(test_tensor_damage(tensors.result));
    oracle_softmax problem;
    memset(&problem, 0, sizeof problem);
    problem.x = test_tensor_input(&tensors.input);
    problem.mask = &tensors.oracle_mask;
    problem.scale = tested.scale;
    const oracle_tensor result = test_tensor_output(tensors.result);
    assert_true(oracle_check_softmax(&problem, &result, 0, 3).ok);
    softmax_tensors_free(&tensors);
}

static void test_device_destroyed_with_work_enqueued_completes_it(void **state) {
    const test_session *session = (const test_session *)*state;
    const softmax_case tested = small_case();
    softmax_tensors tensors;
    clf_device *own = NULL;
    clf_plan *plan = NULL;
    cl_int code = CL_SUCCESS;
    softmax_tensors_make(&tensors, &tested);
    softmax_tensors_upload(&tensors, session);
    test_succeeds(clf_device_create(session->context, session->id, &own));
    test_succeeds(softmax_tensors_plan(&tensors, &tested, own, &plan));
    cl_event gate = clCreateUserEvent(session->context, &code);
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 1, &gate, NULL));
    clf_device_destroy(own);
    json_decref(test_plan_json(plan));
    test_expect_status(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL),
                       CLF_ERR_PARAM_INVALID);
    test_expect_contains(clf_last_error(), "destroyed");
    test_expect_status(
        clf_plan_bind(plan, CLF_SLOT_X, tensors.input.view.buffer, tensors.input.view.offset),
        CLF_ERR_PARAM_INVALID);
    clf_plan_destroy(plan);
    clSetUserEventStatus(gate, CL_COMPLETE);
    clReleaseEvent(gate);
    clFinish(session->queue);
    check(&tensors, &tested, session);
    softmax_tensors_free(&tensors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enqueue_waits_for_events_and_gives_one),
        cmocka_unit_test(test_enqueue_out_of_order_waits_for_events_and_gives_one),
        cmocka_unit_test(test_enqueue_out_of_order_chain_is_ordered_by_events),
        cmocka_unit_test(test_enqueue_empty_tensor_only_gives_its_event),
        cmocka_unit_test(test_bind_unbound_plan_runs_once_all_slots_are_bound),
        cmocka_unit_test(test_bind_work_already_enqueued_keeps_its_buffers),
        cmocka_unit_test(test_bind_offset_moves_the_view),
        cmocka_unit_test(test_plan_buffers_may_be_released_once_the_plan_exists),
        cmocka_unit_test(test_device_destroyed_with_work_enqueued_completes_it),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
