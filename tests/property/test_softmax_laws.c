/* What holds between runs: bits that repeat, monotony, shifts, triangle and explicit mask, in
 * place, and the limits of each variant's shapes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "softmax_case.h"
#include "storage_types.h"

static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};

/* Calls `law` for each dtype, operator and variant. */
static void for_each(void **state, void (*law)(const test_session *, softmax_case)) {
    const test_session *session = (const test_session *)*state;
    softmax_case tested = softmax_case_default();
    for (size_t d = 0; d < 3; d++) {
        for (int gradient = 0; gradient < 2; gradient++) {
            for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
                tested.dtype = dtypes[d];
                tested.is_gradient = gradient != 0;
                tested.variant = (clf_variant)v;
                tested.seed = test_seed();
                law(session, tested);
            }
        }
    }
}

static void set_shape(softmax_case *tested, int64_t batch, int64_t height, int64_t width) {
    tested->rank = 3;
    tested->shape[0] = batch;
    tested->shape[1] = height;
    tested->shape[2] = width;
}

/* ---- Determinism ---- */

static void law_same_bits(const test_session *session, softmax_case tested) {
    softmax_tensors tensors;
    clf_plan *plan = NULL;
    set_shape(&tested, 3, 5, 1000);
    tested.mask_form = TEST_MASK_FULL;
    softmax_tensors_make(&tensors, &tested);
    softmax_tensors_upload(&tensors, session);
    unsigned char *first = (unsigned char *)malloc(tensors.result->num_bytes);
    assert_non_null(first);
    for (int run = 0; run < 20; run++) {
        if (run % 10 == 0) { /* another plan, too */
            clf_plan_destroy(plan);
            test_succeeds(softmax_tensors_plan(&tensors, &tested, session->device, &plan));
        }
        test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
        test_tensor_read(tensors.result, session);
        if (run == 0) {
            memcpy(first, tensors.result->result, tensors.result->num_bytes);
        }
        assert_memory_equal(first, tensors.result->result, tensors.result->num_bytes);
    }
    free(first);
    clf_plan_destroy(plan);
    softmax_tensors_free(&tensors);
}

static void test_softmax_twenty_runs_give_the_same_bits(void **state) {
    for_each(state, law_same_bits);
}

/* ---- The triangle ---- */

/* The mask, and 0 in the gradient's y where it masks, as a forward would leave it. */
static void mask_upper_triangle(softmax_tensors *tensors) {
    const clf_tensor *view = &tensors->mask.view;
    const int64_t height = view->shape[view->rank - 2];
    const int64_t width = view->shape[view->rank - 1];
    for (int64_t i = 0; i < test_tensor_count(&tensors->mask); i++) {
        const bool masked = i % width > i / width % height;
        *(unsigned char *)test_tensor_bits(&tensors->mask, i) = masked;
        if (masked && tensors->is_gradient) {
            test_tensor_set(&tensors->y, i, 0.0);
        }
    }
}

static void law_triangle(const test_session *session, softmax_case tested) {
    static const int64_t shapes[][2] = {{5, 33}, {40, 5}, {33, 33}, {1, 7}, {9, 1}, {8, 8193}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        softmax_tensors by_flag;
        softmax_tensors by_mask;
        set_shape(&tested, 2, shapes[i][0], shapes[i][1]);
        tested.mask_form = TEST_MASK_FULL;
        softmax_case_execute(session, &tested, mask_upper_triangle, &by_mask);

        clf_plan *plan = NULL;
        softmax_tensors_make(&by_flag, &tested);
        mask_upper_triangle(&by_flag);
        softmax_tensors_upload(&by_flag, session);
        tested.mask_form = TEST_MASK_TRIANGLE;
        test_succeeds(softmax_tensors_plan(&by_flag, &tested, session->device, &plan));
        test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
        test_tensor_read(by_flag.result, session);
        clf_plan_destroy(plan);
        if (!test_tensor_same_results(by_flag.result, by_mask.result)) {
            char text[512];
            softmax_case_text(&tested, text, sizeof text);
            fail_msg("not the bits of the explicit mask: %s", text);
        }
        softmax_tensors_free(&by_flag);
        softmax_tensors_free(&by_mask);
    }
}

static void test_softmax_triangle_equals_the_explicit_mask(void **state) {
    for_each(state, law_triangle);
}

static void law_triangle_mask_ignored(const test_session *session, softmax_case tested) {
    /* A mask beside fixed_triu_mask is ignored, whatever it is: here of a wrong dtype and shape. */
    const int64_t shape[] = {4, 6};
    clf_tensor tensor = clf_tensor_contiguous(NULL, tested.dtype, 2, shape);
    clf_tensor nonsense = tensor;
    clf_plan *plan = NULL;
    nonsense.shape[1] = 99;
    if (tested.is_gradient) {
        clf_scaled_masked_softmax_grad_args args = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
        args.grad_output = args.y = args.grad_x = &tensor;
        args.mask = &nonsense;
        args.fixed_triu_mask = true;
        test_succeeds(clf_scaled_masked_softmax_grad_plan(session->device, &args, &plan));
    } else {
        clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
        args.x = args.y = &tensor;
        args.mask = &nonsense;
        args.fixed_triu_mask = true;
        test_succeeds(clf_scaled_masked_softmax_plan(session->device, &args, &plan));
    }
    clf_plan_destroy(plan);
}

static void test_softmax_triangle_ignores_the_mask_argument(void **state) {
    for_each(state, law_triangle_mask_ignored);
}

/* ---- Order and shifts ---- */

static void law_monotone(const test_session *session, softmax_case tested) {
    if (tested.is_gradient) {
        return;
    }
    softmax_tensors tensors;
    set_shape(&tested, 1, 4, 1000);
    softmax_case_execute(session, &tested, NULL, &tensors);
    for (int64_t row = 0; row < 4; row++) {
        for (int64_t i = 0; i < 1000; i++) {
            for (int64_t j = 0; j < 1000; j += 7) {
                const int64_t a = row * 1000 + i;
                const int64_t b = row * 1000 + j;
                if (test_tensor_get(&tensors.input, a) <= test_tensor_get(&tensors.input, b)) {
                    assert_true(test_tensor_get_result(tensors.result, a) <=
                                test_tensor_get_result(tensors.result, b));
                }
            }
        }
    }
    softmax_tensors_free(&tensors);
}

static void test_softmax_larger_scores_never_give_smaller_results(void **state) {
    for_each(state, law_monotone);
}

/* Scores on a coarse grid, so that the shift itself is exact in every dtype. */
static void round_scores(softmax_tensors *tensors) {
    for (int64_t i = 0; i < test_tensor_count(&tensors->input); i++) {
        test_tensor_set(&tensors->input, i, round(4.0 * test_tensor_get(&tensors->input, i)) / 4.0);
    }
}

static void shift_scores(softmax_tensors *tensors) {
    round_scores(tensors);
    for (int64_t i = 0; i < test_tensor_count(&tensors->input); i++) {
        test_tensor_set(&tensors->input, i, test_tensor_get(&tensors->input, i) + 16.0);
    }
}

static void law_shift(const test_session *session, softmax_case tested) {
    if (tested.is_gradient) {
        return;
    }
    softmax_tensors before;
    softmax_tensors after;
    set_shape(&tested, 2, 3, 1000);
    tested.mask_form = TEST_MASK_FULL;
    softmax_case_execute(session, &tested, round_scores, &before);
    softmax_case_execute(session, &tested, shift_scores, &after);
    for (int64_t i = 0; i < test_tensor_count(before.result); i++) {
        assert_true(oracle_close_after_shift(tested.dtype, test_tensor_get_result(before.result, i),
                                             test_tensor_get_result(after.result, i), 32.0));
    }
    softmax_tensors_free(&before);
    softmax_tensors_free(&after);
}

static void test_softmax_shifted_scores_give_the_same_result(void **state) {
    for_each(state, law_shift);
}

/* ---- In place ---- */

static void law_in_place(const test_session *session, softmax_case tested) {
    static const int64_t widths[] = {3, 33, 1000, 20000};
    tested.mask_form = TEST_MASK_ONE_ROW;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        set_shape(&tested, 2, 3, widths[i]);
        for (int in_place = 1; in_place <= (tested.is_gradient ? 2 : 1); in_place++) {
            tested.in_place = (test_in_place)in_place;
            assert_true(softmax_case_run(session, &tested));
        }
    }
}

static void test_softmax_in_place_matches_the_reference(void **state) {
    for_each(state, law_in_place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_twenty_runs_give_the_same_bits),
        cmocka_unit_test(test_softmax_triangle_equals_the_explicit_mask),
        cmocka_unit_test(test_softmax_triangle_ignores_the_mask_argument),
        cmocka_unit_test(test_softmax_larger_scores_never_give_smaller_results),
        cmocka_unit_test(test_softmax_shifted_scores_give_the_same_result),
        cmocka_unit_test(test_softmax_in_place_matches_the_reference),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
