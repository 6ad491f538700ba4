/* The bounds of the Floyd operators' results: the plain fp32 computation lies within them, and
 * wrong computations lie outside. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "floyd_draw.h"
#include "floyd_tensors.h"
#include "storage_types.h"

#define COPIES 8

/* ---- Results from the host ---- */

static void store(test_tensor *tensor, int64_t index, double value) {
    oracle_encode(tensor->view.dtype, value, tensor->result + test_tensor_place(tensor, index));
}

/* The plain computation of `problem`, which may have been spoilt, in place of a device's. */
static void compute_plain(floyd_tensors *tensors, oracle_floyd *problem) {
    const int64_t depth = problem->depth;
    if (tensors->is_gradient) {
        for (int of = 0; of < ORACLE_FLOYD_NUM_GRADIENTS; of++) {
            test_tensor *gradient = &tensors->memory[TEST_FLOYD_GRAD_QUERY + of];
            const oracle_floyd_operand operand = (oracle_floyd_operand)of;
            for (int64_t row = 0; row < oracle_floyd_num_rows(problem, operand); row++) {
                double values[ORACLE_FLOYD_MAX_DEPTH];
                oracle_floyd_compute_grad_row_plain(problem, operand, row, values);
                for (int64_t d = 0; d < depth; d++) {
                    store(gradient, row * depth + d, values[d]);
                }
            }
        }
        return;
    }
    test_tensor *out = &tensors->memory[TEST_FLOYD_ATTENTION];
    for (int64_t row = 0; row < oracle_floyd_num_rows(problem, ORACLE_FLOYD_QUERY); row++) {
        oracle_floyd_row plain;
        oracle_floyd_compute_row_plain(problem, row, out->view.dtype, &plain);
        for (int64_t d = 0; d < depth; d++) {
            store(out, row * depth + d, plain.out[d]);
        }
        for (int64_t copy = 0; copy < COPIES; copy++) {
            store(&tensors->memory[TEST_FLOYD_SOFTMAX_MAX], row * COPIES + copy, plain.max);
            store(&tensors->memory[TEST_FLOYD_SOFTMAX_SUM], row * COPIES + copy, plain.sum);
        }
    }
}

/* Spoils what the plain computation sees. */
typedef void (*spoiler)(oracle_floyd *problem);

/* Whether the bounds accept the results of a computation. */
static bool accepts(const floyd_case *tested, spoiler spoil, char *problem, size_t capacity) {
    floyd_tensors tensors;
    oracle_floyd spoilt;
    floyd_tensors_make(&tensors, tested);
    floyd_tensors_open_oracle(&tensors, tested->is_gradient, &spoilt);
    if (spoil != NULL) {
        spoil(&spoilt);
    }
    compute_plain(&tensors, &spoilt);
    floyd_tensors_compare(&tensors, problem, capacity);
    oracle_floyd_close(&spoilt);
    floyd_tensors_free(&tensors);
    return problem[0] == '\0';
}

/* ---- The plain computation ---- */

static void test_floyd_bounds_plain_computation_is_within_the_bounds(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    size_t failures = 0;
    for (size_t i = 0; i < 200; i++) {
        const floyd_kind kind = floyd_kind_draw(&random, i % floyd_num_kinds(true), i % 2 == 1);
        const floyd_case drawn = floyd_case_draw(&random, &kind, 1.5e5);
        char problem[512];
        if (!accepts(&drawn, NULL, problem, sizeof problem)) {
            char text[1024];
            floyd_case_text(&drawn, text, sizeof text);
            print_error("case %s\n  %s\n", text, problem);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* ---- Wrong computations ---- */

static void forget_mask(oracle_floyd *problem) {
    problem->inputs.mask.bytes = NULL;
}

static void scale_by_depth(oracle_floyd *problem) {
    problem->scale = 1.0 / sqrt((double)problem->depth);
}

static void flip_scale(oracle_floyd *problem) {
    problem->scale = -problem->scale;
}

static void take_other(oracle_floyd *problem, oracle_floyd_operand operand,
                       oracle_floyd_operand other) {
    problem->inputs.operands[operand] = problem->inputs.operands[other];
}

static void take_keys_for_values(oracle_floyd *problem) {
    take_other(problem, ORACLE_FLOYD_VALUE2, ORACLE_FLOYD_KEY2);
}

/* Second keys by (m, k) instead of (k, m): their sizes are equal. */
static void transpose_second_keys(oracle_floyd *problem) {
    int64_t *strides = problem->inputs.operands[ORACLE_FLOYD_KEY2].view.strides;
    const int64_t first = strides[2];
    strides[2] = strides[3];
    strides[3] = first;
}

static void drop_last_pivot(oracle_floyd *problem) {
    problem->k--; /* places follow from strides, not from sizes */
}

static void ignore_attention(oracle_floyd *problem) {
    take_other(problem, ORACLE_FLOYD_ATTENTION_IN, ORACLE_FLOYD_QUERY);
}

static void mix_statistics(oracle_floyd *problem) {
    take_other(problem, ORACLE_FLOYD_SOFTMAX_SUM, ORACLE_FLOYD_SOFTMAX_MAX);
}

static void expect_refused(floyd_case tested, spoiler spoil, bool is_gradient, const char *part) {
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        char problem[512];
        tested.is_gradient = is_gradient;
        tested.dtype = dtypes[i];
        assert_true(accepts(&tested, NULL, problem, sizeof problem));
        assert_false(accepts(&tested, spoil, problem, sizeof problem));
        if (strstr(problem, part) == NULL) {
            fail_msg("refused for \"%s\", expected \"%s\"", problem, part);
        }
    }
}

static void test_floyd_bounds_wrong_computations_are_refused(void **state) {
    (void)state;
    floyd_case tested = floyd_case_default();
    tested.m = tested.k = 6;
    tested.scale = 0.6;
    tested.has_mask = true;
    memset(tested.mask_axes, true, sizeof tested.mask_axes);
    expect_refused(tested, forget_mask, false, "attention_out");
    expect_refused(tested, scale_by_depth, false, "attention_out");
    expect_refused(tested, flip_scale, false, "attention_out");
    expect_refused(tested, take_keys_for_values, false, "attention_out");
    expect_refused(tested, transpose_second_keys, false, "attention_out");
    expect_refused(tested, forget_mask, true, "grad_query");
    expect_refused(tested, scale_by_depth, true, "grad_query");
    expect_refused(tested, flip_scale, true, "grad_query");
    expect_refused(tested, take_keys_for_values, true, "grad_query");
    expect_refused(tested, transpose_second_keys, true, "grad_query");
    expect_refused(tested, ignore_attention, true, "grad_query");
    expect_refused(tested, mix_statistics, true, "grad_query");
}

static void test_floyd_bounds_a_missing_pivot_is_refused(void **state) {
    (void)state;
    floyd_case tested = floyd_case_default();
    tested.k = 37;
    expect_refused(tested, drop_last_pivot, false, "attention_out");
}

/* ---- Single elements ---- */

/* The plain results of a case, of which one element is changed. */
typedef struct changed_case {
    floyd_tensors tensors;
    oracle_floyd problem;
} changed_case;

static void make_changed(changed_case *made, const floyd_case *tested) {
    floyd_tensors_make(&made->tensors, tested);
    floyd_tensors_open_oracle(&made->tensors, tested->is_gradient, &made->problem);
    compute_plain(&made->tensors, &made->problem);
}

static void free_changed(changed_case *made) {
    oracle_floyd_close(&made->problem);
    floyd_tensors_free(&made->tensors);
}

static void expect_change_refused(changed_case *made, int operand, int64_t index, double value,
                                  const char *part) {
    test_tensor *tensor = &made->tensors.memory[operand];
    const double before = test_tensor_get_result(tensor, index);
    char problem[512];
    floyd_tensors_compare(&made->tensors, problem, sizeof problem);
    assert_string_equal(problem, "");
    store(tensor, index, value);
    floyd_tensors_compare(&made->tensors, problem, sizeof problem);
    if (strstr(problem, part) == NULL) {
        fail_msg("operand %d: \"%s\", expected \"%s\"", operand, problem, part);
    }
    store(tensor, index, before);
}

/* Some units in the last place of the largest value; each row of `operand` is a statistic or D
 * values. */
static void expect_tight(changed_case *made, int operand, double ulps, const char *part) {
    test_tensor *tensor = &made->tensors.memory[operand];
    double largest = 0.0;
    for (int64_t i = 0; i < test_tensor_count(tensor); i++) {
        largest = fmax(largest, fabs(test_tensor_get_result(tensor, i)));
    }
    const double moved =
        test_tensor_get_result(tensor, 0) + ulps * oracle_ulp(tensor->view.dtype, largest);
    expect_change_refused(made, operand, 0, moved, part);
}

static void test_floyd_bounds_are_a_few_units_in_the_last_place(void **state) {
    (void)state;
    for (int is_gradient = 0; is_gradient < 2; is_gradient++) {
        for (int is_half = 0; is_half < 2; is_half++) {
            floyd_case tested = floyd_case_default();
            changed_case made;
            tested.is_gradient = is_gradient == 1;
            tested.dtype = is_half == 1 ? CLF_DTYPE_FP16 : CLF_DTYPE_FP32;
            make_changed(&made, &tested);
            const double ulps = is_half == 1 ? 8.0 : is_gradient == 1 ? 64.0 : 40.0;
            if (is_gradient == 0) {
                expect_tight(&made, TEST_FLOYD_ATTENTION, ulps, "attention_out: largest error");
            }
            for (int of = 0; is_gradient == 1 && of < ORACLE_FLOYD_NUM_GRADIENTS; of++) {
                expect_tight(&made, TEST_FLOYD_GRAD_QUERY + of, ulps, "largest error");
            }
            free_changed(&made);
        }
    }
}

static void test_floyd_bounds_statistics_are_compared(void **state) {
    (void)state;
    floyd_case tested = floyd_case_default();
    changed_case made;
    tested.dtype = CLF_DTYPE_FP16; /* statistics are fp32 all the same */
    make_changed(&made, &tested);
    for (int operand = TEST_FLOYD_SOFTMAX_MAX; operand <= TEST_FLOYD_SOFTMAX_SUM; operand++) {
        test_tensor *tensor = &made.tensors.memory[operand];
        const double value = test_tensor_get_result(tensor, 2 * COPIES);
        expect_change_refused(&made, operand, 2 * COPIES + 7, value * (1.0 + 0x1p-22),
                              "copies of softmax_");
        const double wrong = value + 1e-4 * fmax(1.0, fabs(value));
        for (int64_t copy = 1; copy < COPIES; copy++) {
            store(tensor, 2 * COPIES + copy, wrong);
        }
        char problem[512];
        store(tensor, 2 * COPIES, wrong);
        floyd_tensors_compare(&made.tensors, problem, sizeof problem);
        assert_non_null(strstr(problem, operand == TEST_FLOYD_SOFTMAX_MAX
                                            ? "softmax_max: largest error"
                                            : "softmax_sum: largest error"));
        for (int64_t copy = 0; copy < COPIES; copy++) {
            store(tensor, 2 * COPIES + copy, value);
        }
    }
    free_changed(&made);
}

static void test_floyd_bounds_special_values_are_compared(void **state) {
    (void)state;
    floyd_case tested = floyd_case_default();
    changed_case made;
    make_changed(&made, &tested);
    expect_change_refused(&made, TEST_FLOYD_ATTENTION, 11, (double)NAN, "attention_out at [0, 0, ");
    expect_change_refused(&made, TEST_FLOYD_ATTENTION, 11, (double)INFINITY, "attention_out at");
    free_changed(&made);
}

/* Of [1, 1, N, 1, 1] the row n = 1 is masked. */
static void test_floyd_bounds_masked_rows_are_exact(void **state) {
    (void)state;
    floyd_case tested = floyd_case_default();
    changed_case made;
    char problem[512];
    tested.has_mask = true;
    tested.mask_axes[2] = true;
    tested.mask_density = 0.0;
    floyd_tensors_make(&made.tensors, &tested);
    *(unsigned char *)test_tensor_bits(&made.tensors.memory[TEST_FLOYD_MASK], 1) = 1;
    floyd_tensors_open_oracle(&made.tensors, false, &made.problem);
    compute_plain(&made.tensors, &made.problem);
    for (int operand = TEST_FLOYD_SOFTMAX_MAX; operand <= TEST_FLOYD_SOFTMAX_SUM; operand++) {
        test_tensor *tensor = &made.tensors.memory[operand];
        const int64_t first = tested.m * COPIES;
        const double value = test_tensor_get_result(tensor, first);
        assert_true(value == (operand == TEST_FLOYD_SOFTMAX_MAX ? -(double)FLT_MAX : 4.0));
        for (int64_t copy = 0; copy < COPIES; copy++) {
            store(tensor, first + copy, value * (1.0 - 0x1p-23));
        }
        floyd_tensors_compare(&made.tensors, problem, sizeof problem);
        assert_non_null(strstr(problem, "of a masked row at [0, 0, 1, 0, 0]"));
        for (int64_t copy = 0; copy < COPIES; copy++) {
            store(tensor, first + copy, value);
        }
    }
    free_changed(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_bounds_plain_computation_is_within_the_bounds),
        cmocka_unit_test(test_floyd_bounds_wrong_computations_are_refused),
        cmocka_unit_test(test_floyd_bounds_a_missing_pivot_is_refused),
        cmocka_unit_test(test_floyd_bounds_are_a_few_units_in_the_last_place),
        cmocka_unit_test(test_floyd_bounds_statistics_are_compared),
        cmocka_unit_test(test_floyd_bounds_special_values_are_compared),
        cmocka_unit_test(test_floyd_bounds_masked_rows_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
