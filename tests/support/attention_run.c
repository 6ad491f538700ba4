/* Running attention cases on a device; see attention_tensors.h. */
#include <stdio.h>
#include <string.h>

#include "attention_tensors.h"
#include "cmocka_all.h"

#define NUM_TENSORS 9

typedef struct named_tensor {
    const char *name;
    test_tensor *tensor;
} named_tensor;

static void list_tensors(attention_tensors *tensors, named_tensor list[NUM_TENSORS]) {
    const named_tensor all[NUM_TENSORS] = {
        {"query", &tensors->query},         {"key", &tensors->key},
        {"value", &tensors->value},         {"pse", &tensors->pse},
        {"drop_mask", &tensors->drop_mask}, {"atten_mask", &tensors->atten_mask},
        {"attention_out", &tensors->out},   {"softmax_max", &tensors->max},
        {"softmax_sum", &tensors->sum},
    };
    memcpy(list, all, sizeof all);
}

void attention_tensors_upload(attention_tensors *tensors, const test_session *session) {
    named_tensor list[NUM_TENSORS];
    list_tensors(tensors, list);
    for (int i = 0; i < NUM_TENSORS; i++) {
        if (list[i].tensor->image != NULL) {
            test_tensor_upload(list[i].tensor, session,
                               list[i].tensor->is_output ? CL_MEM_WRITE_ONLY : CL_MEM_READ_ONLY);
        }
    }
}

void attention_tensors_read(attention_tensors *tensors, const test_session *session, char *problem,
                            size_t capacity) {
    named_tensor list[NUM_TENSORS];
    list_tensors(tensors, list);
    problem[0] = '\0';
    for (int i = 0; i < NUM_TENSORS && problem[0] == '\0'; i++) {
        if (list[i].tensor->image != NULL) {
            test_tensor_read(list[i].tensor, session);
            const char *damage = test_tensor_damage(list[i].tensor);
            if (damage != NULL) {
                snprintf(problem, capacity, "%s: %s", list[i].name, damage);
            }
        }
    }
}

static void compare(attention_tensors *tensors, char *problem, size_t capacity) {
    oracle_attention reference;
    attention_tensors_open_oracle(tensors, &reference);
    const oracle_attention_outputs outputs = attention_tensors_outputs(tensors);
    const oracle_verdict verdict =
        oracle_check_attention(&reference, &outputs, 0, 1, oracle_attention_num_rows(&reference));
    oracle_attention_close(&reference);
    if (!verdict.ok) {
        snprintf(problem, capacity, "%s", verdict.reason);
    }
}

static clf_status enqueue(const test_session *session, attention_tensors *tensors) {
    clf_plan *plan = NULL;
    clf_status status = clf_flash_attention_plan(session->device, &tensors->args, &plan);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL);
    }
    if (status == CLF_SUCCESS) {
        clFinish(session->queue);
    }
    clf_plan_destroy(plan);
    return status;
}

bool attention_case_run_edited(const test_session *session, const attention_case *tested,
                               attention_edit edit) {
    char problem[512] = "";
    attention_tensors tensors;
    attention_tensors_make(&tensors, tested);
    if (edit != NULL) {
        edit(&tensors);
    }
    attention_tensors_upload(&tensors, session);
    const clf_status status = enqueue(session, &tensors);
    if (status != CLF_SUCCESS) {
        snprintf(problem, sizeof problem, "%s: %s", clf_status_name(status), clf_last_error());
    } else {
        attention_tensors_read(&tensors, session, problem, sizeof problem);
    }
    if (problem[0] == '\0') {
        compare(&tensors, problem, sizeof problem);
    }
    attention_tensors_free(&tensors);
    if (problem[0] != '\0') {
        char text[1024];
        attention_case_text(tested, text, sizeof text);
        print_error("case %s\n  %s\n", text, problem);
    }
    return problem[0] == '\0';
}

bool attention_case_run(const test_session *session, const attention_case *tested) {
    return attention_case_run_edited(session, tested, NULL);
}

void attention_tensors_execute(const test_session *session, attention_tensors *tensors) {
    char problem[512];
    attention_tensors_upload(tensors, session);
    test_succeeds(enqueue(session, tensors));
    attention_tensors_read(tensors, session, problem, sizeof problem);
    if (problem[0] != '\0') {
        fail_msg("%s", problem);
    }
}

void attention_case_execute(const test_session *session, const attention_case *tested,
                            attention_edit edit, attention_tensors *tensors) {
    attention_tensors_make(tensors, tested);
    if (edit != NULL) {
        edit(tensors);
    }
    attention_tensors_execute(session, tensors);
}

double attention_result_out(const attention_tensors *tensors, int64_t b, int64_t n, int64_t i,
                            int64_t d) {
    const int64_t *shape = tensors->out.view.shape;
    return test_tensor_get_result(&tensors->out,
                                  ((b * shape[1] + n) * shape[2] + i) * shape[3] + d);
}

static double statistic(const test_tensor *tensor, int64_t b, int64_t n, int64_t i) {
    const int64_t *shape = tensor->view.shape;
    return test_tensor_get_result(tensor, ((b * shape[1] + n) * shape[2] + i) * shape[3]);
}

double attention_result_max(const attention_tensors *tensors, int64_t b, int64_t n, int64_t i) {
    return statistic(&tensors->max, b, n, i);
}

double attention_result_sum(const attention_tensors *tensors, int64_t b, int64_t n, int64_t i) {
    return statistic(&tensors->sum, b, n, i);
}
