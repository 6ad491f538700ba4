/* Attention where it is special: worked goldens, rows without pairs, NaN that must not spread,
 * large logits, nothing to compute, few queries on long keys, biases of long sequences. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_goldens.h"
#include "attention_tensors.h"
#include "cmocka_all.h"
#include "storage_types.h"

static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};

/*
 * Runs each of `cases` for dtypes [first_dtype, 3) and every variant, compares with the oracle,
 * counts failures. Lengths are above 64 where they do not matter: shorter queries take other tile
 * sizes, and with them other programs, whose builds take most of the time.
 */
static void run_some(void **state, size_t first_dtype, const attention_case *cases, size_t count,
                     attention_edit edit) {
    const test_session *session = (const test_session *)*state;
    size_t failures = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t d = first_dtype; d < 3; d++) {
            for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
                attention_case tested = cases[i];
                tested.dtype = dtypes[d];
                tested.variant = (clf_variant)v;
                tested.seed = test_seed() + i;
                failures += !attention_case_run_edited(session, &tested, edit);
            }
        }
    }
    assert_int_equal(failures, 0);
}

static void run_all(void **state, const attention_case *cases, size_t count, attention_edit edit) {
    run_some(state, 0, cases, count, edit);
}

static attention_case sized(int64_t heads, int64_t key_heads, int64_t query, int64_t key,
                            int64_t depth) {
    attention_case tested = attention_case_default();
    tested.heads = heads;
    tested.key_heads = key_heads;
    tested.depth = tested.value_depth = depth;
    tested.scale = 1.0 / sqrt((double)depth);
    attention_case_set_lengths(&tested, query, key);
    return tested;
}

static attention_case with_mode(attention_case tested, int64_t mode, int64_t pre, int64_t next) {
    tested.mask_form = TEST_MASK_COMPRESSED;
    tested.mode = mode;
    tested.pre_tokens = pre;
    tested.next_tokens = next;
    return tested;
}

/* ---- The worked golden ---- */

static void set_floats(test_tensor *tensor, const float *values) {
    for (int64_t i = 0; i < test_tensor_count(tensor); i++) {
        test_tensor_set(tensor, i, (double)values[i]);
    }
}

static void set_bytes(test_tensor *tensor, const unsigned char *values) {
    for (int64_t i = 0; i < test_tensor_count(tensor); i++) {
        *(unsigned char *)test_tensor_bits(tensor, i) = values[i];
    }
}

static void set_golden_numbers(attention_tensors *tensors) {
    set_floats(&tensors->query, attention_golden_query);
    set_floats(&tensors->key, attention_golden_key);
    set_floats(&tensors->value, attention_golden_value);
    if (tensors->pse.image != NULL) {
        set_floats(&tensors->pse,
                   tensors->pse.view.rank == 1 ? attention_golden_slope : attention_golden_pse);
    }
    if (tensors->atten_mask.image != NULL) {
        set_bytes(&tensors->atten_mask, attention_golden_mask);
    }
    if (tensors->drop_mask.image != NULL) {
        set_bytes(&tensors->drop_mask, attention_golden_keep);
    }
}

static void check_golden(const test_session *session, const attention_golden *expected,
                         clf_variant variant) {
    attention_case tested = sized(1, 1, expected->pse_type >= 2 ? 3 : 2, 3, 2);
    attention_tensors tensors;
    tested.scale = 0.5;
    tested.variant = variant;
    tested.inner_precise = expected->inner_precise;
    tested.keep_prob = expected->keep_prob;
    tested.dropout = expected->keep_prob < 1.0 ? TEST_DROPOUT_BITS : TEST_DROPOUT_NONE;
    tested.mask_form = expected->has_mask ? TEST_MASK_SS : TEST_ATTENTION_NO_MASK;
    tested.pse_type = expected->pse_type < 0 ? 1 : expected->pse_type;
    tested.bias_form = expected->pse_type < 0    ? TEST_BIAS_NONE
                       : expected->pse_type >= 2 ? TEST_BIAS_SLOPES
                                                 : TEST_BIAS_BNSS;
    attention_tensors_make(&tensors, &tested);
    set_golden_numbers(&tensors);
    attention_tensors_execute(session, &tensors);
    for (int64_t i = 0; i < 2; i++) {
        const bool is_right =
            oracle_close_to_printed(attention_result_out(&tensors, 0, 0, i, 0),
                                    expected->out[2 * i]) &&
            oracle_close_to_printed(attention_result_out(&tensors, 0, 0, i, 1),
                                    expected->out[2 * i + 1]) &&
            oracle_close_to_printed(attention_result_max(&tensors, 0, 0, i), expected->max[i]) &&
            oracle_close_to_printed(attention_result_sum(&tensors, 0, 0, i), expected->sum[i]);
        if (!is_right) {
            fail_msg("%s row %lld: %.7f %.7f max %.7f sum %.7f", expected->name, (long long)i,
                     attention_result_out(&tensors, 0, 0, i, 0),
                     attention_result_out(&tensors, 0, 0, i, 1),
                     attention_result_max(&tensors, 0, 0, i),
                     attention_result_sum(&tensors, 0, 0, i));
        }
    }
    attention_tensors_free(&tensors);
}

static void test_attention_worked_goldens_come_out(void **state) {
    const test_session *session = (const test_session *)*state;
    for (size_t i = 0; i < attention_num_goldens; i++) {
        for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
            check_golden(session, &attention_goldens[i], (clf_variant)v);
        }
    }
}

/* ---- Rows without pairs ---- */

static void test_attention_rows_without_pairs_follow_the_table(void **state) {
    attention_case cases[12];
    size_t count = 0;
    for (int64_t inner = 0; inner <= 2; inner += 2) {
        attention_case tested = sized(4, 2, 65, 50, 64);
        tested.inner_precise = inner;
        tested.batch = 2;
        tested.mask_form = TEST_MASK_BNSS;
        tested.masked_rows = 0.3;
        cases[count++] = tested;
        tested.mask_density = 1.0; /* every row */
        cases[count++] = tested;
        tested.dropout = TEST_DROPOUT_BITS;
        tested.keep_prob = 0.5;
        cases[count++] = tested;
        /* Geometry: rows without pairs that become zeros by themselves. */
        tested = sized(2, 1, 70, 40, 64);
        tested.inner_precise = inner;
        cases[count++] = with_mode(tested, 3, 0, 0);
        cases[count++] = with_mode(tested, 4, 5, 2);
        cases[count++] = with_mode(tested, 6, 0, 0);
    }
    run_all(state, cases, count, NULL);
}

/* ---- NaN where nobody looks ---- */

static void test_attention_nan_in_unused_keys_does_not_spread(void **state) {
    attention_case cases[10];
    size_t count = 0;
    cases[count++] = with_mode(sized(4, 2, 70, 90, 64), 2, 0, 0);
    cases[count++] = with_mode(sized(4, 4, 64, 200, 64), 2, 0, 0);
    cases[count++] = with_mode(sized(2, 1, 66, 130, 64), 4, 9, 2);
    attention_case tested = sized(2, 2, 70, 80, 64);
    tested.batch = 2;
    tested.mask_form = TEST_MASK_B1SS;
    tested.mask_density = 0.98;
    tested.masked_rows = 0.5;
    tested.inner_precise = 2;
    cases[count++] = tested;
    tested.bias_form = TEST_BIAS_BNSS; /* NaN in the bias, too */
    tested.pse_type = 0;
    cases[count++] = tested;
    tested.pse_type = 1;
    tested.mask_density = 0.5;
    cases[count++] = tested;
    tested = with_mode(sized(2, 2, 65, 80, 64), 3, 0, 0);
    tested.layout = TEST_TND;
    tested.batch = 3;
    tested.query_slack = 7;
    tested.key_slack = 9;
    tested.query_lengths[1] = 0;
    cases[count++] = tested;
    for (size_t i = 0; i < count; i++) {
        cases[i].poison_unused = true;
    }
    run_all(state, cases, count, NULL);
}

/* One NaN in a key that some rows see: exactly those rows become NaN. */
static void poison_one_key(attention_tensors *tensors) {
    test_tensor_set(&tensors->key, 20 * tensors->key.view.shape[3] + 1, (double)NAN);
}

static void test_attention_nan_in_a_key_reaches_its_rows_only(void **state) {
    attention_case cases[2];
    cases[0] = with_mode(sized(1, 1, 70, 70, 64), 2, 0, 0);
    cases[1] = with_mode(sized(1, 1, 70, 70, 64), 4, 5, 5);
    run_all(state, cases, 2, poison_one_key);
}

/* A row whose only key is NaN is not a row without keys. */
static void poison_first_key(attention_tensors *tensors) {
    test_tensor_set(&tensors->key, 0, (double)NAN);
}

static void test_attention_nan_in_an_only_key_is_not_an_empty_row(void **state) {
    attention_case cases[2];
    cases[0] = with_mode(sized(1, 1, 70, 70, 64), 4, 0, 0);
    cases[1] = cases[0];
    cases[1].inner_precise = 2;
    run_all(state, cases, 2, poison_first_key);
}

/* One in a value: the same rows, in its column. */
static void poison_one_value(attention_tensors *tensors) {
    test_tensor_set(&tensors->value, 20 * tensors->value.view.shape[3] + 1, (double)NAN);
}

static void test_attention_nan_in_a_value_reaches_its_column_only(void **state) {
    attention_case cases[2];
    cases[0] = with_mode(sized(1, 1, 70, 70, 64), 2, 0, 0);
    cases[1] = with_mode(sized(1, 1, 70, 70, 64), 4, 5, 5);
    run_all(state, cases, 2, poison_one_value);
}

/* ---- Large logits ---- */

static void test_attention_logits_of_a_thousand_stay_finite(void **state) {
    attention_case cases[4];
    cases[0] = sized(2, 2, 70, 90, 64);
    cases[0].deviation = 18.0; /* query . key / 8 has deviation 324, the largest are near 1000 */
    cases[1] = with_mode(cases[0], 2, 0, 0);
    cases[2] = cases[0];
    cases[2].scale = -1.0 / 8.0;
    cases[3] = sized(2, 1, 4, 3000, 64);
    cases[3].deviation = 18.0;
    run_all(state, cases, 4, NULL);
}

/* Everything equal and far from zero: a kernel that forgets the maximum overflows. */
static void fill_equal(attention_tensors *tensors) {
    for (int64_t i = 0; i < test_tensor_count(&tensors->query); i++) {
        test_tensor_set(&tensors->query, i, 11.0);
    }
    for (int64_t i = 0; i < test_tensor_count(&tensors->key); i++) {
        test_tensor_set(&tensors->key, i, 11.0);
    }
}

static void test_attention_equal_large_logits_give_the_mean(void **state) {
    attention_case cases[2];
    cases[0] = sized(2, 2, 70, 70, 64);
    cases[1] = cases[0];
    cases[1].scale = -0.125;
    run_all(state, cases, 2, fill_equal);
}

/* ---- Few queries, long keys; one of everything ---- */

static void test_attention_decoding_shapes_match_the_reference(void **state) {
    static const int64_t queries[] = {1, 2, 3, 5, 8, 16};
    attention_case cases[12];
    size_t count = 0;
    for (size_t i = 0; i < 6; i++) {
        attention_case tested = sized(8, i % 2 == 0 ? 2 : 8, queries[i], 5000, 64);
        tested.heads = i % 2 == 0 ? 8 : 2;
        tested.key_heads = 2;
        cases[count++] = tested;
    }
    cases[count++] = with_mode(sized(4, 2, 16, 5000, 64), 3, 0, 0);
    cases[count] = sized(2, 1, 4, 5000, 64);
    cases[count].layout = TEST_BSH;
    cases[count].dropout = TEST_DROPOUT_GENERATED;
    cases[count++].keep_prob = 0.9;
    cases[count] = with_mode(sized(2, 1, 1, 4096, 64), 3, 0, 0);
    cases[count].layout = TEST_TND;
    cases[count].batch = 3;
    cases[count].key_lengths[1] = 77;
    cases[count++].key_lengths[2] = 1;
    run_some(state, 2, cases, count, NULL); /* bf16 */
}

static void test_attention_one_of_everything_gives_the_value(void **state) {
    attention_case cases[3];
    cases[0] = sized(1, 1, 1, 1, 1);
    cases[1] = sized(1, 1, 1, 1, 768);
    cases[2] = sized(3, 1, 1, 1, 7);
    cases[2].value_depth = 1;
    run_some(state, 2, cases, 3, NULL);
}

/* ---- Nothing to compute ---- */

static void run_empty(const test_session *session, const attention_case *tested) {
    attention_tensors tensors;
    clf_plan *plan = NULL;
    char problem[512];
    attention_tensors_make(&tensors, tested);
    attention_tensors_upload(&tensors, session);
    test_succeeds(clf_flash_attention_plan(session->device, &tensors.args, &plan));
    assert_int_equal(clf_plan_workspace_size(plan), 0);
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    attention_tensors_read(&tensors, session, problem, sizeof problem);
    assert_string_equal(problem, "");
    clf_plan_destroy(plan);
    attention_tensors_free(&tensors);
}

static void test_attention_empty_outputs_are_a_success(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int layout = 0; layout < TEST_NUM_ATTENTION_LAYOUTS; layout++) {
        attention_case tested = sized(2, 1, 0, 9, 16);
        tested.layout = (attention_layout)layout;
        run_empty(session, &tested);
        if (layout != TEST_TND) {
            tested = sized(2, 1, 5, 9, 16);
            tested.layout = (attention_layout)layout;
            tested.batch = 0;
            run_empty(session, &tested);
        }
    }
}

static void test_attention_without_keys_gives_zeros(void **state) {
    attention_case cases[4];
    cases[0] = sized(2, 1, 70, 0, 64);
    cases[1] = cases[0];
    cases[1].inner_precise = 2;
    cases[2] = cases[0];
    cases[2].layout = TEST_BSH;
    cases[3] = sized(2, 2, 70, 7, 64); /* some elements without keys */
    cases[3].layout = TEST_TND;
    cases[3].batch = 3;
    cases[3].key_lengths[0] = 0;
    cases[3].key_lengths[2] = 0;
    run_all(state, cases, 4, NULL);
}

static void check_depth_zero(const test_session *session, const attention_case *tested) {
    attention_tensors tensors;
    attention_case_execute(session, tested, NULL, &tensors);
    for (int64_t i = 0; i < test_tensor_count(&tensors.max); i++) {
        assert_true(test_tensor_get_result(&tensors.max, i) == 0.0);
        assert_true(test_tensor_get_result(&tensors.sum, i) == 0.0);
    }
    attention_tensors_free(&tensors);
}

static void test_attention_depth_zero_gives_zero_statistics(void **state) {
    const test_session *session = (const test_session *)*state;
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    for (int i = 0; i < 3 * TEST_NUM_ATTENTION_LAYOUTS; i++) {
        /* Few rows and many are different kernels. */
        attention_case tested = sized(2, 1, i % 2 == 0 ? 5 : 70, 9, 1);
        tested.layout = (attention_layout)(i / 3);
        tested.dtype = dtypes[i % 3];
        tested.batch = 2;
        attention_case_set_lengths(&tested, tested.query_lengths[0], 9);
        tested.depth = tested.value_depth = 0;
        check_depth_zero(session, &tested);
        if (session->has_cpu_variant) {
            tested.variant = CLF_VARIANT_PORTABLE;
            check_depth_zero(session, &tested);
        }
    }
}

static void test_attention_varlen_corners_match_the_reference(void **state) {
    static const int64_t query[] = {0, 17, 0, 66, 1, 0};
    static const int64_t key[] = {5, 40, 0, 66, 9, 3};
    attention_case cases[8];
    size_t count = 0;
    for (int64_t mode = 1; mode <= 8; mode++) {
        attention_case tested = sized(4, 2, 0, 0, 64);
        tested.layout = TEST_TND;
        tested.batch = 6;
        memcpy(tested.query_lengths, query, sizeof query);
        memcpy(tested.key_lengths, key, sizeof key);
        tested.trailing = mode % 3;
        tested.query_slack = mode % 4;
        tested.key_slack = 5 - mode % 4;
        tested.statistics_per_token = mode % 2 == 0;
        if (mode == 5) {
            continue;
        }
        tested = with_mode(tested, mode, 50, mode >= 7 ? -1 + (mode == 8) : 3);
        if (mode == 1) {
            tested.mask_form = TEST_MASK_TOTAL;
        }
        for (int b = 0; b < 6; b++) {
            tested.prefix[b] = key[b];
        }
        if (mode == 7) {
            tested.next_tokens = -3;
        }
        assert_true(attention_case_is_valid(&tested));
        cases[count++] = tested;
    }
    run_all(state, cases, count, NULL);
}

/* ---- Slopes from where slices begin ---- */

static void test_attention_slopes_count_from_the_start_indices(void **state) {
    static const int64_t query[] = {66, 70, 65};
    static const int64_t key[] = {80, 70, 65};
    attention_case cases[4];
    for (int type = 2; type <= 3; type++) {
        attention_case *dense = &cases[2 * (type - 2)];
        attention_case *sliced = dense + 1;
        *dense = sized(3, 3, 70, 70, 64);
        dense->bias_form = TEST_BIAS_SLOPES;
        dense->pse_type = type;
        *sliced = with_mode(*dense, 8, CLF_ALL_TOKENS, -4);
        dense->q_start_idx = 21;
        dense->kv_start_idx = 40;
        /* The first element is a slice whose start makes up for its shorter query; the others
         * count from zero. */
        sliced->layout = TEST_TND;
        sliced->batch = 3;
        memcpy(sliced->query_lengths, query, sizeof query);
        memcpy(sliced->key_lengths, key, sizeof key);
        sliced->q_start_idx = 19;
        sliced->kv_start_idx = 5;
        assert_true(attention_case_is_valid(dense) && attention_case_is_valid(sliced));
    }
    run_some(state, 2, cases, 4, NULL);
}

/* ---- Biases of long sequences ---- */

/* The whole bias that the compressed one stands for. */
static void write_out_bias(test_tensor *whole, const test_tensor *last_rows) {
    const int64_t s = whole->view.shape[3];
    for (int64_t i = 0; i < s; i++) {
        for (int64_t j = 0; j <= i; j++) {
            /* A stored row of the same difference. */
            const int64_t m = i - j < s - 1024 ? 0 : i - j - (s - 1024);
            const int64_t k = m + s - 1024 - (i - j);
            memcpy(test_tensor_bits(whole, i * s + j),
                   last_rows->image + test_tensor_place(last_rows, m * s + k),
                   oracle_dtype_size(whole->view.dtype));
        }
    }
}

static void compare_compressed(const test_session *session, int64_t length, clf_variant variant) {
    attention_case tested = with_mode(sized(1, 1, length, length, 8), 2, 0, 0);
    attention_tensors by_rows;
    attention_tensors by_whole;
    tested.variant = variant;
    tested.seed = test_seed();
    tested.pse_type = 0;
    tested.bias_form = TEST_BIAS_LAST_ROWS_B;
    attention_case_execute(session, &tested, NULL, &by_rows);
    tested.bias_form = TEST_BIAS_BNSS;
    attention_tensors_make(&by_whole, &tested);
    write_out_bias(&by_whole.pse, &by_rows.pse);
    attention_tensors_execute(session, &by_whole);
    assert_true(test_tensor_same_results(&by_rows.out, &by_whole.out));
    assert_true(test_tensor_same_results(&by_rows.max, &by_whole.max));
    assert_true(test_tensor_same_results(&by_rows.sum, &by_whole.sum));
    attention_tensors_free(&by_rows);
    attention_tensors_free(&by_whole);
}

static void test_attention_compressed_bias_equals_the_whole(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
        compare_compressed(session, 1025, (clf_variant)v);
        compare_compressed(session, 1500, (clf_variant)v);
    }
    compare_compressed(session, 3000, CLF_VARIANT_AUTO);
}

/* The masks of modes 2, 3 and 4 are 2048 wide, whatever the lengths. */
static void test_attention_modes_reach_beyond_their_masks(void **state) {
    const test_session *session = (const test_session *)*state;
    attention_case tested = with_mode(sized(1, 1, 2100, 2200, 8), 2, 0, 0);
    tested.seed = test_seed();
    assert_true(attention_case_run(session, &tested));
    tested = with_mode(tested, 3, 0, 0);
    assert_true(attention_case_run(session, &tested));
    tested = with_mode(tested, 4, 2060, -1);
    assert_true(attention_case_run(session, &tested));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_worked_goldens_come_out),
        cmocka_unit_test(test_attention_rows_without_pairs_follow_the_table),
        cmocka_unit_test(test_attention_nan_in_unused_keys_does_not_spread),
        cmocka_unit_test(test_attention_nan_in_a_key_reaches_its_rows_only),
        cmocka_unit_test(test_attention_nan_in_an_only_key_is_not_an_empty_row),
        cmocka_unit_test(test_attention_nan_in_a_value_reaches_its_column_only),
        cmocka_unit_test(test_attention_logits_of_a_thousand_stay_finite),
        cmocka_unit_test(test_attention_equal_large_logits_give_the_mean),
        cmocka_unit_test(test_attention_decoding_shapes_match_the_reference),
        cmocka_unit_test(test_attention_one_of_everything_gives_the_value),
        cmocka_unit_test(test_attention_empty_outputs_are_a_success),
        cmocka_unit_test(test_attention_without_keys_gives_zeros),
        cmocka_unit_test(test_attention_depth_zero_gives_zero_statistics),
        cmocka_unit_test(test_attention_varlen_corners_match_the_reference),
        cmocka_unit_test(test_attention_slopes_count_from_the_start_indices),
        cmocka_unit_test(test_attention_compressed_bias_equals_the_whole),
        cmocka_unit_test(test_attention_modes_reach_beyond_their_masks),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
