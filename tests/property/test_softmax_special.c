/*
 * NaN, infinities, zeros of both signs, denormals and the largest values, in masked and in unmasked
 * places: what IEEE arithmetic gives in the one, nothing at all in the other.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "softmax_case.h"
#include "storage_types.h"

static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
/* Of one lane, of several, of several passes; each width is a program to build, so they are few. */
static const int64_t widths[] = {1, 5, 33, 8193};

static int64_t width_of(const test_tensor *tensor) {
    return tensor->view.shape[tensor->view.rank - 1];
}

/* Runs the edit over dtypes, widths and variants. */
static void run_edits(const test_session *session, softmax_case tested, softmax_edit edit) {
    int failures = 0;
    int count = 0;
    for (size_t d = 0; d < 3; d++) {
        for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
            for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
                tested.dtype = dtypes[d];
                tested.rank = 2;
                tested.shape[0] = 7;
                tested.shape[1] = widths[w];
                tested.variant = (clf_variant)v;
                tested.seed = test_seed() + (uint64_t)count;
                failures += !softmax_case_run_edited(session, &tested, edit);
                count++;
            }
        }
    }
    printf("%d cases\n", count);
    assert_int_equal(failures, 0);
}

static void run_forward(void **state, double scale, test_mask_form form, softmax_edit edit) {
    softmax_case tested = softmax_case_default();
    tested.scale = scale;
    tested.mask_form = form;
    run_edits((const test_session *)*state, tested, edit);
}

static void run_gradient(void **state, test_mask_form form, softmax_edit edit) {
    softmax_case tested = softmax_case_default();
    tested.is_gradient = true;
    tested.scale = -0.7;
    tested.mask_form = form;
    run_edits((const test_session *)*state, tested, edit);
}

/* ---- Masks ---- */

static void mask_every_other_row(softmax_tensors *tensors) {
    const int64_t width = width_of(&tensors->mask);
    for (int64_t i = 0; i < test_tensor_count(&tensors->mask); i++) {
        if (i / width % 2 == 0) {
            *(unsigned char *)test_tensor_bits(&tensors->mask, i) = 255;
        }
    }
}

static void test_softmax_fully_masked_rows_give_one_over_width(void **state) {
    run_forward(state, 1.0, TEST_MASK_FULL, mask_every_other_row);
}

static void test_softmax_grad_fully_masked_rows_give_zero(void **state) {
    run_gradient(state, TEST_MASK_FULL, mask_every_other_row);
}

static void poison(test_tensor *tensor, int64_t index, int64_t kind) {
    static const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    test_tensor_set(tensor, index,
                    kind % 4 < 3 ? values[kind % 4] : -oracle_largest(tensor->view.dtype));
}

static void poison_place(softmax_tensors *tensors, int64_t index) {
    poison(&tensors->input, index, index);
    if (tensors->is_gradient) {
        poison(&tensors->y, index, index + 1);
    }
}

static void poison_masked_places(softmax_tensors *tensors) {
    for (int64_t i = 0; i < test_tensor_count(&tensors->input); i++) {
        if (*(unsigned char *)test_tensor_bits(&tensors->mask, i) != 0) {
            poison_place(tensors, i);
        }
    }
}

static void poison_masked_places_and_rows(softmax_tensors *tensors) {
    mask_every_other_row(tensors);
    poison_masked_places(tensors);
}

static void test_softmax_masked_places_are_never_looked_at(void **state) {
    run_forward(state, 1.0, TEST_MASK_FULL, poison_masked_places);
    run_forward(state, -30.0, TEST_MASK_FULL, poison_masked_places_and_rows);
}

static void poison_upper_triangle(softmax_tensors *tensors) {
    const int64_t width = width_of(&tensors->input);
    for (int64_t i = 0; i < test_tensor_count(&tensors->input); i++) {
        if (i % width > i / width) {
            poison_place(tensors, i);
        }
    }
}

static void test_softmax_grad_masked_places_are_never_looked_at(void **state) {
    run_gradient(state, TEST_MASK_FULL, poison_masked_places_and_rows);
    run_gradient(state, TEST_MASK_TRIANGLE, poison_upper_triangle);
}

static void test_softmax_upper_triangle_is_never_looked_at(void **state) {
    run_forward(state, 0.5, TEST_MASK_TRIANGLE, poison_upper_triangle);
}

/* ---- NaN ---- */

/* Quiet and signalling, both signs, smallest and largest payloads: one kind for each row, so that
 * rows without NaN (the last) must stay finite. */
static void set_nan_bits(test_tensor *tensor, int64_t index, int64_t kind) {
    static const uint32_t fp32[] = {0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FFFFFFF, 0xFF800001};
    static const uint16_t fp16[] = {0x7E00, 0xFE00, 0x7C01, 0x7FFF, 0xFC01};
    static const uint16_t bf16[] = {0x7FC0, 0xFFC0, 0x7F81, 0x7FFF, 0xFF81};
    void *bits = test_tensor_bits(tensor, index);
    if (tensor->view.dtype == CLF_DTYPE_FP32) {
        memcpy(bits, &fp32[kind], sizeof fp32[0]);
    } else {
        memcpy(bits, tensor->view.dtype == CLF_DTYPE_FP16 ? &fp16[kind] : &bf16[kind],
               sizeof fp16[0]);
    }
}

static void put_nan_in_rows(softmax_tensors *tensors) {
    const int64_t width = width_of(&tensors->input);
    for (int64_t row = 0; row < 5; row++) {
        const int64_t column = row * 71 % width;
        set_nan_bits(&tensors->input, row * width + column, row);
        if (tensors->mask.image != NULL) {
            *(unsigned char *)test_tensor_bits(&tensors->mask, row * width + column) = 0;
        }
    }
}

static void test_softmax_nan_in_an_unmasked_place_fills_its_row_only(void **state) {
    run_forward(state, 1.0, TEST_MASK_NONE, put_nan_in_rows);
    run_forward(state, 0.0, TEST_MASK_FULL, put_nan_in_rows);
}

static void test_softmax_grad_nan_in_an_unmasked_place_fills_its_row_only(void **state) {
    run_gradient(state, TEST_MASK_NONE, put_nan_in_rows);
}

static void put_nan_in_y(softmax_tensors *tensors) {
    const int64_t width = width_of(&tensors->y);
    for (int64_t row = 0; row < 5; row++) {
        set_nan_bits(&tensors->y, row * width + row * 71 % width, row);
    }
}

static void test_softmax_grad_nan_in_y_fills_its_row_only(void **state) {
    run_gradient(state, TEST_MASK_NONE, put_nan_in_y);
}

static void test_softmax_scale_nan_or_infinite_follows_ieee(void **state) {
    run_forward(state, (double)NAN, TEST_MASK_FULL, NULL);
    run_forward(state, (double)INFINITY, TEST_MASK_NONE, NULL);
    run_forward(state, -1e300, TEST_MASK_FULL, NULL); /* infinite as a float */
}

/* ---- Infinities ---- */

/* Row 0: one +Inf. 1: some -Inf. 2: all -Inf. 3: both. 4: -Inf but for one. The others: finite. */
static void put_infinities(softmax_tensors *tensors) {
    test_tensor *x = &tensors->input;
    const int64_t width = width_of(x);
    for (int64_t w = 0; w < width; w++) {
        test_tensor_set(x, 2 * width + w, -(double)INFINITY);
        if (w % 3 == 0) {
            test_tensor_set(x, 1 * width + w, -(double)INFINITY);
            test_tensor_set(x, 3 * width + w, -(double)INFINITY);
        }
        if (w != width / 2) {
            test_tensor_set(x, 4 * width + w, -(double)INFINITY);
        }
    }
    test_tensor_set(x, width - 1, (double)INFINITY);
    test_tensor_set(x, 3 * width + width / 2, (double)INFINITY);
}

static void test_softmax_infinite_scores_follow_ieee(void **state) {
    run_forward(state, 1.0, TEST_MASK_NONE, put_infinities);
    run_forward(state, -0.7, TEST_MASK_NONE, put_infinities);
    run_forward(state, 1.0, TEST_MASK_FULL, put_infinities);
    run_forward(state, 0.125, TEST_MASK_TRIANGLE, put_infinities);
    run_forward(state, 0.0, TEST_MASK_NONE, put_infinities);
}

static void test_softmax_grad_infinite_gradients_follow_ieee(void **state) {
    run_gradient(state, TEST_MASK_NONE, put_infinities);
}

/* ---- The ends of the range ---- */

static void put_largest(softmax_tensors *tensors) {
    test_tensor *x = &tensors->input;
    const int64_t width = width_of(x);
    const double largest = oracle_largest(x->view.dtype);
    for (int64_t i = 0; i < test_tensor_count(x); i++) {
        const int64_t row = i / width;
        const int64_t w = i % width;
        const double value = row == 0   ? largest
                             : row == 1 ? -largest
                             : row == 2 ? (w % 2 == 0 ? largest : -largest)
                             : row == 3 ? (w == width / 2 ? largest : 0.0)
                                        : test_tensor_get(x, i);
        test_tensor_set(x, i, value);
    }
}

static void test_softmax_largest_values_do_not_overflow(void **state) {
    run_forward(state, 1.0, TEST_MASK_NONE, put_largest);
    run_forward(state, -1.0, TEST_MASK_FULL, put_largest);
    run_forward(state, 0.125, TEST_MASK_TRIANGLE, put_largest);
}

/* scale * x is beyond the range of fp32 here; the differences of the exponents are what counts. */
static void test_softmax_scores_beyond_fp32_are_still_right(void **state) {
    run_forward(state, 30.0, TEST_MASK_NONE, put_largest);
    run_forward(state, -1e30, TEST_MASK_FULL, put_largest);
}

static void put_smallest(softmax_tensors *tensors) {
    test_tensor *x = &tensors->input;
    const double smallest = oracle_smallest(x->view.dtype);
    for (int64_t i = 0; i < test_tensor_count(x); i++) {
        static const double multiples[] = {1.0, -1.0, 0.0, -0.0, 3.0, -100.0};
        test_tensor_set(x, i, multiples[i % 6] * smallest);
    }
}

static void test_softmax_denormals_and_zeros_are_ordinary(void **state) {
    run_forward(state, 1.0, TEST_MASK_NONE, put_smallest);
    run_forward(state, -30.0, TEST_MASK_FULL, put_smallest);
}

static void test_softmax_grad_denormals_and_zeros_are_ordinary(void **state) {
    run_gradient(state, TEST_MASK_NONE, put_smallest);
    run_gradient(state, TEST_MASK_FULL, put_smallest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_fully_masked_rows_give_one_over_width),
        cmocka_unit_test(test_softmax_grad_fully_masked_rows_give_zero),
        cmocka_unit_test(test_softmax_masked_places_are_never_looked_at),
        cmocka_unit_test(test_softmax_upper_triangle_is_never_looked_at),
        cmocka_unit_test(test_softmax_grad_masked_places_are_never_looked_at),
        cmocka_unit_test(test_softmax_nan_in_an_unmasked_place_fills_its_row_only),
        cmocka_unit_test(test_softmax_grad_nan_in_an_unmasked_place_fills_its_row_only),
        cmocka_unit_test(test_softmax_grad_nan_in_y_fills_its_row_only),
        cmocka_unit_test(test_softmax_scale_nan_or_infinite_follows_ieee),
        cmocka_unit_test(test_softmax_infinite_scores_follow_ieee),
        cmocka_unit_test(test_softmax_grad_infinite_gradients_follow_ieee),
        cmocka_unit_test(test_softmax_largest_values_do_not_overflow),
        cmocka_unit_test(test_softmax_scores_beyond_fp32_are_still_right),
        cmocka_unit_test(test_softmax_denormals_and_zeros_are_ordinary),
        cmocka_unit_test(test_softmax_grad_denormals_and_zeros_are_ordinary),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
