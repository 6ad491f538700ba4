/* The bounds of FFN's results: ranges hold what they should, the plain fp32 computation lies within
 * them, and wrong computations lie outside. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"
#include "ffn_draw.h"
#include "ffn_tensors.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void test_ffn_bounds_ranges_hold_all_that_lies_between(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    for (int round = 0; round < 20000; round++) {
        const oracle_activation activation =
            (oracle_activation)test_random_below(&random, ORACLE_NUM_ACTIVATIONS);
        const double width = exp2(test_random_uniform(&random, -20.0, -4.0));
        const oracle_range input =
            oracle_range_around(test_random_uniform(&random, -6.0, 6.0), width);
        const oracle_range result = oracle_range_activate(activation, input);
        for (int i = 0; i <= 20; i++) {
            const double step = (input.high - input.low) * i / 20.0;
            const double v = fmin(input.low + step, input.high);
            const double f = oracle_activate(activation, v);
            assert_true(result.low <= f && f <= result.high);
        }
        assert_true(result.high - result.low <= 1.2 * 2.0 * width + width * width + 2e-5);
    }
}

/* ---- The plain computation ---- */

#define MAX_KINDS 160

/* A row of the plain computation, of a problem that may have been spoilt, against the true one.
 * Counts values that are refused, values in all, and values that had no choice; `worst` is the
 * largest error of fp32 results as a share of what is allowed. */
typedef struct plain_count {
    size_t refused;
    size_t certain;
    size_t all;
    double worst;
} plain_count;

static void compare_plain(oracle_ffn *problem, oracle_ffn *spoilt, plain_count *total) {
    const int64_t width = problem->layers[1].width;
    const clf_dtype dtype = problem->args.y->dtype;
    oracle_range *y = (oracle_range *)calloc((size_t)width + 1, sizeof *y);
    double *plain = (double *)calloc((size_t)width + 1, sizeof *plain);
    assert_non_null(y);
    assert_non_null(plain);
    for (int64_t token = 0; token < problem->num_tokens; token++) {
        if (oracle_ffn_expert(problem, token) < 0) {
            continue;
        }
        oracle_ffn_row(problem, token, y);
        oracle_ffn_row_plain(spoilt, token, plain);
        for (int64_t n = 0; n < width; n++) {
            const oracle_range rounded = oracle_range_round(dtype, y[n]);
            total->refused += !oracle_range_holds(dtype, y[n], plain[n]);
            total->certain += rounded.low == rounded.high;
            total->all++;
            if (dtype == CLF_DTYPE_FP32 && y[n].high > y[n].low) {
                const double error = fabs(plain[n] - y[n].value);
                total->worst = fmax(total->worst, 2.0 * error / (y[n].high - y[n].low));
            }
        }
    }
    free(y);
    free(plain);
}

static void test_ffn_bounds_plain_computation_is_within_the_bounds(void **state) {
    (void)state;
    static ffn_kind kinds[MAX_KINDS];
    plain_count totals[TEST_NUM_FFN_TYPES] = {{0, 0, 0, 0.0}};
    test_random random = test_random_from(test_seed());
    size_t missing = 0;
    const size_t num_kinds = ffn_kinds_draw(&random, true, kinds, MAX_KINDS, &missing);
    assert_int_equal(missing, 0);
    size_t wrong = 0;
    for (size_t i = 0; i < 600; i++) {
        const ffn_case tested = ffn_case_draw(&random, &kinds[i % num_kinds], 4e5);
        ffn_tensors tensors;
        oracle_ffn problem;
        plain_count *total = &totals[tested.types];
        const size_t before = total->refused;
        ffn_tensors_make(&tensors, &tested);
        ffn_tensors_open_oracle(&tensors, &problem);
        compare_plain(&problem, &problem, total);
        if (total->refused > before && wrong++ < 5) {
            char text[1024];
            ffn_case_text(&tested, text, sizeof text);
            print_error("%zu refused: %s\n", total->refused - before, text);
        }
        oracle_ffn_close(&problem);
        ffn_tensors_free(&tensors);
    }
    for (int types = 0; types < TEST_NUM_FFN_TYPES; types++) {
        const plain_count *total = &totals[types];
        printf("types %d: %zu values, %.1f %% certain, largest share %.2f\n", types, total->all,
               100.0 * (double)total->certain / (double)(total->all > 0 ? total->all : 1),
               total->worst);
    }
    assert_int_equal(wrong, 0);
}

/* ---- Wrong computations ---- */

typedef void (*spoiler)(oracle_ffn *problem);

static void spoil_activation(oracle_ffn *problem) {
    problem->activation = problem->activation == ORACLE_GELU ? ORACLE_FASTGELU : ORACLE_GELU;
}

static void spoil_narrowing(oracle_ffn *problem) {
    problem->hidden_dtype = CLF_DTYPE_FP32;
}

static void spoil_bias(oracle_ffn *problem) {
    problem->layers[1].bias.tensor = NULL;
}

static void spoil_experts(oracle_ffn *problem) {
    problem->ends[0]++;
}

/* Every second group: as if groups were twice as large. */
static void spoil_groups(oracle_ffn *problem) {
    clf_tensor *scale = (clf_tensor *)problem->layers[0].antiquant_scale.tensor;
    scale->strides[0] = 0;
}

static void test_ffn_bounds_wrong_computations_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        spoiler spoil;
        ffn_types types;
    } table[] = {
        {"activation fp16", spoil_activation, TEST_FFN_FP16},
        {"activation bf16", spoil_activation, TEST_FFN_BF16},
        {"activation int8", spoil_activation, TEST_FFN_INT8_TO_FP16},
        {"narrowing fp16", spoil_narrowing, TEST_FFN_FP16},
        {"narrowing bf16", spoil_narrowing, TEST_FFN_BF16},
        {"bias fp32", spoil_bias, TEST_FFN_FP32},
        {"bias int8", spoil_bias, TEST_FFN_INT8_TO_BF16},
        {"experts fp16", spoil_experts, TEST_FFN_FP16_INT8},
        {"groups int4", spoil_groups, TEST_FFN_FP16_INT4},
    };
    for (size_t i = 0; i < LENGTH(table); i++) {
        ffn_case tested = ffn_case_default();
        ffn_tensors tensors;
        ffn_tensors others;
        oracle_ffn problem;
        oracle_ffn spoilt;
        plain_count total = {0, 0, 0, 0.0};
        tested.types = table[i].types;
        tested.activation = 1;
        tested.has_bias1 = tested.has_bias2 = true;
        tested.tokens[0] = 12;
        tested.depth1 = 48;
        tested.depth2 = 64;
        tested.width2 = 40;
        tested.seed = test_seed() + i;
        if (table[i].spoil == spoil_experts) {
            tested.expert_form = TEST_EXPERTS_COUNTS;
            tested.num_experts = 3;
            tested.counts[0] = 5;
            tested.counts[2] = 7;
        }
        tested.groups1 = tested.groups2 = table[i].spoil == spoil_groups ? 4 : 0;
        ffn_tensors_make(&tensors, &tested);
        ffn_tensors_make(&others, &tested);
        ffn_tensors_open_oracle(&tensors, &problem);
        ffn_tensors_open_oracle(&others, &spoilt);
        table[i].spoil(&spoilt);
        compare_plain(&problem, &spoilt, &total);
        printf("%s: %zu of %zu values refused\n", table[i].name, total.refused, total.all);
        assert_true(total.refused >= 20);
        oracle_ffn_close(&problem);
        oracle_ffn_close(&spoilt);
        ffn_tensors_free(&tensors);
        ffn_tensors_free(&others);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ffn_bounds_ranges_hold_all_that_lies_between),
        cmocka_unit_test(test_ffn_bounds_plain_computation_is_within_the_bounds),
        cmocka_unit_test(test_ffn_bounds_wrong_computations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
