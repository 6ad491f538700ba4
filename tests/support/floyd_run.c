/* See floyd_run.h. */
#include "floyd_run.h"

#include <stdio.h>

#include "cmocka_all.h"

static clf_status enqueue(const test_session *session, const floyd_tensors *tensors) {
    clf_plan *plan = NULL;
    clf_status status = floyd_tensors_plan(tensors, session->device, &plan);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL);
    }
    if (status == CLF_SUCCESS) {
        clFinish(session->queue);
    }
    clf_plan_destroy(plan);
    return status;
}

bool floyd_case_run(const test_session *session, const floyd_case *tested) {
    char problem[512] = "";
    floyd_tensors tensors;
    floyd_tensors_make(&tensors, tested);
    floyd_tensors_upload(&tensors, session);
    const clf_status status = enqueue(session, &tensors);
    if (status != CLF_SUCCESS) {
        snprintf(problem, sizeof problem, "%s: %s", clf_status_name(status), clf_last_error());
    } else {
        floyd_tensors_read(&tensors, session, problem, sizeof problem);
    }
    if (problem[0] == '\0') {
        floyd_tensors_compare(&tensors, problem, sizeof problem);
    }
    floyd_tensors_free(&tensors);
    if (problem[0] != '\0') {
        char text[1024];
        floyd_case_text(tested, text, sizeof text);
        print_error("case %s\n  %s\n", text, problem);
    }
    return problem[0] == '\0';
}
