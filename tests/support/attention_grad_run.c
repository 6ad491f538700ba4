/* Running cases of attention's gradient on a device; see attention_grad_tensors.h. */
#include <stdio.h>
#include <string.h>

#include "attention_grad_tensors.h"
#include "cmocka_all.h"

void attention_grad_tensors_upload(attention_grad_tensors *tensors, const test_session *session) {
    attention_grad_named list[TEST_NUM_ATTENTION_GRAD_TENSORS];
    attention_grad_tensors_list(tensors, list);
    for (int i = 0; i < TEST_NUM_ATTENTION_GRAD_TENSORS; i++) {
        if (list[i].tensor->image != NULL) {
            test_tensor_upload(list[i].tensor, session,
                               list[i].tensor->is_output ? CL_MEM_WRITE_ONLY : CL_MEM_READ_ONLY);
        }
    }
}

void attention_grad_tensors_read(attention_grad_tensors *tensors, const test_session *session,
                                 char *problem, size_t capacity) {
    attention_grad_named list[TEST_NUM_ATTENTION_GRAD_TENSORS];
    attention_grad_tensors_list(tensors, list);
    problem[0] = '\0';
    for (int i = 0; i < TEST_NUM_ATTENTION_GRAD_TENSORS && problem[0] == '\0'; i++) {
        if (list[i].tensor->image != NULL) {
            test_tensor_read(list[i].tensor, session);
            const char *damage = test_tensor_damage(list[i].tensor);
            if (damage != NULL) {
                snprintf(problem, capacity, "%s: %s", list[i].name, damage);
            }
        }
    }
}

static void compare(attention_grad_tensors *tensors, char *problem, size_t capacity) {
    oracle_attention_grad reference;
    attention_grad_tensors_open_oracle(tensors, &reference);
    for (int of = 0; of < ORACLE_NUM_GRADIENTS && problem[0] == '\0'; of++) {
        const oracle_gradient which = (oracle_gradient)of;
        if (tensors->gradients[of].image != NULL) {
            const oracle_verdict verdict =
                oracle_check_attention_grad(&reference, which, tensors->gradients[of].result, 0, 1,
                                            oracle_attention_grad_num_rows(&reference, which));
            snprintf(problem, capacity, "%s", verdict.reason);
        }
    }
    oracle_attention_grad_close(&reference);
}

static clf_status enqueue(const test_session *session, attention_grad_tensors *tensors) {
    clf_plan *plan = NULL;
    clf_status status = clf_flash_attention_grad_plan(session->device, &tensors->args, &plan);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL);
    }
    if (status == CLF_SUCCESS) {
        clFinish(session->queue);
    }
    clf_plan_destroy(plan);
    return status;
}

void attention_grad_tensors_execute(const test_session *session, attention_grad_tensors *tensors) {
    char problem[512];
    attention_grad_tensors_upload(tensors, session);
    test_succeeds(enqueue(session, tensors));
    attention_grad_tensors_read(tensors, session, problem, sizeof problem);
    if (problem[0] != '\0') {
        fail_msg("%s", problem);
    }
}

bool attention_grad_case_run(const test_session *session, const attention_case *tested) {
    char problem[512] = "";
    attention_grad_tensors tensors;
    attention_grad_tensors_make(&tensors, tested);
    attention_grad_tensors_upload(&tensors, session);
    const clf_status status = enqueue(session, &tensors);
    if (status != CLF_SUCCESS) {
        snprintf(problem, sizeof problem, "%s: %s", clf_status_name(status), clf_last_error());
    } else {
        attention_grad_tensors_read(&tensors, session, problem, sizeof problem);
    }
    if (problem[0] == '\0') {
        compare(&tensors, problem, sizeof problem);
    }
    attention_grad_tensors_free(&tensors);
    if (problem[0] != '\0') {
        char text[1024];
        attention_case_text(tested, text, sizeof text);
        print_error("case %s\n  %s\n", text, problem);
    }
    return problem[0] == '\0';
}
