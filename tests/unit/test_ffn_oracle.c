/* The FFN oracle itself: hand-made numbers for each rounding, empty sums, experts and strides. */
#include <math.h>
#include <string.h>

#include "cmocka_all.h"
#include "ffn_bounds.h"
#include "ffn_internal.h"
#include "ffn_tensors.h"
#include "storage_types.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Ranges ---- */

static void expect_near(double value, double expected, double error) {
    if (!(fabs(value - expected) <= error)) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

static void test_ffn_oracle_activations_have_their_values(void **state) {
    (void)state;
    expect_near(oracle_activate(ORACLE_SILU, 1.0), 0.7310585786300049, 1e-15);
    expect_near(oracle_activate(ORACLE_SILU, -2.0), -0.2384058440442351, 1e-15);
    expect_near(oracle_activate(ORACLE_FASTGELU, 1.0), 0.8457957659328212, 1e-15);
    expect_near(oracle_activate(ORACLE_GELU, 1.0),
                0.5 * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * 1.044715)), 1e-15);
    /* The largest distance to the other form, with erf. */
    const double erf_form = 0.5 * 2.7 * (1.0 + erf(2.7 / sqrt(2.0)));
    expect_near(fabs(oracle_activate(ORACLE_GELU, 2.7) - erf_form), 4.73e-4, 1e-5);
    assert_true(oracle_activate(ORACLE_RELU, -3.0) == 0.0);
    assert_true(oracle_activate(ORACLE_RELU, 3.0) == 3.0);
    assert_true(isnan(oracle_activate(ORACLE_RELU, (double)NAN)));
    assert_true(oracle_activate(ORACLE_SILU, 1e4) == 1e4);
    assert_true(oracle_activate(ORACLE_GELU, -1e4) == 0.0);
}

static void test_ffn_oracle_quantisation_goes_through_fp16(void **state) {
    (void)state;
    static const struct {
        double value;
        double scale;
        double offset;
        double expected;
    } table[] = {
        {2.5, 1.0, 0.0, 2.0},
        {3.5, 1.0, 0.0, 4.0},
        {-2.5, 1.0, 0.0, -2.0},
        {-0.5, 1.0, 0.0, 0.0},
        {200.0, 1.0, 0.0, 127.0},
        {-200.0, 1.0, 0.0, -128.0},
        {127.5, 1.0, 0.0, 127.0},
        {-128.5, 1.0, 0.0, -128.0},
        {2.001953125, 10.0, 0.484375, 20.0}, /* 20.5039 if nothing were rounded: 21 */
        {1.0, 10.003, 0.5, 10.0},            /* the scale becomes 10, and 10.5 goes to even */
        {1.0, 9.0, 0.50001, 10.0},           /* the offset becomes 0.5, and 9.5 goes to even */
        {2049.0, 0.03125, 0.0, 64.0},        /* the value becomes 2048 */
        {70000.0, -1.0, 0.0, -128.0},        /* infinite in fp16 */
    };
    for (size_t i = 0; i < LENGTH(table); i++) {
        const oracle_range q = oracle_range_quantise(oracle_range_exact(table[i].value),
                                                     table[i].scale, table[i].offset);
        if (q.low != table[i].expected || q.high != table[i].expected ||
            q.value != table[i].expected) {
            fail_msg("line %zu: %g to %g, expected %g", i, q.low, q.high, table[i].expected);
        }
    }
    assert_true(oracle_range_quantise(oracle_range_exact((double)NAN), 1.0, 5.0).value == 0.0);
    assert_true(oracle_range_quantise(oracle_range_exact((double)INFINITY), 0.0, 5.0).value == 0.0);
    /* Near a boundary both sides are possible, with either sign of the scale. */
    const oracle_range near = oracle_range_quantise(oracle_range_around(2.5, 0.01), -1.0, 0.0);
    assert_true(near.low == -3.0 && near.high == -2.0);
}

static void test_ffn_oracle_dequantisation_is_exact_where_fp32_is(void **state) {
    (void)state;
    const oracle_range exact = oracle_range_dequantise(oracle_range_exact(1234567.0), 0.375);
    assert_true(exact.low == exact.high && exact.value == 1234567.0 * 0.375);
    const oracle_range rounded = oracle_range_dequantise(oracle_range_exact(16777217.0), 1.0);
    assert_true(rounded.low <= 16777216.0 && rounded.high >= 16777217.0);
    const oracle_range turned =
        oracle_range_dequantise((oracle_range){.low = 3.0, .value = 4.0, .high = 5.0}, -0.5);
    assert_true(turned.low <= -2.5 && turned.high >= -1.5 && turned.value == -2.0);
    assert_true(turned.low > -2.51 && turned.high < -1.49);
}

/* ---- Hand-made problems ---- */

typedef struct hand_made {
    clf_ffn_args args;
    oracle_ffn_inputs inputs;
    clf_tensor views[15];
    int num_views;
    oracle_ffn problem;
} hand_made;

static void begin(hand_made *made, const char *activation) {
    const clf_ffn_args defaults = CLF_FFN_ARGS;
    memset(made, 0, sizeof *made);
    made->args = defaults;
    made->args.activation = activation;
}

static const clf_tensor *view(hand_made *made, clf_dtype dtype, int64_t rows, int64_t columns) {
    const int64_t shape[] = {rows, columns};
    clf_tensor *tensor = &made->views[made->num_views++];
    *tensor = rows > 0 ? clf_tensor_contiguous(NULL, dtype, 2, shape)
                       : clf_tensor_contiguous(NULL, dtype, 1, shape + 1);
    return tensor;
}

#define GIVE(made, field, dtype, rows, columns, bytes)                                             \
    ((made)->args.field = view((made), (dtype), (rows), (columns)), (made)->inputs.field = (bytes))

/* Runs token 0; the oracle stays open. */
static void run(hand_made *made, oracle_range *y) {
    assert_true(oracle_ffn_open(&made->problem, &made->args, &made->inputs));
    oracle_ffn_row(&made->problem, 0, y);
}

static void test_ffn_oracle_by_hand_in_fp32(void **state) {
    (void)state;
    const float x[] = {1, 2};
    const float weight1[] = {1, -1, 0.5F, 2};
    const float bias1[] = {0.5F, -10};
    const float weight2[] = {2, 3};
    const float bias2[] = {1};
    oracle_range y[1];
    hand_made made;
    begin(&made, "ReLU");
    GIVE(&made, x, CLF_DTYPE_FP32, 1, 2, x);
    GIVE(&made, weight1, CLF_DTYPE_FP32, 2, 2, weight1);
    GIVE(&made, weight2, CLF_DTYPE_FP32, 2, 1, weight2);
    GIVE(&made, bias1, CLF_DTYPE_FP32, 0, 2, bias1);
    GIVE(&made, bias2, CLF_DTYPE_FP32, 0, 1, bias2);
    made.args.y = view(&made, CLF_DTYPE_FP32, 1, 1);
    run(&made, y);
    assert_true(y[0].value == 6.0);
    assert_true(made.problem.first[0].value == 2.5 && made.problem.first[1].value == -7.0);
    assert_true(made.problem.hidden[1].low == 0.0 && made.problem.hidden[1].high == 0.0);
    assert_true(oracle_range_holds(CLF_DTYPE_FP32, y[0], 6.0));
    assert_true(oracle_range_holds(CLF_DTYPE_FP32, y[0], 6.000001));
    assert_false(oracle_range_holds(CLF_DTYPE_FP32, y[0], 6.0001));
    assert_false(oracle_range_holds(CLF_DTYPE_FP32, y[0], (double)NAN));
    oracle_ffn_close(&made.problem);
    made.args.bias1 = NULL;
    made.args.bias2 = NULL;
    run(&made, y); /* [2, 3] */
    assert_true(y[0].value == 13.0);
    oracle_ffn_close(&made.problem);
}

static void test_ffn_oracle_gated_activations_take_the_right_half(void **state) {
    (void)state;
    static const struct {
        const char *activation;
        float weight1[2];
        double expected;
    } table[] = {{"reglu", {3, -2}, 0.0},
                 {"reglu", {-2, 3}, -6.0},
                 {"swiglu", {2, -2}, 2.0 * -0.2384058440442351},
                 {"geglu", {-3, 1}, -3.0 * 0.8411919906082768}};
    const float one[] = {1};
    for (size_t i = 0; i < LENGTH(table); i++) {
        oracle_range y[1];
        hand_made made;
        begin(&made, table[i].activation);
        GIVE(&made, x, CLF_DTYPE_FP32, 1, 1, one);
        GIVE(&made, weight1, CLF_DTYPE_FP32, 1, 2, table[i].weight1);
        GIVE(&made, weight2, CLF_DTYPE_FP32, 1, 1, one);
        made.args.y = made.args.x;
        run(&made, y);
        expect_near(y[0].value, table[i].expected, 3e-7); /* the hidden value is an fp32 */
        oracle_ffn_close(&made.problem);
    }
}

/* One token, one column: relu of `value`, then times 1. */
static double narrowed(clf_dtype dtype, double a, double b) {
    uint16_t x[2];
    uint16_t ones[2];
    oracle_range y[1];
    hand_made made;
    oracle_encode(dtype, a, &x[0]);
    oracle_encode(dtype, b, &x[1]);
    oracle_encode(dtype, 1.0, &ones[0]);
    ones[1] = ones[0];
    begin(&made, "relu");
    GIVE(&made, x, dtype, 1, 2, x);
    GIVE(&made, weight1, dtype, 2, 1, ones);
    GIVE(&made, weight2, dtype, 1, 1, ones);
    made.args.y = view(&made, dtype, 1, 1);
    run(&made, y);
    const double hidden = made.problem.hidden[0].value;
    assert_true(y[0].value == hidden);
    oracle_ffn_close(&made.problem);
    return hidden;
}

static void test_ffn_oracle_hidden_values_are_narrowed_to_even(void **state) {
    (void)state;
    assert_true(narrowed(CLF_DTYPE_FP16, 2048, 1) == 2048.0);
    assert_true(narrowed(CLF_DTYPE_FP16, 2048, 3) == 2052.0);
    assert_true(narrowed(CLF_DTYPE_BF16, 256, 1) == 256.0);
    assert_true(narrowed(CLF_DTYPE_BF16, 256, 3) == 260.0);
    assert_true(isinf(narrowed(CLF_DTYPE_FP16, 60000, 60000)));
}

static void test_ffn_oracle_scales_have_19_bits(void **state) {
    (void)state;
    const uint32_t single[] = {0x3DCCCCCD, 0x40490FDB}; /* 0.1, pi */
    const uint64_t wide[] = {UINT64_C(0xFFFFFFFF3DCCCCCD), UINT64_C(0x0000400040490FDB)};
    const uint16_t brain[] = {0x3DCD, 0x4049};
    const double upper[] = {0x1.998p-4, 0x1.92p+1};
    const struct {
        clf_dtype dtype;
        const void *bytes;
    } table[] = {{CLF_DTYPE_FP32, single}, {CLF_DTYPE_INT64, wide}, {CLF_DTYPE_UINT64, wide}};
    hand_made made;
    begin(&made, "relu");
    for (size_t i = 0; i < LENGTH(table); i++) {
        const oracle_operand scale = {view(&made, table[i].dtype, 0, 2), table[i].bytes};
        assert_true(oracle_ffn_deq_scale(&made.problem, &scale, 0, 0) == upper[0]);
        assert_true(oracle_ffn_deq_scale(&made.problem, &scale, 0, 1) == upper[1]);
    }
    const oracle_operand scale = {view(&made, CLF_DTYPE_BF16, 0, 2), brain};
    assert_true(oracle_ffn_deq_scale(&made.problem, &scale, 0, 0) == 0.10009765625);
}

static void test_ffn_oracle_by_hand_in_int8(void **state) {
    (void)state;
    const int8_t x[] = {-128, 127};
    const int8_t weight1[] = {-128, 1, 127, 0}; /* sums 32513, -128 */
    const int32_t bias1[] = {-32500, 133};
    const float deq_scale1[] = {0.5F, 0.5F}; /* 6.5, 2.5 */
    const float scale[] = {1};
    const float offset[] = {-4};
    const int8_t weight2[] = {10, 1};
    const int32_t bias2[] = {3};
    const float deq_scale2[] = {0.25F};
    oracle_range y[1];
    hand_made made;
    begin(&made, "relu");
    GIVE(&made, x, CLF_DTYPE_INT8, 1, 2, x);
    GIVE(&made, weight1, CLF_DTYPE_INT8, 2, 2, weight1);
    GIVE(&made, weight2, CLF_DTYPE_INT8, 2, 1, weight2);
    GIVE(&made, bias1, CLF_DTYPE_INT32, 0, 2, bias1);
    GIVE(&made, bias2, CLF_DTYPE_INT32, 0, 1, bias2);
    GIVE(&made, scale, CLF_DTYPE_FP32, 0, 1, scale);
    GIVE(&made, offset, CLF_DTYPE_FP32, 0, 1, offset);
    GIVE(&made, deq_scale1, CLF_DTYPE_FP32, 0, 2, deq_scale1);
    GIVE(&made, deq_scale2, CLF_DTYPE_FP32, 0, 1, deq_scale2);
    made.args.y = view(&made, CLF_DTYPE_FP16, 1, 1);
    run(&made, y);
    assert_true(made.problem.hidden[0].value == 2.0);  /* 2.5 goes to even  */
    assert_true(made.problem.hidden[1].value == -2.0); /* -1.5 goes to even */
    assert_true(y[0].value == (20 - 2 + 3) * 0.25);
    assert_true(y[0].low == y[0].value && y[0].high == y[0].value);
    oracle_ffn_close(&made.problem);
}

static void test_ffn_oracle_weights_are_rounded_step_by_step(void **state) {
    (void)state;
    const uint16_t x[] = {0x3C00, 0x3C00};        /* fp16: 1, 1 */
    const unsigned char weight1[] = {0x3F, 0x80}; /* int4: [[-1, 3], [0, -8]] */
    const unsigned char weight2[] = {0x11, 0x11};
    const uint16_t scale1[] = {0x3C01, 0x4200, 0x3800, 0x3C00};  /* 1 + 2^-10, 3; 0.5, 1 */
    const uint16_t offset1[] = {0x1400, 0x1400, 0x4000, 0x4900}; /* 2^-10, 2^-10; 2, 10 */
    const uint16_t scale2[] = {0x3C00, 0x3C00};
    const uint16_t offset2[] = {0, 0};
    oracle_range y[2];
    hand_made made;
    begin(&made, "relu");
    GIVE(&made, x, CLF_DTYPE_FP16, 1, 2, x);
    GIVE(&made, weight1, CLF_DTYPE_INT4, 2, 2, weight1);
    GIVE(&made, weight2, CLF_DTYPE_INT4, 2, 2, weight2);
    GIVE(&made, antiquant_scale1, CLF_DTYPE_FP16, 2, 2, scale1);
    GIVE(&made, antiquant_offset1, CLF_DTYPE_FP16, 2, 2, offset1);
    GIVE(&made, antiquant_scale2, CLF_DTYPE_FP16, 1, 2, scale2);
    GIVE(&made, antiquant_offset2, CLF_DTYPE_FP16, 1, 2, offset2);
    made.args.y = view(&made, CLF_DTYPE_FP16, 1, 2);
    run(&made, y);
    const float *values = made.problem.layers[0].values;
    assert_true((double)values[0] == -1.0); /* (-1 + 2^-10)(1 + 2^-10) = -1 + 2^-20 */
    assert_true((double)values[1] == 9.0);  /* 3 + 2^-10 is a tie: 3 */
    assert_true((double)values[2] == 1.0);
    assert_true((double)values[3] == 2.0);
    assert_true(y[0].value == 11.0 && y[1].value == 11.0); /* relu(0) + 11 */
    oracle_ffn_close(&made.problem);
}

static void test_ffn_oracle_bf16_weights_are_rounded_once(void **state) {
    (void)state;
    const uint16_t one[] = {0x3F80};
    const int8_t weight1[] = {100};
    const uint16_t scale[] = {0x3F81};  /* 1 + 2^-7 */
    const uint16_t offset[] = {0x3F00}; /* 0.5: the sum 100.5 has too many bits for bf16 */
    const uint16_t zero[] = {0};
    oracle_range y[1];
    hand_made made;
    begin(&made, "relu");
    GIVE(&made, x, CLF_DTYPE_BF16, 1, 1, one);
    GIVE(&made, weight1, CLF_DTYPE_INT8, 1, 1, weight1);
    GIVE(&made, weight2, CLF_DTYPE_INT8, 1, 1, weight1);
    GIVE(&made, antiquant_scale1, CLF_DTYPE_BF16, 0, 1, scale);
    GIVE(&made, antiquant_offset1, CLF_DTYPE_BF16, 0, 1, offset);
    GIVE(&made, antiquant_scale2, CLF_DTYPE_BF16, 0, 1, one);
    GIVE(&made, antiquant_offset2, CLF_DTYPE_BF16, 0, 1, zero);
    made.args.y = view(&made, CLF_DTYPE_BF16, 1, 1);
    run(&made, y);
    assert_true((double)made.problem.layers[0].values[0] == 101.5); /* of 101.285 */
    oracle_ffn_close(&made.problem);
}

/* ---- Experts ---- */

static void expect_ends(const int64_t *tokens, bool as_ends, const int64_t *expected) {
    const float number[64] = {0};
    const int64_t weight_shape[] = {4, 1, 1};
    const int64_t tokens_shape[] = {4};
    hand_made made;
    begin(&made, "relu");
    GIVE(&made, x, CLF_DTYPE_FP32, 10, 1, number);
    clf_tensor weight = clf_tensor_contiguous(NULL, CLF_DTYPE_FP32, 3, weight_shape);
    clf_tensor device = clf_tensor_contiguous(NULL, CLF_DTYPE_INT64, 1, tokens_shape);
    made.args.weight1 = made.args.weight2 = &weight;
    made.inputs.weight1 = made.inputs.weight2 = number;
    made.args.expert_tokens_tensor = &device;
    made.args.tokens_index_flag = as_ends;
    made.inputs.expert_tokens_tensor = tokens;
    made.args.y = made.args.x;
    assert_true(oracle_ffn_open(&made.problem, &made.args, &made.inputs));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(made.problem.ends[i], expected[i]);
    }
    for (int64_t token = 0; token < 10; token++) {
        int64_t expert = 0;
        while (expert < 4 && token >= expected[expert]) {
            expert++;
        }
        assert_int_equal(oracle_ffn_expert(&made.problem, token), expert < 4 ? expert : -1);
    }
    oracle_ffn_close(&made.problem);
}

static void test_ffn_oracle_ranges_of_experts_stay_within_the_tokens(void **state) {
    (void)state;
    expect_ends((const int64_t[]){2, 2, 0, 6}, false, (const int64_t[]){2, 4, 4, 10});
    expect_ends((const int64_t[]){2, 4, 4, 10}, true, (const int64_t[]){2, 4, 4, 10});
    expect_ends((const int64_t[]){2, 2, 0, 1}, false, (const int64_t[]){2, 4, 4, 5});
    expect_ends((const int64_t[]){5, -3, 2, INT64_MIN}, false, (const int64_t[]){5, 5, 7, 7});
    expect_ends((const int64_t[]){5, 2, 4, 20}, true, (const int64_t[]){5, 5, 5, 10});
    expect_ends((const int64_t[]){-1, INT64_MAX, 3, 3}, false, (const int64_t[]){0, 10, 10, 10});
    expect_ends((const int64_t[]){INT64_MIN, 3, INT64_MAX, 3}, true,
                (const int64_t[]){0, 3, 10, 10});
}

/* ---- Empty sums, special values ---- */

static void test_ffn_oracle_empty_sums_leave_the_bias(void **state) {
    (void)state;
    ffn_case tested = ffn_case_default();
    static const ffn_types types[] = {TEST_FFN_FP16, TEST_FFN_INT8_TO_FP16, TEST_FFN_BF16_INT4};
    for (size_t i = 0; i < LENGTH(types); i++) {
        ffn_tensors tensors;
        oracle_ffn problem;
        oracle_range y[6];
        tested.types = types[i];
        tested.depth2 = 0;
        tested.has_bias2 = true;
        ffn_tensors_make(&tensors, &tested);
        ffn_tensors_open_oracle(&tensors, &problem);
        oracle_ffn_row(&problem, 3, y);
        for (int64_t n = 0; n < 6; n++) {
            const double bias = test_tensor_get(&tensors.memory[TEST_FFN_BIAS2], n);
            const double scale =
                types[i] != TEST_FFN_INT8_TO_FP16
                    ? 1.0
                    : oracle_ffn_deq_scale(&problem, &problem.layers[1].deq_scale, 0, n);
            assert_true(y[n].value == bias * scale);
        }
        oracle_ffn_close(&problem);
        ffn_tensors_free(&tensors);
    }
}

static void test_ffn_oracle_nan_spreads_over_its_token(void **state) {
    (void)state;
    ffn_case tested = ffn_case_default();
    ffn_tensors tensors;
    oracle_ffn problem;
    oracle_range y[6];
    tested.types = TEST_FFN_FP16;
    ffn_tensors_make(&tensors, &tested);
    test_tensor_set(&tensors.memory[TEST_FFN_X], 8 + 2, (double)NAN);
    ffn_tensors_open_oracle(&tensors, &problem);
    oracle_ffn_row(&problem, 0, y);
    assert_true(isfinite(y[0].value));
    oracle_ffn_row(&problem, 1, y);
    for (int n = 0; n < 6; n++) {
        assert_true(oracle_range_holds(CLF_DTYPE_FP16, y[n], (double)NAN));
        assert_false(oracle_range_holds(CLF_DTYPE_FP16, y[n], 0.0));
    }
    oracle_ffn_close(&problem);
    ffn_tensors_free(&tensors);
}

/* ---- Memory ---- */

static void test_ffn_oracle_layouts_do_not_change_the_rows(void **state) {
    (void)state;
    static const test_layout layouts[] = {TEST_TRANSPOSED, TEST_GAPS, TEST_NEGATIVE};
    for (int types = 0; types < TEST_NUM_FFN_TYPES; types++) {
        for (size_t i = 0; i < LENGTH(layouts); i++) {
            ffn_case cases[2] = {ffn_case_default(), ffn_case_default()};
            ffn_tensors tensors[2];
            oracle_range y[2][6];
            for (int which = 0; which < 2; which++) {
                ffn_case *tested = &cases[which];
                oracle_ffn problem;
                tested->types = (ffn_types)types;
                tested->num_axes = 2;
                tested->tokens[1] = 3;
                tested->has_bias1 = tested->has_bias2 = true;
                if (types != TEST_FFN_FP16_INT4 && types != TEST_FFN_BF16_INT4) {
                    tested->weight_layout = which == 1 ? layouts[i] : TEST_CONTIGUOUS;
                }
                tested->x_layout = tested->vector_layout = tested->y_layout =
                    which == 1 ? layouts[i] : TEST_CONTIGUOUS;
                tested->misalign = (size_t)which * 3;
                ffn_tensors_make(&tensors[which], tested);
                ffn_tensors_open_oracle(&tensors[which], &problem);
                oracle_ffn_row(&problem, 7, y[which]);
                oracle_ffn_close(&problem);
            }
            for (int n = 0; n < 6; n++) {
                assert_true(y[0][n].value == y[1][n].value);
            }
            ffn_tensors_free(&tensors[0]);
            ffn_tensors_free(&tensors[1]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ffn_oracle_activations_have_their_values),
        cmocka_unit_test(test_ffn_oracle_quantisation_goes_through_fp16),
        cmocka_unit_test(test_ffn_oracle_dequantisation_is_exact_where_fp32_is),
        cmocka_unit_test(test_ffn_oracle_by_hand_in_fp32),
        cmocka_unit_test(test_ffn_oracle_gated_activations_take_the_right_half),
        cmocka_unit_test(test_ffn_oracle_hidden_values_are_narrowed_to_even),
        cmocka_unit_test(test_ffn_oracle_scales_have_19_bits),
        cmocka_unit_test(test_ffn_oracle_by_hand_in_int8),
        cmocka_unit_test(test_ffn_oracle_weights_are_rounded_step_by_step),
        cmocka_unit_test(test_ffn_oracle_bf16_weights_are_rounded_once),
        cmocka_unit_test(test_ffn_oracle_ranges_of_experts_stay_within_the_tokens),
        cmocka_unit_test(test_ffn_oracle_empty_sums_leave_the_bias),
        cmocka_unit_test(test_ffn_oracle_nan_spreads_over_its_token),
        cmocka_unit_test(test_ffn_oracle_layouts_do_not_change_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
