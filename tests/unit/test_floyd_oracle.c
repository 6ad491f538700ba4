/* The reference for the Floyd operators against numbers by hand, the attention reference, and its
 * own differences. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attention_oracle.h"
#include "cmocka_all.h"
#include "floyd_tensors.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Double against double, in another order. */
static bool is_same(double a, double b) {
    return fabs(a - b) <= 1e-12 * fmax(1.0, fmax(fabs(a), fabs(b)));
}

static void set_all(test_tensor *tensor, const double *values) {
    for (int64_t i = 0; i < test_tensor_count(tensor); i++) {
        test_tensor_set(tensor, i, values != NULL ? values[i] : 0.0);
    }
}

static oracle_floyd_row row_of(const floyd_tensors *tensors, int64_t row) {
    oracle_floyd problem;
    oracle_floyd_row result;
    floyd_tensors_open_oracle(tensors, false, &problem);
    oracle_floyd_compute_row(&problem, row, &result);
    oracle_floyd_close(&problem);
    return result;
}

/* ---- By hand ---- */

/* One edge, two pivots, D 1: scores ln 2 * (1 + 1) and ln 2 * (1 - 1), so weights 4 : 1. */
static floyd_case tiny_case(void) {
    floyd_case tested = floyd_case_default();
    tested.heads = 1;
    tested.n = tested.m = tested.depth = 1;
    tested.k = 2;
    tested.scale = 1.0;
    return tested;
}

static void set_tiny(floyd_tensors *tensors) {
    const double ln2 = log(2.0);
    set_all(&tensors->memory[TEST_FLOYD_QUERY], (const double[]){ln2});
    set_all(&tensors->memory[TEST_FLOYD_KEY1], (const double[]){1.0, 1.0});
    set_all(&tensors->memory[TEST_FLOYD_KEY2], (const double[]){1.0, -1.0});
    set_all(&tensors->memory[TEST_FLOYD_VALUE1], (const double[]){10.0, 5.0});
    set_all(&tensors->memory[TEST_FLOYD_VALUE2], (const double[]){-3.0, 2.0});
}

static bool is_near(double value, double expected) { /* ln 2 was rounded to fp32 */
    return fabs(value - expected) <= 1e-6;
}

static void test_floyd_oracle_by_hand_forward(void **state) {
    (void)state;
    const floyd_case tested = tiny_case();
    floyd_tensors tensors;
    floyd_tensors_make(&tensors, &tested);
    set_tiny(&tensors);
    oracle_floyd_row row = row_of(&tensors, 0);
    assert_true(is_near(row.max, 2.0 * log(2.0)));
    assert_true(is_near(row.sum, 1.25));
    assert_true(is_near(row.out[0], (4.0 * 7.0 + 7.0) / 5.0));
    assert_int_equal(row.num_live, 2);
    tensors.args.scale_value = -0.5; /* scores -ln 2 and 0: weights 1 : 2 */
    row = row_of(&tensors, 0);
    assert_true(is_near(row.max, 0.0));
    assert_true(is_near(row.sum, 1.5));
    floyd_tensors_free(&tensors);
}

static double grad_of(const floyd_tensors *tensors, oracle_floyd_operand of, int64_t row) {
    oracle_floyd problem;
    double values[ORACLE_FLOYD_MAX_DEPTH];
    double units[ORACLE_FLOYD_MAX_DEPTH];
    floyd_tensors_open_oracle(tensors, true, &problem);
    oracle_floyd_compute_grad_row(&problem, of, row, values, units);
    oracle_floyd_close(&problem);
    assert_true(units[0] >= 0.0 && units[0] < 1e-5);
    return values[0];
}

/* p = 0.8, 0.2; values 7, 7 + 5 after a change; dp = 2 * (7, 12); delta = 2 * out. */
static void test_floyd_oracle_by_hand_gradient(void **state) {
    (void)state;
    floyd_case tested = tiny_case();
    floyd_tensors tensors;
    tested.is_gradient = true;
    floyd_tensors_make(&tensors, &tested);
    set_tiny(&tensors);
    set_all(&tensors.memory[TEST_FLOYD_VALUE2], (const double[]){-3.0, 7.0});
    set_all(&tensors.memory[TEST_FLOYD_GRAD_OUTPUT], (const double[]){2.0});
    floyd_tensors_set_forward(&tensors);
    const double delta = 2.0 * (0.8 * 7.0 + 0.2 * 12.0);
    const double ds[] = {0.8 * (14.0 - delta), 0.2 * (24.0 - delta)};
    for (int64_t k = 0; k < 2; k++) {
        const double p = k == 0 ? 0.8 : 0.2;
        assert_true(is_near(grad_of(&tensors, ORACLE_FLOYD_VALUE1, k), 2.0 * p));
        assert_true(is_near(grad_of(&tensors, ORACLE_FLOYD_VALUE2, k), 2.0 * p));
        assert_true(is_near(grad_of(&tensors, ORACLE_FLOYD_KEY1, k), ds[k] * log(2.0)));
        assert_true(is_near(grad_of(&tensors, ORACLE_FLOYD_KEY2, k), ds[k] * log(2.0)));
    }
    assert_true(is_near(grad_of(&tensors, ORACLE_FLOYD_QUERY, 0), 2.0 * ds[0]));
    floyd_tensors_free(&tensors);
}

/* ---- Attention as the special case ---- */

/* One of the two pairs of keys and values is 0. What remains is attention: batched over n, with m
 * the queries; or batched over m, with n the queries. Strides make the one of the other. */
static clf_tensor as_attention(const clf_tensor *tensor, int batch_axis, int token_axis) {
    clf_tensor view = *tensor;
    view.rank = 4;
    view.shape[0] = tensor->shape[0] * tensor->shape[1]; /* contiguous: one axis */
    view.strides[0] = tensor->strides[1];
    view.shape[1] = tensor->shape[batch_axis];
    view.strides[1] = tensor->strides[batch_axis];
    view.shape[2] = tensor->shape[token_axis];
    view.strides[2] = tensor->strides[token_axis];
    view.shape[3] = tensor->shape[4];
    view.strides[3] = tensor->strides[4];
    return view;
}

static void expect_attention(const floyd_tensors *tensors, bool is_over_n) {
    const int batch_axis = is_over_n ? 2 : 3;
    const int token_axis = is_over_n ? 3 : 2;
    const test_tensor *memory = tensors->memory;
    const test_tensor *key = &memory[is_over_n ? TEST_FLOYD_KEY1 : TEST_FLOYD_KEY2];
    const test_tensor *value = &memory[is_over_n ? TEST_FLOYD_VALUE1 : TEST_FLOYD_VALUE2];
    const clf_tensor views[] = {
        as_attention(&memory[TEST_FLOYD_QUERY].view, batch_axis, token_axis),
        as_attention(&key->view, batch_axis, token_axis),
        as_attention(&value->view, batch_axis, token_axis),
        as_attention(&memory[TEST_FLOYD_SOFTMAX_MAX].view, batch_axis, token_axis)};
    clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    args.query = args.attention_out = &views[0];
    args.key = &views[1];
    args.value = &views[2];
    args.softmax_max = args.softmax_sum = &views[3];
    args.input_layout = "BNSD";
    args.head_num = views[0].shape[1];
    args.scale = tensors->args.scale_value;
    const oracle_attention_inputs inputs = {
        .query = memory[TEST_FLOYD_QUERY].image, .key = key->image, .value = value->image};
    oracle_attention attention;
    oracle_floyd problem;
    assert_true(oracle_attention_open(&attention, &args, &inputs));
    floyd_tensors_open_oracle(tensors, false, &problem);
    const int64_t num_rows = oracle_floyd_num_rows(&problem, ORACLE_FLOYD_QUERY);
    assert_int_equal(num_rows, oracle_attention_num_rows(&attention));
    for (int64_t number = 0; number < num_rows; number++) {
        const oracle_floyd_place at = oracle_floyd_row_place(&problem, ORACLE_FLOYD_QUERY, number);
        const oracle_attention_place place = {.element = at.batch * problem.heads + at.head,
                                              .head = is_over_n ? at.i : at.j,
                                              .row = is_over_n ? at.j : at.i};
        double out[ORACLE_FLOYD_MAX_DEPTH];
        oracle_attention_row expected = {.out = out};
        oracle_floyd_row row;
        oracle_attention_compute_row(&attention, &place, &expected);
        oracle_floyd_compute_row(&problem, number, &row);
        assert_true(is_same(row.max, expected.max));
        assert_true(is_same(row.sum, expected.sum));
        for (int64_t d = 0; d < problem.depth; d++) {
            assert_true(is_same(row.out[d], out[d]));
        }
    }
    oracle_floyd_close(&problem);
    oracle_attention_close(&attention);
}

static void test_floyd_oracle_without_second_keys_is_attention_over_n(void **state) {
    (void)state;
    for (int is_negative = 0; is_negative < 2; is_negative++) {
        floyd_case tested = floyd_case_default();
        floyd_tensors tensors;
        tested.batches = 2;
        tested.scale = is_negative ? -0.8 : 0.6;
        floyd_tensors_make(&tensors, &tested);
        set_all(&tensors.memory[TEST_FLOYD_KEY2], NULL);
        set_all(&tensors.memory[TEST_FLOYD_VALUE2], NULL);
        expect_attention(&tensors, true);
        floyd_tensors_free(&tensors);
    }
}

static void test_floyd_oracle_without_first_keys_is_attention_over_m(void **state) {
    (void)state;
    for (int is_negative = 0; is_negative < 2; is_negative++) {
        floyd_case tested = floyd_case_default();
        floyd_tensors tensors;
        tested.batches = 2;
        tested.scale = is_negative ? -0.8 : 0.6;
        floyd_tensors_make(&tensors, &tested);
        set_all(&tensors.memory[TEST_FLOYD_KEY1], NULL);
        set_all(&tensors.memory[TEST_FLOYD_VALUE1], NULL);
        expect_attention(&tensors, false);
        floyd_tensors_free(&tensors);
    }
}

/* ---- Gradients ---- */

/* The sum of grad_output * out. */
static double loss_of(const floyd_tensors *tensors) {
    const test_tensor *grad_output = &tensors->memory[TEST_FLOYD_GRAD_OUTPUT];
    oracle_floyd problem;
    double loss = 0.0;
    floyd_tensors_open_oracle(tensors, false, &problem);
    for (int64_t row = 0; row < oracle_floyd_num_rows(&problem, ORACLE_FLOYD_QUERY); row++) {
        oracle_floyd_row result;
        oracle_floyd_compute_row(&problem, row, &result);
        for (int64_t d = 0; d < problem.depth; d++) {
            loss += test_tensor_get(grad_output, row * problem.depth + d) * result.out[d];
        }
    }
    oracle_floyd_close(&problem);
    return loss;
}

/* Elements are fp32: the step is large, and what it became is what counts. */
static double quotient_of(floyd_tensors *tensors, test_tensor *moved, int64_t element) {
    const double step = 0x1p-11;
    const double value = test_tensor_get(moved, element);
    test_tensor_set(moved, element, value + step);
    const double above = test_tensor_get(moved, element);
    const double loss_above = loss_of(tensors);
    test_tensor_set(moved, element, value - step);
    const double below = test_tensor_get(moved, element);
    const double loss_below = loss_of(tensors);
    test_tensor_set(moved, element, value);
    return (loss_above - loss_below) / (above - below);
}

static void expect_differences(const floyd_case *tested) {
    floyd_tensors tensors;
    oracle_floyd problem;
    size_t wrong = 0;
    floyd_tensors_make(&tensors, tested);
    floyd_tensors_open_oracle(&tensors, true, &problem);
    for (int of = 0; of < ORACLE_FLOYD_NUM_GRADIENTS; of++) {
        test_tensor *moved = &tensors.memory[of];
        for (int64_t row = 0; row < oracle_floyd_num_rows(&problem, (oracle_floyd_operand)of);
             row++) {
            double values[ORACLE_FLOYD_MAX_DEPTH];
            double units[ORACLE_FLOYD_MAX_DEPTH];
            oracle_floyd_compute_grad_row(&problem, (oracle_floyd_operand)of, row, values, units);
            for (int64_t d = 0; d < problem.depth; d++) {
                const double quotient = quotient_of(&tensors, moved, row * problem.depth + d);
                if (!oracle_close_to_difference_quotient(values[d], quotient)) {
                    print_error("operand %d row %lld %lld: %.9g, differences %.9g\n", of,
                                (long long)row, (long long)d, values[d], quotient);
                    wrong++;
                }
            }
        }
    }
    oracle_floyd_close(&problem);
    floyd_tensors_free(&tensors);
    assert_int_equal(wrong, 0);
}

static void test_floyd_oracle_gradients_are_the_forwards_differences(void **state) {
    (void)state;
    static const double scales[] = {0.57735, 0.9, -0.7};
    for (size_t i = 0; i < LENGTH(scales); i++) {
        floyd_case tested = floyd_case_default();
        tested.is_gradient = true;
        tested.depth = 3;
        tested.scale = scales[i];
        tested.seed = i + 1;
        expect_differences(&tested);
    }
}

/* Rows of which everything is masked are left out: there the gradient is not the derivative. */
static void test_floyd_oracle_gradients_under_masks_are_the_forwards_differences(void **state) {
    (void)state;
    static const bool forms[][TEST_FLOYD_RANK] = {{true, true, true, true, true},
                                                  {true, false, true, false, true},
                                                  {false, true, false, true, true}};
    for (size_t i = 0; i < LENGTH(forms); i++) {
        floyd_case tested = floyd_case_default();
        tested.is_gradient = true;
        tested.batches = 2;
        tested.heads = 1 + (int64_t)(i % 2);
        tested.n = 2;
        tested.m = 3;
        tested.depth = 2;
        tested.has_mask = true;
        memcpy(tested.mask_axes, forms[i], sizeof forms[i]);
        tested.mask_density = 0.25;
        for (uint64_t seed = 1;; seed++) { /* the first that leaves every row a pivot */
            assert_true(seed < 1000);
            floyd_tensors tensors;
            oracle_floyd problem;
            int64_t least = 1;
            tested.seed = seed;
            floyd_tensors_make(&tensors, &tested);
            floyd_tensors_open_oracle(&tensors, false, &problem);
            const int64_t num_rows = oracle_floyd_num_rows(&problem, ORACLE_FLOYD_QUERY);
            for (int64_t row = 0; row < num_rows; row++) {
                oracle_floyd_row result;
                oracle_floyd_compute_row(&problem, row, &result);
                least = result.num_live < least ? result.num_live : least;
            }
            oracle_floyd_close(&problem);
            floyd_tensors_free(&tensors);
            if (least > 0) {
                break;
            }
        }
        expect_differences(&tested);
    }
}

/* ---- Masks ---- */

static void test_floyd_oracle_masked_rows_have_the_mean_of_the_values(void **state) {
    (void)state;
    floyd_case tested = floyd_case_default();
    tested.is_gradient = true;
    tested.has_mask = true;
    tested.mask_axes[2] = tested.mask_axes[4] = true;
    tested.scale = -0.3;
    floyd_tensors tensors;
    floyd_tensors_make(&tensors, &tested);
    for (int64_t k = 0; k < tested.k; k++) { /* n = 1 of [1, 1, N, 1, K] */
        *(unsigned char *)test_tensor_bits(&tensors.memory[TEST_FLOYD_MASK], tested.k + k) = 1;
    }
    floyd_tensors_set_forward(&tensors);
    for (int64_t m = 0; m < tested.m; m++) {
        const oracle_floyd_row row = row_of(&tensors, tested.m + m);
        assert_int_equal(row.num_live, 0);
        assert_true(row.max == -(double)FLT_MAX);
        assert_true(row.sum == (double)tested.k);
        for (int64_t d = 0; d < tested.depth; d++) {
            double mean = 0.0;
            for (int64_t k = 0; k < tested.k; k++) {
                mean += test_tensor_get(&tensors.memory[TEST_FLOYD_VALUE1],
                                        (tested.k + k) * tested.depth + d);
                mean += test_tensor_get(&tensors.memory[TEST_FLOYD_VALUE2],
                                        (k * tested.m + m) * tested.depth + d);
            }
            assert_true(is_same(row.out[d], mean / (double)tested.k));
        }
    }
    /* Every pivot has the same share of the row's grad_output. */
    for (int64_t k = 0; k < tested.k; k++) {
        double share = 0.0;
        for (int64_t m = 0; m < tested.m; m++) {
            share += test_tensor_get(&tensors.memory[TEST_FLOYD_GRAD_OUTPUT],
                                     (tested.m + m) * tested.depth) /
                     (double)tested.k;
        }
        assert_true(is_same(grad_of(&tensors, ORACLE_FLOYD_VALUE1, tested.k + k), share));
        assert_true(isfinite(grad_of(&tensors, ORACLE_FLOYD_KEY1, tested.k + k)));
    }
    floyd_tensors_free(&tensors);
}

/* Whether a mask of fewer axes and the same one written out give the same rows. */
static void expect_same_written_out(const floyd_case *tested) {
    floyd_case full_case = *tested;
    floyd_tensors tensors;
    floyd_tensors full;
    memset(full_case.mask_axes, true, sizeof full_case.mask_axes);
    floyd_tensors_make(&tensors, tested);
    floyd_tensors_make(&full, &full_case);
    for (int operand = TEST_FLOYD_QUERY; operand <= TEST_FLOYD_VALUE2; operand++) {
        for (int64_t i = 0; i < test_tensor_count(&full.memory[operand]); i++) {
            test_tensor_set(&full.memory[operand], i, test_tensor_get(&tensors.memory[operand], i));
        }
    }
    test_tensor *mask = &full.memory[TEST_FLOYD_MASK];
    const clf_tensor *small = &tensors.memory[TEST_FLOYD_MASK].view;
    for (int64_t i = 0; i < test_tensor_count(mask); i++) {
        int64_t rest = i;
        int64_t place = 0;
        int64_t step = 1;
        for (int axis = TEST_FLOYD_RANK - 1; axis >= 0; axis--) {
            place += rest % mask->view.shape[axis] % small->shape[axis] * step;
            step *= small->shape[axis];
            rest /= mask->view.shape[axis];
        }
        *(unsigned char *)test_tensor_bits(mask, i) =
            *(unsigned char *)test_tensor_bits(&tensors.memory[TEST_FLOYD_MASK], place);
    }
    for (int64_t row = 0; row < tested->batches * tested->heads * tested->n * tested->m; row++) {
        const oracle_floyd_row a = row_of(&tensors, row);
        const oracle_floyd_row b = row_of(&full, row);
        assert_int_equal(a.num_live, b.num_live);
        assert_true(a.max == b.max && a.sum == b.sum);
        assert_memory_equal(a.out, b.out, (size_t)tested->depth * sizeof a.out[0]);
    }
    floyd_tensors_free(&full);
    floyd_tensors_free(&tensors);
}

static void test_floyd_oracle_masks_of_every_form_are_repeated(void **state) {
    (void)state;
    for (unsigned form = 0; form < 1U << TEST_FLOYD_RANK; form++) {
        floyd_case tested = floyd_case_default();
        tested.batches = 2;
        tested.has_mask = true;
        tested.mask_density = 0.5;
        tested.mask_dtype = form % 3 == 0 ? CLF_DTYPE_UINT8 : CLF_DTYPE_BOOL;
        tested.mask_layout = (test_layout)(form % 4);
        tested.seed = form + 1;
        for (int axis = 0; axis < TEST_FLOYD_RANK; axis++) {
            tested.mask_axes[axis] = ((form >> axis) & 1) != 0;
        }
        expect_same_written_out(&tested);
    }
}

/* ---- Special values, memory ---- */

static void test_floyd_oracle_masked_scores_are_not_looked_at(void **state) {
    (void)state;
    floyd_case tested = floyd_case_default();
    tested.heads = 1;
    tested.has_mask = true;
    tested.mask_density = 0.0;
    tested.mask_axes[4] = true;
    floyd_tensors tensors;
    floyd_tensors_make(&tensors, &tested);
    test_tensor_set(&tensors.memory[TEST_FLOYD_KEY1], 2 * tested.depth, (double)NAN); /* k = 2 */
    assert_true(row_of(&tensors, 0).is_nan && isnan(row_of(&tensors, 0).out[3]));
    assert_false(row_of(&tensors, tested.m).is_nan); /* another n */
    *(unsigned char *)test_tensor_bits(&tensors.memory[TEST_FLOYD_MASK], 2) = 1;
    oracle_floyd_row row = row_of(&tensors, 0);
    assert_false(row.is_nan);
    assert_true(isfinite(row.out[0]) && isfinite(row.max) && isfinite(row.sum));
    test_tensor_set(&tensors.memory[TEST_FLOYD_VALUE2], 2 * tested.m * tested.depth + 1,
                    (double)NAN); /* k = 2, m = 0, d = 1: has weight 0 */
    row = row_of(&tensors, 0);
    assert_true(isfinite(row.out[0]) && isnan(row.out[1]));
    assert_true(isfinite(row_of(&tensors, 1).out[1]));
    floyd_tensors_free(&tensors);
}

static void test_floyd_oracle_layouts_do_not_change_the_rows(void **state) {
    (void)state;
    static const test_layout layouts[] = {TEST_CONTIGUOUS, TEST_TRANSPOSED, TEST_GAPS,
                                          TEST_NEGATIVE};
    double expected[ORACLE_FLOYD_NUM_GRADIENTS + 1] = {0.0};
    for (size_t i = 0; i < 2 * LENGTH(layouts); i++) {
        floyd_case tested = floyd_case_default();
        floyd_tensors tensors;
        tested.is_gradient = true;
        tested.batches = 2;
        tested.input_layout = tested.output_layout = layouts[i / 2];
        tested.statistic_layout = layouts[i / 2];
        tested.swaps_heads = i % 2 == 1;
        tested.misalign = i;
        floyd_tensors_make(&tensors, &tested);
        double found[ORACLE_FLOYD_NUM_GRADIENTS + 1];
        found[ORACLE_FLOYD_NUM_GRADIENTS] = row_of(&tensors, 17).out[2];
        for (int of = 0; of < ORACLE_FLOYD_NUM_GRADIENTS; of++) {
            found[of] = grad_of(&tensors, (oracle_floyd_operand)of, 23);
        }
        if (i == 0) {
            memcpy(expected, found, sizeof found);
        }
        for (size_t j = 0; j < LENGTH(found); j++) {
            assert_true(found[j] == expected[j]);
        }
        floyd_tensors_free(&tensors);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_oracle_by_hand_forward),
        cmocka_unit_test(test_floyd_oracle_by_hand_gradient),
        cmocka_unit_test(test_floyd_oracle_without_second_keys_is_attention_over_n),
        cmocka_unit_test(test_floyd_oracle_without_first_keys_is_attention_over_m),
        cmocka_unit_test(test_floyd_oracle_gradients_are_the_forwards_differences),
        cmocka_unit_test(test_floyd_oracle_gradients_under_masks_are_the_forwards_differences),
        cmocka_unit_test(test_floyd_oracle_masked_rows_have_the_mean_of_the_values),
        cmocka_unit_test(test_floyd_oracle_masks_of_every_form_are_repeated),
        cmocka_unit_test(test_floyd_oracle_masked_scores_are_not_looked_at),
        cmocka_unit_test(test_floyd_oracle_layouts_do_not_change_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
