/* Running FFN cases on a device; see ffn_tensors.h. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "ffn_tensors.h"
#include "storage_types.h"

static const char *const names[TEST_NUM_FFN_OPERANDS] = {"x",
                                                         "weight1",
                                                         "weight2",
                                                         "bias1",
                                                         "bias2",
                                                         "scale",
                                                         "offset",
                                                         "deq_scale1",
                                                         "deq_scale2",
                                                         "antiquant_scale1",
                                                         "antiquant_scale2",
                                                         "antiquant_offset1",
                                                         "antiquant_offset2",
                                                         "expert_tokens_tensor",
                                                         "y"};

void ffn_tensors_upload(ffn_tensors *tensors, const test_session *session) {
    for (int i = 0; i < TEST_NUM_FFN_OPERANDS; i++) {
        test_tensor *memory = &tensors->memory[i];
        if (memory->image != NULL) {
            test_tensor_upload(memory, session,
                               memory->is_output ? CL_MEM_WRITE_ONLY : CL_MEM_READ_ONLY);
            tensors->views[i].buffer = memory->view.buffer;
        }
    }
}

/* Rows of y whose token belongs to no expert are as they were. */
static void check_rows_left(const ffn_tensors *tensors, char *problem, size_t capacity) {
    const test_tensor *y = &tensors->memory[TEST_FFN_Y];
    const size_t size = oracle_dtype_size(y->view.dtype);
    const int64_t width = y->view.shape[y->view.rank - 1];
    oracle_ffn reference;
    ffn_tensors_open_oracle(tensors, &reference);
    for (int64_t i = 0; i < test_tensor_count(y); i++) {
        const size_t place = test_tensor_place(y, i);
        if (oracle_ffn_expert(&reference, i / width) < 0 &&
            memcmp(y->image + place, y->result + place, size) != 0) {
            snprintf(problem, capacity, "y: token %lld belongs to no expert, but was written",
                     (long long)(i / width));
            break;
        }
    }
    oracle_ffn_close(&reference);
}

void ffn_tensors_read(ffn_tensors *tensors, const test_session *session, char *problem,
                      size_t capacity) {
    problem[0] = '\0';
    for (int i = 0; i < TEST_NUM_FFN_OPERANDS && problem[0] == '\0'; i++) {
        test_tensor *memory = &tensors->memory[i];
        if (memory->image != NULL) {
            test_tensor_read(memory, session);
            const char *damage = test_tensor_damage(memory);
            if (damage != NULL) {
                snprintf(problem, capacity, "%s: %s", names[i], damage);
            }
        }
    }
    if (problem[0] == '\0' && tensors->args.expert_tokens_tensor != NULL) {
        check_rows_left(tensors, problem, capacity);
    }
}

static void compare(const ffn_tensors *tensors, char *problem, size_t capacity) {
    oracle_ffn reference;
    ffn_tensors_open_oracle(tensors, &reference);
    const oracle_verdict verdict = oracle_check_ffn(&reference, tensors->memory[TEST_FFN_Y].result,
                                                    0, 1, reference.num_tokens);
    oracle_ffn_close(&reference);
    if (!verdict.ok) {
        snprintf(problem, capacity, "%s", verdict.reason);
    }
}

static clf_status enqueue(const test_session *session, const ffn_tensors *tensors) {
    clf_plan *plan = NULL;
    clf_status status = clf_ffn_plan(session->device, &tensors->args, &plan);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL);
    }
    if (status == CLF_SUCCESS) {
        clFinish(session->queue);
    }
    clf_plan_destroy(plan);
    return status;
}

bool ffn_case_run_edited(const test_session *session, const ffn_case *tested, ffn_edit edit) {
    char problem[512] = "";
    ffn_tensors tensors;
    ffn_tensors_make(&tensors, tested);
    if (edit != NULL) {
        edit(&tensors);
    }
    ffn_tensors_upload(&tensors, session);
    const clf_status status = enqueue(session, &tensors);
    if (status != CLF_SUCCESS) {
        snprintf(problem, sizeof problem, "%s: %s", clf_status_name(status), clf_last_error());
    } else {
        ffn_tensors_read(&tensors, session, problem, sizeof problem);
    }
    if (problem[0] == '\0') {
        compare(&tensors, problem, sizeof problem);
    }
    ffn_tensors_free(&tensors);
    if (problem[0] != '\0') {
        char text[1024];
        ffn_case_text(tested, text, sizeof text);
        print_error("case %s\n  %s\n", text, problem);
    }
    return problem[0] == '\0';
}

bool ffn_case_run(const test_session *session, const ffn_case *tested) {
    return ffn_case_run_edited(session, tested, NULL);
}

void ffn_case_execute(const test_session *session, const ffn_case *tested, ffn_edit edit,
                      ffn_tensors *tensors) {
    char problem[512];
    ffn_tensors_make(tensors, tested);
    if (edit != NULL) {
        edit(tensors);
    }
    ffn_tensors_upload(tensors, session);
    test_succeeds(enqueue(session, tensors));
    ffn_tensors_read(tensors, session, problem, sizeof problem);
    if (problem[0] != '\0') {
        fail_msg("%s", problem);
    }
}
