/* Wrong calls on plans: enqueue, bind, describe, destroy, workspace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "device/plan_builder.h"
#include "test_json.h"
#include "test_session.h"

#define COUNT 24

/* A good in-place forward plan on a buffer of its own, and a second context with queue and buffer.
 */
typedef struct scene {
    const test_session *session;
    cl_mem buffer;
    clf_plan *plan;
    cl_context foreign;
    cl_command_queue foreign_queue;
    cl_mem foreign_buffer;
    long live_before;
} scene;

static const int64_t shape[] = {3, 8};

static clf_plan *plan_in_place(const test_session *session, cl_mem buffer) {
    const clf_tensor x = clf_tensor_contiguous(buffer, CLF_DTYPE_FP32, 2, shape);
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    clf_plan *plan = NULL;
    args.x = args.y = &x;
    test_succeeds(clf_scaled_masked_softmax_plan(session->device, &args, &plan));
    return plan;
}

static scene scene_open(void **state) {
    scene all;
    cl_int code = CL_SUCCESS;
    memset(&all, 0, sizeof all);
    all.session = (const test_session *)*state;
    all.live_before = test_live_objects();
    all.buffer = clCreateBuffer(all.session->context, CL_MEM_READ_WRITE, COUNT * 4, NULL, &code);
    all.plan = plan_in_place(all.session, all.buffer);
    all.foreign = clCreateContext(NULL, 1, &all.session->id, NULL, NULL, &code);
    all.foreign_queue = clCreateCommandQueue(all.foreign, all.session->id, 0, &code);
    all.foreign_buffer = clCreateBuffer(all.foreign, CL_MEM_READ_WRITE, 4096, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    return all;
}

/* The plan must still work, and nothing be left behind. */
static void scene_close(scene *all) {
    test_succeeds(clf_plan_enqueue(all->plan, all->session->queue, NULL, 0, NULL, NULL));
    assert_int_equal(clFinish(all->session->queue), CL_SUCCESS);
    clf_plan_destroy(all->plan);
    clReleaseMemObject(all->buffer);
    clReleaseMemObject(all->foreign_buffer);
    clReleaseCommandQueue(all->foreign_queue);
    clReleaseContext(all->foreign);
    if (test_live_objects() > all->live_before + 4) { /* the device may keep one more program */
        fail_msg("left behind: %s", test_live_objects_text());
    }
}

static void expect_enqueue(clf_plan *plan, cl_command_queue queue, cl_mem workspace,
                           cl_uint num_wait, const cl_event *wait, clf_status expected,
                           const char *first, const char *second) {
    cl_event done = (cl_event)(uintptr_t)1;
    test_expect_status(clf_plan_enqueue(plan, queue, workspace, num_wait, wait, &done), expected);
    assert_null(done);
    test_expect_contains(clf_last_error(), first);
    test_expect_contains(clf_last_error(), second);
}

/* ---- Enqueue ---- */

static void test_enqueue_null_arguments_are_refused(void **state) {
    scene all = scene_open(state);
    expect_enqueue(NULL, all.session->queue, NULL, 0, NULL, CLF_ERR_PARAM_NULLPTR, "plan is NULL",
                   "required");
    expect_enqueue(all.plan, NULL, NULL, 0, NULL, CLF_ERR_PARAM_NULLPTR, "queue is NULL",
                   "required");
    scene_close(&all);
}

static void test_enqueue_foreign_queue_is_refused(void **state) {
    scene all = scene_open(state);
    expect_enqueue(all.plan, all.foreign_queue, NULL, 0, NULL, CLF_ERR_PARAM_INVALID, "queue",
                   "another context");
    scene_close(&all);
}

static void test_enqueue_wait_list_that_does_not_match_is_refused(void **state) {
    scene all = scene_open(state);
    cl_int code = CL_SUCCESS;
    const cl_event event = clCreateUserEvent(all.session->context, &code);
    const cl_event with_hole[] = {event, NULL};
    clSetUserEventStatus(event, CL_COMPLETE);
    expect_enqueue(all.plan, all.session->queue, NULL, 2, NULL, CLF_ERR_PARAM_NULLPTR,
                   "wait is NULL", "2");
    expect_enqueue(all.plan, all.session->queue, NULL, 0, &event, CLF_ERR_PARAM_INVALID, "num_wait",
                   "NULL with 0");
    expect_enqueue(all.plan, all.session->queue, NULL, 2, with_hole, CLF_ERR_PARAM_NULLPTR,
                   "wait[1] is NULL", "event");
    clReleaseEvent(event);
    scene_close(&all);
}

static void test_enqueue_event_of_another_context_is_refused(void **state) {
    scene all = scene_open(state);
    cl_int code = CL_SUCCESS;
    const cl_event own = clCreateUserEvent(all.session->context, &code);
    const cl_event foreign = clCreateUserEvent(all.foreign, &code);
    const cl_event wait[] = {own, foreign};
    clSetUserEventStatus(own, CL_COMPLETE);
    clSetUserEventStatus(foreign, CL_COMPLETE);
    expect_enqueue(all.plan, all.session->queue, NULL, 2, wait, CLF_ERR_PARAM_INVALID, "wait[1]",
                   "another context");
    clReleaseEvent(own);
    clReleaseEvent(foreign);
    scene_close(&all);
}

static void test_enqueue_unbound_slot_is_refused(void **state) {
    scene all = scene_open(state);
    clf_plan *unbound = plan_in_place(all.session, NULL);
    expect_enqueue(unbound, all.session->queue, NULL, 0, NULL, CLF_ERR_PARAM_NULLPTR, "x is NULL",
                   "clf_plan_bind");
    clf_plan_destroy(unbound);
    scene_close(&all);
}

/* ---- Workspace: the softmax operators need none, so that a plan is made by hand ---- */

static void test_enqueue_bad_workspace_is_refused(void **state) {
    scene all = scene_open(state);
    clf_plan *plan = NULL;
    cl_int code = CL_SUCCESS;
    test_succeeds(clf_i_plan_create(all.session->device, "test_operator", &plan));
    assert_int_equal(clf_i_plan_reserve_workspace(plan, 1000), 0);
    const size_t second = clf_i_plan_reserve_workspace(plan, 1);
    assert_true(second >= 1000 && second % 128 == 0);
    test_succeeds(clf_i_plan_finish(plan));
    const size_t size = clf_plan_workspace_size(plan);
    assert_true(size > second);
    cl_mem small = clCreateBuffer(all.session->context, CL_MEM_READ_WRITE, size - 1, NULL, &code);
    cl_mem right = clCreateBuffer(all.session->context, CL_MEM_READ_WRITE, size, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    char needed[64];
    snprintf(needed, sizeof needed, "%zu or more", size);
    expect_enqueue(plan, all.session->queue, small, 0, NULL, CLF_ERR_PARAM_INVALID, "workspace has",
                   needed);
    expect_enqueue(plan, all.session->queue, all.foreign_buffer, 0, NULL, CLF_ERR_PARAM_INVALID,
                   "workspace", "another context");
    test_succeeds(clf_plan_enqueue(plan, all.session->queue, right, 0, NULL, NULL));
    test_succeeds(clf_plan_enqueue(plan, all.session->queue, NULL, 0, NULL, NULL));
    clFinish(all.session->queue);
    clf_plan_destroy(plan);
    clReleaseMemObject(small);
    clReleaseMemObject(right);
    scene_close(&all);
}

static void test_enqueue_small_workspace_is_enough_where_none_is_needed(void **state) {
    scene all = scene_open(state);
    cl_int code = CL_SUCCESS;
    assert_int_equal(clf_plan_workspace_size(all.plan), 0);
    assert_int_equal(clf_plan_workspace_size(NULL), 0);
    cl_mem one = clCreateBuffer(all.session->context, CL_MEM_READ_WRITE, 1, NULL, &code);
    test_succeeds(clf_plan_enqueue(all.plan, all.session->queue, one, 0, NULL, NULL));
    clFinish(all.session->queue);
    clReleaseMemObject(one);
    scene_close(&all);
}

/* ---- Bind ---- */

static void expect_bind(clf_plan *plan, int slot, cl_mem buffer, size_t offset, clf_status expected,
                        const char *first, const char *second) {
    test_expect_status(clf_plan_bind(plan, (clf_slot)slot, buffer, offset), expected);
    test_expect_contains(clf_last_error(), first);
    test_expect_contains(clf_last_error(), second);
}

static void test_bind_bad_arguments_are_refused_and_keep_the_binding(void **state) {
    scene all = scene_open(state);
    cl_int code = CL_SUCCESS;
    cl_mem small =
        clCreateBuffer(all.session->context, CL_MEM_READ_WRITE, COUNT * 4 - 1, NULL, &code);
    cl_mem write_only =
        clCreateBuffer(all.session->context, CL_MEM_WRITE_ONLY, COUNT * 4, NULL, &code);
    cl_mem read_only =
        clCreateBuffer(all.session->context, CL_MEM_READ_ONLY, COUNT * 4, NULL, &code);
    const clf_status invalid = CLF_ERR_PARAM_INVALID;
    expect_bind(NULL, CLF_SLOT_X, all.buffer, 0, CLF_ERR_PARAM_NULLPTR, "plan is NULL", "required");
    expect_bind(all.plan, CLF_SLOT_X, NULL, 0, CLF_ERR_PARAM_NULLPTR, "buffer is NULL", "required");
    expect_bind(all.plan, CLF_SLOT_MASK, all.buffer, 0, invalid, "slot is 2", "does not have");
    expect_bind(all.plan, CLF_SLOT_GRAD_X, all.buffer, 0, invalid, "slot is 5", "does not have");
    expect_bind(all.plan, 0, all.buffer, 0, invalid, "slot is 0", "does not have");
    expect_bind(all.plan, 77, all.buffer, 0, invalid, "slot is 77", "does not have");
    expect_bind(all.plan, -1, all.buffer, 0, invalid, "slot is -1", "does not have");
    expect_bind(all.plan, CLF_SLOT_X, small, 0, invalid, "95 bytes", "96 bytes or more");
    expect_bind(all.plan, CLF_SLOT_X, all.buffer, 1, invalid, "96 bytes", "offset 1");
    expect_bind(all.plan, CLF_SLOT_X, all.buffer, SIZE_MAX, invalid, "96 bytes",
                "offset 18446744073709551615");
    expect_bind(all.plan, CLF_SLOT_X, all.foreign_buffer, 0, invalid, "x is of another context",
                "accepted");
    expect_bind(all.plan, CLF_SLOT_X, write_only, 0, invalid, "x is CL_MEM_WRITE_ONLY", "read");
    expect_bind(all.plan, CLF_SLOT_Y, read_only, 0, invalid, "y is CL_MEM_READ_ONLY", "write");
    clReleaseMemObject(small);
    clReleaseMemObject(write_only);
    clReleaseMemObject(read_only);
    scene_close(&all);
}

static void test_bind_overlap_is_found_when_enqueued(void **state) {
    scene all = scene_open(state);
    cl_int code = CL_SUCCESS;
    cl_mem large = clCreateBuffer(all.session->context, CL_MEM_READ_WRITE, 4096, NULL, &code);
    /* Half way between two in-place bindings the tensors are apart, which is fine. */
    test_succeeds(clf_plan_bind(all.plan, CLF_SLOT_X, large, 0));
    test_succeeds(clf_plan_enqueue(all.plan, all.session->queue, NULL, 0, NULL, NULL));
    test_succeeds(clf_plan_bind(all.plan, CLF_SLOT_Y, large, 5));
    expect_enqueue(all.plan, all.session->queue, NULL, 0, NULL, CLF_ERR_PARAM_INVALID,
                   "y overlaps x", "in place");
    test_succeeds(clf_plan_bind(all.plan, CLF_SLOT_Y, large, COUNT));
    test_succeeds(clf_plan_enqueue(all.plan, all.session->queue, NULL, 0, NULL, NULL));
    clFinish(all.session->queue);
    clReleaseMemObject(large);
    scene_close(&all);
}

/* ---- Describe and destroy ---- */

static void test_describe_small_capacity_is_refused_and_writes_nothing(void **state) {
    scene all = scene_open(state);
    size_t needed = 0;
    test_succeeds(clf_plan_describe(all.plan, NULL, &needed));
    assert_true(needed > 10);
    char *text = (char *)malloc(needed + 1);
    assert_non_null(text);
    const size_t capacities[] = {0, 1, needed - 1};
    for (size_t i = 0; i < 3; i++) {
        memset(text, '#', needed + 1);
        size_t size = capacities[i];
        test_expect_status(clf_plan_describe(all.plan, text, &size), CLF_ERR_PARAM_INVALID);
        assert_int_equal(size, needed);
        for (size_t j = 0; j <= needed; j++) {
            assert_int_equal(text[j], '#');
        }
        test_expect_contains(clf_last_error(), "size is");
    }
    size_t size = needed;
    test_succeeds(clf_plan_describe(all.plan, text, &size));
    assert_int_equal(strlen(text), needed - 1);
    assert_int_equal(text[needed], '#');
    free(text);
    scene_close(&all);
}

static void test_describe_null_arguments_are_refused(void **state) {
    scene all = scene_open(state);
    size_t size = 0;
    test_expect_status(clf_plan_describe(NULL, NULL, &size), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "plan is NULL");
    test_expect_status(clf_plan_describe(all.plan, NULL, NULL), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "size is NULL");
    scene_close(&all);
}

static void test_destroy_null_is_allowed(void **state) {
    (void)state;
    clf_plan_destroy(NULL);
    clf_device_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enqueue_null_arguments_are_refused),
        cmocka_unit_test(test_enqueue_foreign_queue_is_refused),
        cmocka_unit_test(test_enqueue_wait_list_that_does_not_match_is_refused),
        cmocka_unit_test(test_enqueue_event_of_another_context_is_refused),
        cmocka_unit_test(test_enqueue_unbound_slot_is_refused),
        cmocka_unit_test(test_enqueue_bad_workspace_is_refused),
        cmocka_unit_test(test_enqueue_small_workspace_is_enough_where_none_is_needed),
        cmocka_unit_test(test_bind_bad_arguments_are_refused_and_keep_the_binding),
        cmocka_unit_test(test_bind_overlap_is_found_when_enqueued),
        cmocka_unit_test(test_describe_small_capacity_is_refused_and_writes_nothing),
        cmocka_unit_test(test_describe_null_arguments_are_refused),
        cmocka_unit_test(test_destroy_null_is_allowed),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
