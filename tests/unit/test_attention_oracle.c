/*
 * The attention oracle itself: worked goldens, dropout vectors, closed forms, biases compressed and
 * whole, layouts against each other, and wrong results that its check must refuse.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_bounds.h"
#include "attention_goldens.h"
#include "attention_internal.h"
#include "cmocka_all.h"
#include "storage_types.h"
#include "test_random.h"

static clf_tensor view(clf_dtype dtype, int32_t rank, int64_t a, int64_t b, int64_t c, int64_t d) {
    const int64_t shape[] = {a, b, c, d};
    clf_tensor tensor;
    int64_t stride = 1;
    memset(&tensor, 0, sizeof tensor);
    tensor.dtype = dtype;
    tensor.rank = rank;
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        tensor.shape[axis] = shape[axis];
        tensor.strides[axis] = stride;
        stride *= shape[axis] > 0 ? shape[axis] : 1;
    }
    return tensor;
}

/* ---- The tiny golden: B = N = 1, Sq = 2, Skv = 3, D = 2, scale 0.5 ---- */

static void check_golden(const attention_golden *expected) {
    const clf_tensor query = view(CLF_DTYPE_FP32, 4, 1, 1, 2, 2);
    const clf_tensor key = view(CLF_DTYPE_FP32, 4, 1, 1, 3, 2);
    const clf_tensor pse = view(CLF_DTYPE_FP32, 4, 1, 1, 2, 3);
    const clf_tensor slopes = view(CLF_DTYPE_FP32, 1, 1, 0, 0, 0);
    const clf_tensor mask = view(CLF_DTYPE_BOOL, 2, 2, 3, 0, 0);
    const clf_tensor bits = view(CLF_DTYPE_UINT8, 1, 1, 0, 0, 0);
    const clf_tensor statistic = view(CLF_DTYPE_FP32, 4, 1, 1, 2, 8);
    oracle_attention_inputs inputs = {
        attention_golden_query, attention_golden_key, attention_golden_value, NULL, NULL, NULL};
    clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    args.query = args.attention_out = &query;
    args.key = args.value = &key;
    args.softmax_max = args.softmax_sum = &statistic;
    args.input_layout = "BNSD";
    args.head_num = 1;
    args.scale = 0.5;
    args.keep_prob = expected->keep_prob;
    args.inner_precise = expected->inner_precise;
    if (expected->pse_type >= 0) {
        args.pse_type = expected->pse_type;
        args.pse = expected->pse_type >= 2 ? &slopes : &pse;
        inputs.pse = expected->pse_type >= 2 ? attention_golden_slope : attention_golden_pse;
    }
    if (expected->has_mask) {
        args.atten_mask = &mask;
        inputs.atten_mask = attention_golden_mask;
    }
    if (expected->keep_prob < 1.0) {
        args.drop_mask = &bits;
        inputs.drop_mask = attention_golden_keep;
    }
    oracle_attention problem;
    assert_true(oracle_attention_open(&problem, &args, &inputs));
    assert_int_equal(oracle_attention_num_rows(&problem), 2);
    for (int64_t i = 0; i < 2; i++) {
        double out[2];
        oracle_attention_row row = {.out = out};
        const oracle_attention_place place = {0, 0, i};
        for (int plain = 0; plain < 2; plain++) {
            if (plain == 0) {
                oracle_attention_compute_row(&problem, &place, &row);
            } else {
                oracle_attention_compute_row_plain(&problem, &place, &row);
            }
            const bool is_right = oracle_close_to_printed(out[0], expected->out[2 * i]) &&
                                  oracle_close_to_printed(out[1], expected->out[2 * i + 1]) &&
                                  oracle_close_to_printed(row.max, expected->max[i]) &&
                                  oracle_close_to_printed(row.sum, expected->sum[i]);
            if (!is_right) {
                fail_msg("%s row %lld plain %d: %.7f %.7f max %.7f sum %.7f", expected->name,
                         (long long)i, plain, out[0], out[1], row.max, row.sum);
            }
        }
    }
    oracle_attention_close(&problem);
}

static void test_attention_oracle_gives_the_worked_goldens(void **state) {
    (void)state;
    for (size_t i = 0; i < attention_num_goldens; i++) {
        check_golden(&attention_goldens[i]);
    }
}

/* ---- A problem in host memory, for the rest ---- */

#define MAX_ELEMENTS 4096

typedef struct host_problem {
    clf_tensor query, key, value, out, statistic;
    float query_data[MAX_ELEMENTS], key_data[MAX_ELEMENTS], value_data[MAX_ELEMENTS];
    oracle_attention_inputs inputs;
    clf_flash_attention_args args;
} host_problem;

static void fill(float *data, test_random *random, double deviation) {
    for (size_t i = 0; i < MAX_ELEMENTS; i++) {
        data[i] = (float)(deviation * test_random_normal(random));
    }
}

/* BNSD, fp32. */
static void make_problem(host_problem *made, test_random *random, int64_t heads, int64_t key_heads,
                         int64_t q, int64_t k, int64_t depth, int64_t value_depth) {
    const clf_flash_attention_args defaults = CLF_FLASH_ATTENTION_ARGS;
    assert_true(heads * (q > k ? q : k) * depth <= MAX_ELEMENTS);
    made->query = view(CLF_DTYPE_FP32, 4, 1, heads, q, depth);
    made->key = view(CLF_DTYPE_FP32, 4, 1, key_heads, k, depth);
    made->value = view(CLF_DTYPE_FP32, 4, 1, key_heads, k, value_depth);
    made->out = view(CLF_DTYPE_FP32, 4, 1, heads, q, value_depth);
    made->statistic = view(CLF_DTYPE_FP32, 4, 1, heads, q, 8);
    fill(made->query_data, random, 1.0);
    fill(made->key_data, random, 1.0);
    fill(made->value_data, random, 1.0);
    made->inputs = (oracle_attention_inputs){
        made->query_data, made->key_data, made->value_data, NULL, NULL, NULL};
    made->args = defaults;
    made->args.query = &made->query;
    made->args.key = &made->key;
    made->args.value = &made->value;
    made->args.attention_out = &made->out;
    made->args.softmax_max = made->args.softmax_sum = &made->statistic;
    made->args.input_layout = "BNSD";
    made->args.head_num = heads;
    made->args.scale = 1.0 / sqrt((double)depth);
}

static void test_attention_oracle_equal_keys_give_the_mean_value(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    host_problem made;
    oracle_attention problem;
    double out[3];
    double unit[3];
    oracle_attention_row row = {.out = out, .out_unit = unit};
    make_problem(&made, &random, 1, 1, 2, 9, 4, 3);
    for (int i = 0; i < 9 * 4; i++) {
        made.key_data[i] = made.key_data[i % 4];
    }
    assert_true(oracle_attention_open(&problem, &made.args, &made.inputs));
    oracle_attention_compute_row(&problem, &(oracle_attention_place){0, 0, 1}, &row);
    assert_true(row.sum == 9.0);
    for (int d = 0; d < 3; d++) {
        double mean = 0.0;
        for (int j = 0; j < 9; j++) {
            mean += (double)made.value_data[3 * j + d] / 9.0;
        }
        assert_true(fabs(out[d] - mean) < 1e-15);
        assert_true(unit[d] > 0.0 && unit[d] < 1e-6);
    }
    oracle_attention_close(&problem);
}

static void test_attention_oracle_one_key_gives_its_value(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    host_problem made;
    oracle_attention problem;
    double out[1];
    oracle_attention_row row = {.out = out};
    make_problem(&made, &random, 4, 2, 1, 1, 1, 1);
    assert_true(oracle_attention_open(&problem, &made.args, &made.inputs));
    for (int64_t n = 0; n < 4; n++) { /* two query heads share a key head */
        oracle_attention_compute_row(&problem, &(oracle_attention_place){0, n, 0}, &row);
        assert_true(out[0] == (double)made.value_data[n / 2] && row.sum == 1.0);
        const double logit = (double)made.query_data[n] * (double)made.key_data[n / 2];
        assert_true(row.max == logit);
    }
    oracle_attention_close(&problem);
}

/* All 8 copies and the rows, written as fp32 where the check will look. */
static void write_results(oracle_attention *problem, float *out, float *max, float *sum) {
    double values[64];
    oracle_attention_row row = {.out = values};
    for (int64_t r = 0; r < oracle_attention_num_rows(problem); r++) {
        const oracle_attention_place place = oracle_attention_row_place(problem, r);
        oracle_attention_compute_row(problem, &place, &row);
        for (int64_t d = 0; d < problem->value_depth; d++) {
            out[oracle_attention_out_place(problem, &place, d)] = (float)values[d];
        }
        for (int copy = 0; copy < 8; copy++) {
            const clf_tensor *statistic = problem->args.softmax_max;
            const int64_t first = oracle_attention_statistic_place(problem, &place, statistic);
            max[first + copy] = (float)row.max;
            sum[first + copy] = (float)row.sum;
        }
    }
}

/* The check must catch what it is there for: each way of being wrong, one at a time. */
static void test_attention_oracle_check_rejects_wrong_results(void **state) {
    (void)state;
    enum { ROWS = 6, KEYS = 11, DEPTH = 8, OUT = 2 * ROWS * DEPTH };
    test_random random = test_random_from(test_seed());
    host_problem made;
    oracle_attention problem;
    float out[OUT] = {0.0F};
    float max[2 * ROWS * 8] = {0.0F};
    float sum[2 * ROWS * 8] = {0.0F};
    const oracle_attention_outputs outputs = {out, max, sum};
    make_problem(&made, &random, 2, 1, ROWS, KEYS, DEPTH, DEPTH);
    assert_true(oracle_attention_open(&problem, &made.args, &made.inputs));
    const struct {
        float *place;
        float factor;
        float added;
        bool ok;
    } changes[] = {
        {&out[0], 1.0F, 0.0F, true},      {&out[5], 1.0F, 2e-5F, false},
        {&out[17], -1.0F, 0.0F, false},   {&out[OUT - 1], 1.0F, NAN, false},
        {&out[9], 1.0F, INFINITY, false}, {&max[3], 1.0F, 1e-6F, false},
        {&max[8], 1.0F, 1.0F, false},     {&sum[2 * ROWS * 8 - 1], 1.5F, 0.0F, false},
        {&sum[16], 1.0001F, 0.0F, false}, {&sum[24], 1.0F, NAN, false},
        {&out[5], 1.0F, 1e-7F, true},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        write_results(&problem, out, max, sum);
        *changes[i].place = *changes[i].place * changes[i].factor + changes[i].added;
        const oracle_verdict verdict = oracle_check_attention(&problem, &outputs, 0, 1, 2 * ROWS);
        if (verdict.ok != changes[i].ok) {
            fail_msg("change %zu: %s", i, verdict.ok ? "accepted" : verdict.reason);
        }
        assert_int_equal(verdict.reason[0] == '\0', verdict.ok);
    }
    oracle_attention_close(&problem);
}

/* One fixed error in each of the eight copies is an error of the statistic itself. */
static void test_attention_oracle_check_rejects_shifted_statistics(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    host_problem made;
    oracle_attention problem;
    float out[5 * 4] = {0.0F};
    float max[5 * 8] = {0.0F};
    float sum[5 * 8] = {0.0F};
    const oracle_attention_outputs outputs = {out, max, sum};
    make_problem(&made, &random, 1, 1, 5, 12, 4, 4);
    assert_true(oracle_attention_open(&problem, &made.args, &made.inputs));
    for (int which = 0; which < 2; which++) {
        write_results(&problem, out, max, sum);
        for (int copy = 0; copy < 8; copy++) {
            float *statistic = which == 0 ? max : sum;
            statistic[2 * 8 + copy] *= 1.0002F;
        }
        assert_false(oracle_check_attention(&problem, &outputs, 0, 1, 5).ok);
    }
    oracle_attention_close(&problem);
}

static void test_attention_oracle_plain_computation_is_near_the_reference(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    host_problem made;
    oracle_attention problem;
    double reference_out[16];
    double plain_out[16];
    oracle_attention_row reference = {.out = reference_out};
    oracle_attention_row plain = {.out = plain_out};
    make_problem(&made, &random, 1, 1, 4, 60, 16, 16);
    assert_true(oracle_attention_open(&problem, &made.args, &made.inputs));
    for (int64_t i = 0; i < 4; i++) {
        const oracle_attention_place place = {0, 0, i};
        oracle_attention_compute_row(&problem, &place, &reference);
        oracle_attention_compute_row_plain(&problem, &place, &plain);
        assert_true(fabs(reference.max - plain.max) < 1e-5 &&
                    plain.max == (double)(float)plain.max);
        assert_true(fabs(reference.sum / plain.sum - 1.0) < 1e-5);
        for (int d = 0; d < 16; d++) {
            assert_true(fabs(reference_out[d] - plain_out[d]) < 1e-5);
            assert_true(plain_out[d] == (double)(float)plain_out[d]);
        }
    }
    oracle_attention_close(&problem);
}

/* NaN in a key or value that is left out does not reach the row; in one that counts, it does. */
static void test_attention_oracle_nan_counts_only_where_computed(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    host_problem made;
    oracle_attention problem;
    double out[4];
    oracle_attention_row row = {.out = out};
    const clf_tensor compressed = view(CLF_DTYPE_BOOL, 2, 2048, 2048, 0, 0);
    make_problem(&made, &random, 1, 1, 5, 5, 4, 4);
    made.args.atten_mask = &compressed;
    made.args.sparse_mode = 2;
    made.key_data[3 * 4] = NAN;
    made.value_data[3 * 4 + 1] = NAN;
    assert_true(oracle_attention_open(&problem, &made.args, &made.inputs));
    for (int64_t i = 0; i < 5; i++) {
        oracle_attention_compute_row(&problem, &(oracle_attention_place){0, 0, i}, &row);
        for (int d = 0; d < 4; d++) {
            assert_int_equal(isnan(out[d]), i >= 3);
        }
        assert_int_equal(row.is_nan, i >= 3);
    }
    oracle_attention_close(&problem);
}

/* ---- Biases that depend on i - j: the last 1024 rows against the whole ---- */

static float toeplitz(int64_t difference) {
    return (float)(difference % 4099) * 0.37F - (float)(difference % 7);
}

/* [1, 1, 1024, S] of the bias of the longest sequence. */
static float *make_compressed(int64_t longest) {
    float *bias = (float *)malloc((size_t)(1024 * longest) * sizeof *bias);
    assert_non_null(bias);
    for (int64_t m = 0; m < 1024; m++) {
        for (int64_t k = 0; k < longest; k++) {
            bias[m * longest + k] = toeplitz(m + longest - 1024 - k);
        }
    }
    return bias;
}

static void expect_toeplitz(const oracle_attention *problem) {
    for (int64_t b = 0; b < problem->num_elements; b++) {
        for (int64_t i = 0; i < problem->elements[b].query_length; i++) {
            const oracle_attention_place place = {b, 0, i};
            for (int64_t j = 0; j <= i; j += i - j > 40 && j > 40 ? 13 : 1) {
                assert_true(oracle_attention_bias(problem, &place, j) == (double)toeplitz(i - j));
            }
        }
    }
}

/* Opens a problem of one head and S queries and keys with a compressed bias. */
static void open_compressed(oracle_attention *problem, const float *bias, int64_t s) {
    static const float nothing[1] = {0.0F};
    static clf_tensor query, statistic, pse;
    const oracle_attention_inputs inputs = {nothing, nothing, nothing, bias, NULL, NULL};
    clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    query = view(CLF_DTYPE_FP32, 4, 1, 1, s, 1);
    statistic = view(CLF_DTYPE_FP32, 4, 1, 1, s, 8);
    pse = view(CLF_DTYPE_FP32, 4, 1, 1, 1024, s);
    args.query = args.key = args.value = args.attention_out = &query;
    args.softmax_max = args.softmax_sum = &statistic;
    args.input_layout = "BNSD";
    args.head_num = 1;
    args.pse = &pse;
    assert_true(oracle_attention_open(problem, &args, &inputs));
}

static void test_attention_oracle_compressed_bias_equals_the_whole(void **state) {
    (void)state;
    static const int64_t lengths[] = {1025, 1500, 3000};
    for (size_t l = 0; l < 3; l++) {
        float *bias = make_compressed(lengths[l]);
        oracle_attention problem;
        open_compressed(&problem, bias, lengths[l]);
        expect_toeplitz(&problem);
        oracle_attention_close(&problem);
        free(bias);
    }
}

static void test_attention_oracle_compressed_bias_in_varlen_equals_the_whole(void **state) {
    (void)state;
    static const int64_t ends[] = {700, 3700, 3701, 5226};
    static const float nothing[1] = {0.0F};
    const clf_tensor query = view(CLF_DTYPE_FP32, 3, 5226, 1, 1, 0);
    const clf_tensor statistic = view(CLF_DTYPE_FP32, 3, 5226, 1, 8, 0);
    const clf_tensor pse = view(CLF_DTYPE_FP32, 4, 1, 1, 1024, 3000);
    float *bias = make_compressed(3000);
    const oracle_attention_inputs inputs = {nothing, nothing, nothing, bias, NULL, NULL};
    clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    args.query = args.key = args.value = args.attention_out = &query;
    args.softmax_max = args.softmax_sum = &statistic;
    args.input_layout = "TND";
    args.head_num = 1;
    args.pse = &pse;
    args.actual_seq_qlen = args.actual_seq_kvlen = ends;
    args.num_actual_seq_qlen = args.num_actual_seq_kvlen = 4;
    oracle_attention problem;
    assert_true(oracle_attention_open(&problem, &args, &inputs));
    assert_int_equal(problem.longest_key, 3000);
    expect_toeplitz(&problem);
    oracle_attention_close(&problem);
    free(bias);
}

/* The document's examples of the index map for S = 3000, each place with a number of its own. */
static void test_attention_oracle_compressed_bias_follows_the_index_map(void **state) {
    (void)state;
    enum { S = 3000 };
    static const int64_t known[][4] = {
        {0, 0, 0, 1976}, {1975, 1975, 951, 2927}, {1976, 0, 0, 0}, {1500, 100, 476, 1052}};
    float *bias = make_compressed(S);
    for (int i = 0; i < 1024 * S; i++) {
        bias[i] = (float)i;
    }
    oracle_attention problem;
    open_compressed(&problem, bias, S);
    for (size_t i = 0; i < 4; i++) {
        const oracle_attention_place place = {0, 0, known[i][0]};
        assert_true(oracle_attention_bias(&problem, &place, known[i][1]) ==
                    (double)(known[i][2] * S + known[i][3]));
    }
    oracle_attention_close(&problem);
    free(bias);
}

/* ---- Layouts ---- */

/* The same numbers in four layouts give the same rows. */
static void test_attention_oracle_layouts_read_the_same_numbers(void **state) {
    (void)state;
    enum { B = 2, N = 3, S = 4, D = 5, COUNT = B * N * S * D };
    static const char *const layouts[] = {"BNSD", "BSND", "BSH", "SBH", "TND"};
    static const int64_t ends[] = {S, 2 * S};
    test_random random = test_random_from(test_seed());
    double expected[B * N * S][D];
    float canonical[COUNT]; /* BNSD */
    for (int i = 0; i < COUNT; i++) {
        canonical[i] = (float)test_random_normal(&random);
    }
    for (size_t l = 0; l < 5; l++) {
        float data[COUNT];
        for (int b = 0; b < B; b++) {
            for (int n = 0; n < N; n++) {
                for (int s = 0; s < S; s++) {
                    for (int d = 0; d < D; d++) {
                        const int by_batch = ((b * S + s) * N + n) * D + d; /* BSND, BSH, TND */
                        const int by_token = ((s * B + b) * N + n) * D + d; /* SBH */
                        const int source = ((b * N + n) * S + s) * D + d;
                        data[l == 0 ? source : l == 3 ? by_token : by_batch] = canonical[source];
                    }
                }
            }
        }
        const clf_tensor shapes[] = {
            view(CLF_DTYPE_FP32, 4, B, N, S, D), view(CLF_DTYPE_FP32, 4, B, S, N, D),
            view(CLF_DTYPE_FP32, 3, B, S, N * D, 0), view(CLF_DTYPE_FP32, 3, S, B, N * D, 0),
            view(CLF_DTYPE_FP32, 3, B * S, N, D, 0)};
        const clf_tensor statistic = view(CLF_DTYPE_FP32, 4, B, N, S, 8);
        const oracle_attention_inputs inputs = {data, data, data, NULL, NULL, NULL};
        clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
        args.query = args.key = args.value = args.attention_out = &shapes[l];
        args.softmax_max = args.softmax_sum = &statistic;
        args.input_layout = layouts[l];
        args.head_num = N;
        args.actual_seq_qlen = args.actual_seq_kvlen = ends;
        args.num_actual_seq_qlen = args.num_actual_seq_kvlen = B;
        oracle_attention problem;
        assert_true(oracle_attention_open(&problem, &args, &inputs));
        assert_int_equal(oracle_attention_num_rows(&problem), B * N * S);
        for (int r = 0; r < B * N * S; r++) {
            double out[D];
            oracle_attention_row row = {.out = l == 0 ? expected[r] : out};
            const oracle_attention_place place = oracle_attention_row_place(&problem, r);
            oracle_attention_compute_row(&problem, &place, &row);
            assert_memory_equal(row.out, expected[r], sizeof expected[r]);
        }
        oracle_attention_close(&problem);
    }
}

/* Elements of no length, trailing zeros, tokens behind the last element, both statistics orders. */
static void test_attention_oracle_varlen_places_follow_the_document(void **state) {
    (void)state;
    static const int64_t query_ends[] = {2, 2, 5, 0, 0};
    static const int64_t key_ends[] = {3, 4, 4, 0, 0};
    static const float data[7 * 2 * 4] = {0.0F};
    const clf_tensor query = view(CLF_DTYPE_FP32, 3, 7, 2, 4, 0);
    const clf_tensor statistic = view(CLF_DTYPE_FP32, 3, 7, 2, 8, 0);
    const oracle_attention_inputs inputs = {data, data, data, NULL, NULL, NULL};
    clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    args.query = args.key = args.value = args.attention_out = &query;
    args.softmax_max = args.softmax_sum = &statistic;
    args.input_layout = "TND";
    args.head_num = 2;
    args.actual_seq_qlen = query_ends;
    args.actual_seq_kvlen = key_ends;
    args.num_actual_seq_qlen = args.num_actual_seq_kvlen = 5;
    for (int per_token = 0; per_token < 2; per_token++) {
        bool seen[7 * 2] = {false};
        oracle_attention problem;
        args.softmax_layout = per_token ? "TND" : NULL;
        assert_true(oracle_attention_open(&problem, &args, &inputs));
        assert_int_equal(oracle_attention_num_rows(&problem), 14);
        assert_int_equal(problem.num_elements, 6);
        /* Element 2: rows but no keys; element 5: the tokens behind the last end. */
        assert_int_equal(problem.elements[2].query_length, 3);
        assert_int_equal(problem.elements[2].key_length, 0);
        assert_int_equal(problem.elements[5].query_begin, 5);
        assert_int_equal(problem.elements[5].query_length, 2);
        for (int64_t r = 0; r < 14; r++) {
            const oracle_attention_place place = oracle_attention_row_place(&problem, r);
            const int64_t where = oracle_attention_statistic_place(&problem, &place, &statistic);
            assert_int_equal(where % 8, 0);
            assert_false(seen[where / 8]);
            seen[where / 8] = true;
        }
        const oracle_attention_place last = {2, 1, 0}; /* head 1, first token of element 2 */
        assert_int_equal(oracle_attention_statistic_place(&problem, &last, &statistic),
                         per_token ? (2 * 2 + 1) * 8 : (2 * 2 + 3) * 8);
        oracle_attention_close(&problem);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_oracle_gives_the_worked_goldens),
        cmocka_unit_test(test_attention_oracle_equal_keys_give_the_mean_value),
        cmocka_unit_test(test_attention_oracle_one_key_gives_its_value),
        cmocka_unit_test(test_attention_oracle_check_rejects_wrong_results),
        cmocka_unit_test(test_attention_oracle_check_rejects_shifted_statistics),
        cmocka_unit_test(test_attention_oracle_plain_computation_is_near_the_reference),
        cmocka_unit_test(test_attention_oracle_nan_counts_only_where_computed),
        cmocka_unit_test(test_attention_oracle_compressed_bias_equals_the_whole),
        cmocka_unit_test(test_attention_oracle_compressed_bias_in_varlen_equals_the_whole),
        cmocka_unit_test(test_attention_oracle_compressed_bias_follows_the_index_map),
        cmocka_unit_test(test_attention_oracle_layouts_read_the_same_numbers),
        cmocka_unit_test(test_attention_oracle_varlen_places_follow_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
