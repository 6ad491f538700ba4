/*
 * The oracle itself: central differences, closed forms, published values, storage types against the
 * compiler's conversions. Everything else leans on it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "cmocka_all.h"
#include "storage_types.h"
#include "test_random.h"

#define MAX_WIDTH 16

static clf_tensor view_of(clf_dtype dtype, int32_t rank, const int64_t *shape) {
    clf_tensor view;
    memset(&view, 0, sizeof view);
    view.dtype = dtype;
    view.rank = rank;
    int64_t stride = 1;
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        view.shape[axis] = shape[axis];
        view.strides[axis] = stride;
        stride *= shape[axis];
    }
    return view;
}

static oracle_softmax problem_of(const float *x, const oracle_tensor *mask, int64_t height,
                                 int64_t width, double scale) {
    const int64_t shape[] = {height, width};
    oracle_softmax problem;
    memset(&problem, 0, sizeof problem);
    problem.x = (oracle_tensor){x, view_of(CLF_DTYPE_FP32, 2, shape)};
    problem.mask = mask;
    problem.scale = scale;
    return problem;
}

/* d/dx[i] of sum(g * softmax(x)) by central differences of the forward in double. The step is exact
 * in float: x lies on a grid of 2^-10 and the step is a power of two next to the prescribed one. */
static double difference_quotient(float *x, const float *g, oracle_softmax *problem, int64_t width,
                                  int64_t index) {
    const double step = exp2(round(log2(oracle_difference_step())));
    double sum[2] = {0.0, 0.0};
    const float middle = x[index];
    double row[MAX_WIDTH];
    for (int side = 0; side < 2; side++) {
        x[index] = (float)((double)middle + (side == 0 ? step : -step));
        assert_true((double)x[index] == (double)middle + (side == 0 ? step : -step));
        oracle_softmax_row(problem, 0, row, NULL);
        for (int64_t w = 0; w < width; w++) {
            sum[side] += (double)g[w] * row[w];
        }
    }
    x[index] = middle;
    return (sum[0] - sum[1]) / (2.0 * step);
}

static void check_gradient_of_row(test_random *random, int64_t width, double scale,
                                  double density) {
    float x[MAX_WIDTH];
    float y[MAX_WIDTH];
    float g[MAX_WIDTH];
    unsigned char mask_bytes[MAX_WIDTH];
    double row[MAX_WIDTH];
    const int64_t shape[] = {1, width};
    for (int64_t w = 0; w < width; w++) {
        /* Multiples of 2^-3 below 1, so that x +- 2^-20 is exact in float. */
        x[w] = (float)test_random_between(random, -7, 7) / 8.0F;
        g[w] = (float)test_random_between(random, -80, 80) / 16.0F;
        mask_bytes[w] = test_random_chance(random, density);
    }
    const oracle_tensor mask = {mask_bytes, view_of(CLF_DTYPE_BOOL, 2, shape)};
    oracle_softmax problem = problem_of(x, &mask, 1, width, scale);
    oracle_softmax_row(&problem, 0, row, NULL);
    for (int64_t w = 0; w < width; w++) {
        y[w] = (float)row[w];
    }
    problem.grad_output = (oracle_tensor){g, problem.x.view};
    problem.y = (oracle_tensor){y, problem.x.view};
    oracle_softmax_grad_row(&problem, 0, row, NULL);
    for (int64_t w = 0; w < width; w++) {
        const double quotient = difference_quotient(x, g, &problem, width, w);
        assert_true(oracle_close_to_difference_quotient(row[w], quotient));
    }
}

static void test_oracle_gradient_equals_central_differences(void **state) {
    (void)state;
    static const double scales[] = {1.0, 0.125, -0.7, 0.0, 30.0};
    test_random random = test_random_from(test_seed());
    for (int round = 0; round < 200; round++) {
        const int64_t width = test_random_between(&random, 1, MAX_WIDTH);
        const double density = round % 4 == 0 ? 0.0 : 0.4;
        check_gradient_of_row(&random, width, scales[round % 5], density);
    }
}

static void test_oracle_uniform_row_gives_one_over_width(void **state) {
    (void)state;
    float x[MAX_WIDTH];
    double row[MAX_WIDTH];
    for (int64_t width = 1; width <= MAX_WIDTH; width++) {
        for (int64_t w = 0; w < width; w++) {
            x[w] = 3.5F;
        }
        const oracle_softmax problem = problem_of(x, NULL, 1, width, -0.7);
        oracle_softmax_row(&problem, 0, row, NULL);
        for (int64_t w = 0; w < width; w++) {
            assert_true(fabs(row[w] - 1.0 / (double)width) < 1e-16);
        }
    }
}

static void test_oracle_two_columns_give_the_logistic_function(void **state) {
    (void)state;
    double row[2];
    for (int i = -40; i <= 40; i++) {
        const float x[] = {(float)i / 4.0F, 0.0F};
        const oracle_softmax problem = problem_of(x, NULL, 1, 2, 1.5);
        oracle_softmax_row(&problem, 0, row, NULL);
        assert_true(fabs(row[0] - 1.0 / (1.0 + exp(-1.5 * (double)x[0]))) < 1e-15);
    }
}

/* The printed results of the official sample programs: x = 1..16, every other row masked. */
static const unsigned char sample_mask[16] = {1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0};

static void test_oracle_official_sample_gives_published_forward(void **state) {
    (void)state;
    static const double published[4] = {0.5, 0.5, 0.268941, 0.731059};
    const int64_t shape[] = {8, 2};
    float x[16];
    double row[2];
    for (int i = 0; i < 16; i++) {
        x[i] = (float)(i + 1);
    }
    const oracle_tensor mask = {sample_mask, view_of(CLF_DTYPE_BOOL, 2, shape)};
    const oracle_softmax problem = problem_of(x, &mask, 8, 2, 1.0);
    for (int64_t r = 0; r < 8; r++) {
        oracle_softmax_row(&problem, r, row, NULL);
        assert_true(fabs(row[0] - published[r % 2 * 2]) < 5e-7);
        assert_true(fabs(row[1] - published[r % 2 * 2 + 1]) < 5e-7);
    }
}

static void test_oracle_official_sample_gives_published_gradient(void **state) {
    (void)state;
    static const double published[16] = {0, 0, -66,   -84,   0, 0, -742,  -840,
                                         0, 0, -2794, -3036, 0, 0, -6990, -7440};
    const int64_t shape[] = {8, 2};
    float values[16];
    double row[2];
    for (int i = 0; i < 16; i++) {
        values[i] = (float)(i + 1);
    }
    const oracle_tensor mask = {sample_mask, view_of(CLF_DTYPE_BOOL, 2, shape)};
    oracle_softmax problem = problem_of(values, &mask, 8, 2, 1.0);
    problem.grad_output = problem.x;
    problem.y = problem.x;
    for (int64_t r = 0; r < 8; r++) {
        oracle_softmax_grad_row(&problem, r, row, NULL);
        assert_true(row[0] == published[r * 2] && row[1] == published[r * 2 + 1]);
    }
}

static void test_oracle_plain_computation_is_near_the_reference(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    float x[MAX_WIDTH];
    double reference[MAX_WIDTH];
    double plain[MAX_WIDTH];
    for (int round = 0; round < 100; round++) {
        for (int w = 0; w < MAX_WIDTH; w++) {
            x[w] = (float)test_random_normal(&random);
        }
        const oracle_softmax problem = problem_of(x, NULL, 1, MAX_WIDTH, 2.0);
        oracle_softmax_row(&problem, 0, reference, NULL);
        oracle_softmax_row_plain(&problem, 0, plain);
        for (int w = 0; w < MAX_WIDTH; w++) {
            assert_true(fabs(reference[w] - plain[w]) < 1e-6);
            /* A plain computation in double would show no error at all. */
            assert_true(plain[w] == (double)(float)plain[w]);
        }
    }
}

/* The check must catch what it is there for: each way of being wrong, one at a time. */
static void test_oracle_check_rejects_wrong_results(void **state) {
    (void)state;
    float x[8] = {0.1F, -1.0F, 2.0F, 0.5F, 0.0F, 1.0F, -0.5F, 0.25F};
    float y[8];
    double row[8];
    const oracle_softmax problem = problem_of(x, NULL, 1, 8, 1.0);
    const oracle_tensor result = {y, problem.x.view};
    static const float wrong[] = {-1e-3F, 1.5F, NAN, INFINITY, -INFINITY};
    oracle_softmax_row(&problem, 0, row, NULL);
    for (size_t i = 0; i <= sizeof wrong / sizeof wrong[0] + 1; i++) {
        for (int w = 0; w < 8; w++) {
            y[w] = (float)row[w];
        }
        if (i < sizeof wrong / sizeof wrong[0]) {
            y[3] = wrong[i];
        } else if (i == sizeof wrong / sizeof wrong[0]) {
            y[3] += 4e-6F;
        }
        const oracle_verdict verdict = oracle_check_softmax(&problem, &result, 0, 1);
        assert_int_equal(verdict.ok, i == sizeof wrong / sizeof wrong[0] + 1);
        assert_int_equal(verdict.reason[0] == '\0', verdict.ok);
    }
}

static void test_storage_bf16_rounds_as_the_upper_half_of_fp32(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    for (int round = 0; round < 200000; round++) {
        uint32_t bits = (uint32_t)test_random_next(&random);
        float value;
        uint16_t stored;
        memcpy(&value, &bits, sizeof value);
        oracle_encode(CLF_DTYPE_BF16, (double)value, &stored);
        if (isnan(value)) {
            assert_true(isnan(oracle_decode(CLF_DTYPE_BF16, &stored)));
        } else {
            assert_int_equal(stored, (bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    }
}

static void test_storage_fp16_every_value_survives_a_round_trip(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const uint16_t stored = (uint16_t)bits;
        uint16_t again;
        const double value = oracle_decode(CLF_DTYPE_FP16, &stored);
        oracle_encode(CLF_DTYPE_FP16, value, &again);
        if (isnan(value)) {
            assert_true(isnan(oracle_decode(CLF_DTYPE_FP16, &again)));
        } else {
            assert_int_equal(stored, again);
        }
    }
}

/* Known encodings, and ties between neighbours, which go to the even one. */
static void test_storage_fp16_rounds_ties_to_even(void **state) {
    (void)state;
    static const struct {
        double value;
        uint16_t bits;
    } known[] = {{1.0, 0x3C00},           {-2.0, 0xC000},          {65504.0, 0x7BFF},
                 {65519.99, 0x7BFF},      {65520.0, 0x7C00},       {0x1p-24, 0x0001},
                 {0x1p-25, 0x0000},       {0x1.8p-24, 0x0002},     {0x1p-14, 0x0400},
                 {1.0 + 0x1p-11, 0x3C00}, {1.0 + 0x3p-11, 0x3C02}, {-0.0, 0x8000}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint16_t stored;
        oracle_encode(CLF_DTYPE_FP16, known[i].value, &stored);
        assert_int_equal(stored, known[i].bits);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oracle_gradient_equals_central_differences),
        cmocka_unit_test(test_oracle_uniform_row_gives_one_over_width),
        cmocka_unit_test(test_oracle_two_columns_give_the_logistic_function),
        cmocka_unit_test(test_oracle_official_sample_gives_published_forward),
        cmocka_unit_test(test_oracle_official_sample_gives_published_gradient),
        cmocka_unit_test(test_oracle_plain_computation_is_near_the_reference),
        cmocka_unit_test(test_oracle_check_rejects_wrong_results),
        cmocka_unit_test(test_storage_bf16_rounds_as_the_upper_half_of_fp32),
        cmocka_unit_test(test_storage_fp16_every_value_survives_a_round_trip),
        cmocka_unit_test(test_storage_fp16_rounds_ties_to_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
