/* See softmax_case.h. */
#include "softmax_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

softmax_case softmax_case_default(void) {
    softmax_case tested;
    memset(&tested, 0, sizeof tested);
    tested.rank = 2;
    tested.shape[0] = 3;
    tested.shape[1] = 33;
    tested.mask_dtype = CLF_DTYPE_BOOL;
    tested.mask_density = 0.3;
    tested.scale = 1.0;
    tested.deviation = 2.0;
    tested.seed = 1;
    return tested;
}

void softmax_case_text(const softmax_case *tested, char *text, size_t capacity) {
    static const char *const forms[TEST_NUM_MASK_FORMS] = {
        "none", "full", "leading", "one_row", "one_column", "fewer_rank", "one", "triangle"};
    static const char *const variants[] = {"auto", "portable", "cpu"};
    static const char *const in_place[] = {"no", "first", "second"};
    size_t length =
        (size_t)snprintf(text, capacity, "%s %s [", tested->is_gradient ? "gradient" : "forward",
                         clf_dtype_name(tested->dtype));
    for (int32_t axis = 0; axis < tested->rank && length < capacity; axis++) {
        length += (size_t)snprintf(text + length, capacity - length, "%s%lld", axis > 0 ? ", " : "",
                                   (long long)tested->shape[axis]);
    }
    if (length < capacity) {
        snprintf(text + length, capacity - length,
                 "] mask=%s axes=%x %s density=%g layouts=%s,%s,%s in_place=%s misalign=%zu "
                 "scale=%g deviation=%g variant=%s seed=%llu",
                 forms[tested->mask_form], tested->mask_axes, clf_dtype_name(tested->mask_dtype),
                 tested->mask_density, test_layout_name(tested->input_layout),
                 test_layout_name(tested->mask_layout), test_layout_name(tested->output_layout),
                 in_place[tested->in_place], tested->misalign, tested->scale, tested->deviation,
                 variants[tested->variant], (unsigned long long)tested->seed);
    }
}

static bool is_broadcast(test_layout layout) {
    return layout == TEST_BROADCAST_ROW || layout == TEST_BROADCAST_ALL;
}

/* Outputs, and the gradient's y, must have a place for each element. */
static test_layout written_layout(test_layout layout) {
    return is_broadcast(layout) ? TEST_CONTIGUOUS : layout;
}

static bool has_mask(const softmax_case *tested) {
    return tested->mask_form != TEST_MASK_NONE && tested->mask_form != TEST_MASK_TRIANGLE;
}

static void make_mask(softmax_tensors *tensors, const softmax_case *tested, test_random *random) {
    int64_t shape[CLF_MAX_RANK];
    int32_t rank = tested->rank;
    memcpy(shape, tested->shape, sizeof shape);
    for (int32_t axis = 0; axis < rank; axis++) {
        const bool leading = tested->mask_form == TEST_MASK_LEADING && axis < rank - 1 &&
                             (tested->mask_axes >> axis & 1) != 0;
        const bool row = tested->mask_form == TEST_MASK_ONE_ROW && axis == rank - 2;
        const bool column = tested->mask_form == TEST_MASK_ONE_COLUMN && axis == rank - 1;
        if (leading || row || column || tested->mask_form == TEST_MASK_ONE) {
            shape[axis] = 1;
        }
    }
    if (tested->mask_form == TEST_MASK_FEWER_RANK) {
        const int32_t kept = rank > 2 ? 1 + (int32_t)(tested->mask_axes & 1) : 1;
        memmove(shape, shape + rank - kept, (size_t)kept * sizeof *shape);
        rank = kept;
    }
    tensors->mask =
        test_tensor_make(tested->mask_dtype, rank, shape, tested->mask_layout, tested->misalign);
    test_tensor_fill_mask(&tensors->mask, random, tested->mask_density);
    tensors->oracle_mask = test_tensor_input(&tensors->mask);
}

static oracle_softmax problem_of(const softmax_tensors *tensors, const softmax_case *tested) {
    oracle_softmax problem;
    memset(&problem, 0, sizeof problem);
    problem.x = test_tensor_input(&tensors->input);
    problem.grad_output = problem.x;
    if (tested->is_gradient) {
        problem.y = test_tensor_input(&tensors->y);
    }
    problem.mask = has_mask(tested) ? &tensors->oracle_mask : NULL;
    problem.scale = tested->scale;
    problem.fixed_triu_mask = tested->mask_form == TEST_MASK_TRIANGLE;
    return problem;
}

/* Fills y with the forward's result for scores of the case's distribution. */
static void make_forward_output(softmax_tensors *tensors, const softmax_case *tested,
                                test_random *random) {
    const int64_t width = tested->shape[tested->rank - 1];
    const test_layout layout = (test_layout)((tested->input_layout + 1) % TEST_BROADCAST_ROW);
    tensors->y =
        test_tensor_make(tested->dtype, tested->rank, tested->shape, layout, tested->misalign);
    test_tensor x =
        test_tensor_make(tested->dtype, tested->rank, tested->shape, TEST_CONTIGUOUS, 0);
    test_tensor_fill_normal(&x, random, tested->deviation);
    oracle_softmax problem = problem_of(tensors, tested);
    problem.x = test_tensor_input(&x);
    double *row = (double *)calloc((size_t)width + 1, sizeof *row);
    assert_non_null(row);
    for (int64_t r = 0; r < oracle_num_rows(&x.view); r++) {
        oracle_softmax_row(&problem, r, row, NULL);
        for (int64_t w = 0; w < width; w++) {
            test_tensor_set(&tensors->y, r * width + w, row[w]);
        }
    }
    free(row);
    test_tensor_free(&x);
}

void softmax_tensors_make(softmax_tensors *tensors, const softmax_case *tested) {
    test_random random = test_random_from(tested->seed);
    memset(tensors, 0, sizeof *tensors);
    tensors->is_gradient = tested->is_gradient;
    const test_layout input_layout = tested->in_place == TEST_IN_PLACE
                                         ? written_layout(tested->input_layout)
                                         : tested->input_layout;
    tensors->input = test_tensor_make(tested->dtype, tested->rank, tested->shape, input_layout,
                                      tested->misalign);
    test_tensor_fill_normal(&tensors->input, &random, tested->deviation);
    if (has_mask(tested)) {
        make_mask(tensors, tested, &random);
    }
    if (tested->is_gradient) {
        make_forward_output(tensors, tested, &random);
    }
    if (tested->in_place == TEST_IN_PLACE) {
        tensors->result = &tensors->input;
    } else if (tested->in_place == TEST_IN_PLACE_SECOND && tested->is_gradient) {
        tensors->result = &tensors->y;
    } else {
        tensors->output =
            test_tensor_make(tested->dtype, tested->rank, tested->shape,
                             written_layout(tested->output_layout), (tested->misalign + 3) % 8);
        tensors->result = &tensors->output;
    }
    tensors->result->is_output = true;
}

void softmax_tensors_upload(softmax_tensors *tensors, const test_session *session) {
    test_tensor *all[] = {&tensors->input, &tensors->y, &tensors->mask, &tensors->output};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->image != NULL) {
            const bool alone = all[i]->is_output && all[i] == &tensors->output;
            test_tensor_upload(all[i], session,
                               alone               ? CL_MEM_WRITE_ONLY
                               : all[i]->is_output ? CL_MEM_READ_WRITE
                                                   : CL_MEM_READ_ONLY);
        }
    }
}

void softmax_tensors_free(softmax_tensors *tensors) {
    test_tensor_free(&tensors->input);
    test_tensor_free(&tensors->y);
    test_tensor_free(&tensors->mask);
    test_tensor_free(&tensors->output);
}

clf_status softmax_tensors_plan(const softmax_tensors *tensors, const softmax_case *tested,
                                clf_device *device, clf_plan **out_plan) {
    const clf_tensor *mask = has_mask(tested) ? &tensors->mask.view : NULL;
    const bool triangle = tested->mask_form == TEST_MASK_TRIANGLE;
    if (tested->is_gradient) {
        clf_scaled_masked_softmax_grad_args args = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
        args.grad_output = &tensors->input.view;
        args.y = &tensors->y.view;
        args.mask = mask;
        args.grad_x = &tensors->result->view;
        args.scale = tested->scale;
        args.fixed_triu_mask = triangle;
        args.variant = tested->variant;
        return clf_scaled_masked_softmax_grad_plan(device, &args, out_plan);
    }
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.x = &tensors->input.view;
    args.mask = mask;
    args.y = &tensors->result->view;
    args.scale = tested->scale;
    args.fixed_triu_mask = triangle;
    args.variant = tested->variant;
    return clf_scaled_masked_softmax_plan(device, &args, out_plan);
}

void softmax_tensors_check(softmax_tensors *tensors, const softmax_case *tested,
                           const test_session *session, char *problem, size_t capacity) {
    test_tensor *all[] = {&tensors->input, &tensors->y, &tensors->mask, &tensors->output};
    static const char *const names[] = {"first input", "y", "mask", "output"};

    problem[0] = '\0';
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->image != NULL) {
            test_tensor_read(all[i], session);
            const char *damage = test_tensor_damage(all[i]);
            if (damage != NULL) {
                snprintf(problem, capacity, "%s: %s", names[i], damage);
                return;
            }
        }
    }
    const oracle_softmax reference = problem_of(tensors, tested);
    const oracle_tensor output = test_tensor_output(tensors->result);
    const int64_t num_rows = oracle_num_rows(&output.view);
    const oracle_verdict verdict = tested->is_gradient
                                       ? oracle_check_softmax_grad(&reference, &output, 0, num_rows)
                                       : oracle_check_softmax(&reference, &output, 0, num_rows);
    if (!verdict.ok) {
        snprintf(problem, capacity, "%s", verdict.reason);
    }
}

static void run_uploaded(softmax_tensors *tensors, const softmax_case *tested,
                         const test_session *session, char *problem, size_t capacity) {
    clf_plan *plan = NULL;
    clf_status status = softmax_tensors_plan(tensors, tested, session->device, &plan);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL);
    }
    if (status == CLF_SUCCESS) {
        softmax_tensors_check(tensors, tested, session, problem, capacity);
    } else {
        snprintf(problem, capacity, "%s: %s", clf_status_name(status), clf_last_error());
    }
    clf_plan_destroy(plan);
}

bool softmax_case_run_edited(const test_session *session, const softmax_case *tested,
                             softmax_edit edit) {
    char problem[512] = "";
    softmax_tensors tensors;
    softmax_tensors_make(&tensors, tested);
    if (edit != NULL) {
        edit(&tensors);
    }
    softmax_tensors_upload(&tensors, session);
    run_uploaded(&tensors, tested, session, problem, sizeof problem);
    softmax_tensors_free(&tensors);
    if (problem[0] != '\0') {
        char text[512];
        softmax_case_text(tested, text, sizeof text);
        print_error("case %s\n  %s\n", text, problem);
    }
    return problem[0] == '\0';
}

bool softmax_case_run(const test_session *session, const softmax_case *tested) {
    return softmax_case_run_edited(session, tested, NULL);
}

void softmax_case_execute(const test_session *session, const softmax_case *tested,
                          softmax_edit edit, softmax_tensors *tensors) {
    clf_plan *plan = NULL;
    softmax_tensors_make(tensors, tested);
    if (edit != NULL) {
        edit(tensors);
    }
    softmax_tensors_upload(tensors, session);
    test_succeeds(softmax_tensors_plan(tensors, tested, session->device, &plan));
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    test_tensor_read(tensors->result, session);
    clf_plan_destroy(plan);
}
