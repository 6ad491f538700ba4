/* See floyd_run.h. */
#include "floyd_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

size_t floyd_cases_make(const test_session *session, clf_floyd_method method,
                        floyd_case cases[TEST_MOST_FLOYD_WAYS]) {
    const size_t count = session->has_cpu_variant ? 4 : 2;
    for (size_t i = 0; i < count; i++) {
        cases[i] = floyd_case_default();
        cases[i].is_gradient = i % 2 == 1;
        cases[i].method = method;
        cases[i].variant = i < 2 ? CLF_VARIANT_PORTABLE : CLF_VARIANT_CPU;
    }
    return count;
}

clf_status floyd_case_plan(const test_session *session, const floyd_case *tested,
                           clf_plan **out_plan) {
    floyd_tensors tensors;
    floyd_tensors_make(&tensors, tested);
    const clf_status status = floyd_tensors_plan(&tensors, session->device, out_plan);
    floyd_tensors_free(&tensors);
    return status;
}

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

/* ---- Repeated runs ---- */

typedef struct results {
    unsigned char *bytes[TEST_NUM_FLOYD_OPERANDS]; /* NULL: not an output */
} results;

/* Keeps what the run has left in the outputs, or compares it with that. */
static void keep_or_compare(const floyd_tensors *tensors, results *first) {
    for (int operand = 0; operand < TEST_NUM_FLOYD_OPERANDS; operand++) {
        const test_tensor *memory = &tensors->memory[operand];
        if (memory->image == NULL || !memory->is_output) {
            continue;
        }
        if (first->bytes[operand] == NULL) {
            first->bytes[operand] = (unsigned char *)malloc(memory->num_bytes);
            assert_non_null(first->bytes[operand]);
            memcpy(first->bytes[operand], memory->result, memory->num_bytes);
        }
        assert_memory_equal(first->bytes[operand], memory->result, memory->num_bytes);
    }
}

void floyd_case_run_repeatedly(const test_session *session, const floyd_case *tested) {
    char problem[512] = "";
    floyd_tensors tensors;
    clf_plan *plan = NULL;
    results first = {{NULL}};
    floyd_tensors_make(&tensors, tested);
    floyd_tensors_upload(&tensors, session);
    test_succeeds(floyd_tensors_plan(&tensors, session->device, &plan));
    for (int run = 0; run < 20; run++) {
        test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
        floyd_tensors_read(&tensors, session, problem, sizeof problem);
        assert_string_equal(problem, "");
        keep_or_compare(&tensors, &first);
    }
    floyd_tensors_compare(&tensors, problem, sizeof problem);
    assert_string_equal(problem, "");
    for (int operand = 0; operand < TEST_NUM_FLOYD_OPERANDS; operand++) {
        free(first.bytes[operand]);
    }
    clf_plan_destroy(plan);
    floyd_tensors_free(&tensors);
}
