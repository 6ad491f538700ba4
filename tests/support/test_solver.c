/* See test_solver.h. */
#include "test_solver.h"

#include <stdio.h>
#include <string.h>

#include "softmax_case.h"
#include "test_process.h"

static void print_line(clf_log_group group, const char *line, void *user) {
    (void)user;
    printf("log %d: %s\n", (int)group, line);
}

static bool can_plan(const test_session *session) {
    const int64_t shape[] = {2, 8};
    const clf_tensor x = clf_tensor_contiguous(NULL, CLF_DTYPE_FP32, 2, shape);
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    clf_plan *plan = NULL;
    args.x = args.y = &x;
    const clf_status status = clf_scaled_masked_softmax_plan(session->device, &args, &plan);
    if (status != CLF_SUCCESS) {
        printf("not planned: %s: %s\n", clf_status_name(status), clf_last_error());
    }
    clf_plan_destroy(plan);
    return status == CLF_SUCCESS;
}

static int solve(const test_session *session) {
    if (!can_plan(session)) {
        return NOT_PLANNED;
    }
    softmax_case tested = softmax_case_default();
    tested.mask_form = TEST_MASK_FULL;
    bool right = softmax_case_run(session, &tested);
    tested.is_gradient = true;
    tested.dtype = CLF_DTYPE_FP16;
    right = softmax_case_run(session, &tested) && right;
    return right ? SOLVED : SOLVED_WRONG;
}

int test_solver_body(void *unused) {
    test_session session;
    cl_int code = CL_SUCCESS;
    (void)unused;
    memset(&session, 0, sizeof session);
    clf_log_set_callback(print_line, NULL);
    if (clf_device_open(NULL, &session.device) != CLF_SUCCESS) {
        printf("refused: %s\n", clf_last_error());
        return NO_DEVICE;
    }
    session.context = clf_device_context(session.device);
    session.id = clf_device_id(session.device);
    session.queue = clCreateCommandQueue(session.context, session.id, 0, &code);
    int result = code == CL_SUCCESS ? solve(&session) : SOLVED_WRONG;
    clReleaseCommandQueue(session.queue);
    clf_device_destroy(session.device);
    if (test_live_objects() > 0) {
        printf("left behind: %s\n", test_live_objects_text());
        result = SOLVED_WRONG;
    }
    return result;
}

int test_solve(char *text, size_t capacity) {
    return test_child_run(test_solver_body, NULL, text, capacity);
}
