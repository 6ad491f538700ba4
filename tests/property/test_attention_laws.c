/* What holds between runs of attention: bits that repeat, heads that change places, repeated keys,
 * modes and explicit masks, sequences one by one, keys in two parts merged by their statistics. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_tensors.h"
#include "cmocka_all.h"
#include "storage_types.h"

static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};

/* Calls `law` for each dtype and variant. Lengths are above 64 where they do not matter: shorter
 * queries take other tile sizes, and with them other programs, whose builds take most of the time.
 */
static void for_each(void **state, void (*law)(const test_session *, attention_case)) {
    const test_session *session = (const test_session *)*state;
    for (size_t d = 0; d < 3; d++) {
        for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
            attention_case tested = attention_case_default();
            tested.dtype = dtypes[d];
            tested.variant = (clf_variant)v;
            tested.seed = test_seed();
            tested.depth = tested.value_depth = 40;
            tested.scale = 1.0 / sqrt(40.0);
            law(session, tested);
        }
    }
}

static void expect_same_bits(const test_tensor *a, const test_tensor *b,
                             const attention_case *tested, const char *what) {
    if (!test_tensor_same_results(a, b)) {
        char text[1024];
        attention_case_text(tested, text, sizeof text);
        fail_msg("%s: other bits: %s", what, text);
    }
}

static void expect_same_results(const attention_tensors *a, const attention_tensors *b,
                                const attention_case *tested, const char *what) {
    expect_same_bits(&a->out, &b->out, tested, what);
    expect_same_bits(&a->max, &b->max, tested, what);
    expect_same_bits(&a->sum, &b->sum, tested, what);
}

static oracle_attention_reach reach_of(const attention_tensors *tensors) {
    oracle_attention_reach reach = {0.0, 0.0};
    for (int64_t i = 0; i < test_tensor_count(&tensors->value); i++) {
        reach.value = fmax(reach.value, fabs(test_tensor_get(&tensors->value, i)));
    }
    for (int64_t i = 0; i < test_tensor_count(&tensors->max); i++) {
        const double max = fabs(test_tensor_get_result(&tensors->max, i));
        reach.logit = fmax(reach.logit, max < (double)FLT_MAX ? max : 0.0);
    }
    return reach;
}

/* Values of two outputs, element by element, within what rounding may do. */
static void expect_near(clf_dtype dtype, double a, double b, oracle_attention_reach reach,
                        const attention_case *tested, const char *what) {
    if (!oracle_attention_outputs_agree(dtype, a, b, reach)) {
        char text[1024];
        attention_case_text(tested, text, sizeof text);
        fail_msg("%s: %.9g and %.9g: %s", what, a, b, text);
    }
}

/* `count` rows of softmax_max and softmax_sum, from a row of each on. */
static void expect_near_statistics(const attention_tensors *a, int64_t row_a,
                                   const attention_tensors *b, int64_t row_b, int64_t count,
                                   const attention_case *tested) {
    for (int64_t r = 0; r < count; r++) {
        const int64_t i = (row_a + r) * 8;
        const int64_t j = (row_b + r) * 8;
        if (!oracle_attention_statistics_agree(
                test_tensor_get_result(&a->max, i), test_tensor_get_result(&a->sum, i),
                test_tensor_get_result(&b->max, j), test_tensor_get_result(&b->sum, j))) {
            char text[1024];
            attention_case_text(tested, text, sizeof text);
            fail_msg("statistics of row %lld: %s", (long long)r, text);
        }
    }
}

/* ---- Determinism ---- */

static void repeat(const test_session *session, const attention_case *tested) {
    attention_tensors first;
    attention_tensors again;
    attention_case_execute(session, tested, NULL, &first);
    for (int plans = 0; plans < 2; plans++) {
        clf_plan *plan = NULL;
        attention_tensors_make(&again, tested);
        attention_tensors_upload(&again, session);
        test_succeeds(clf_flash_attention_plan(session->device, &again.args, &plan));
        for (int run = 0; run < 10; run++) {
            char problem[512];
            test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
            attention_tensors_read(&again, session, problem, sizeof problem);
            assert_string_equal(problem, "");
            expect_same_results(&first, &again, tested, "run again");
        }
        clf_plan_destroy(plan);
        attention_tensors_free(&again);
    }
    attention_tensors_free(&first);
}

static void law_same_bits(const test_session *session, attention_case tested) {
    tested.batch = 2;
    attention_case_set_lengths(&tested, 70, 130);
    tested.mask_form = TEST_MASK_B1SS;
    repeat(session, &tested);
    attention_case_set_lengths(&tested, 2, 3000); /* keys split among compute units */
    tested.mask_form = TEST_ATTENTION_NO_MASK;
    tested.batch = 1;
    repeat(session, &tested);
}

static void test_attention_twenty_runs_give_the_same_bits(void **state) {
    for_each(state, law_same_bits);
}

/* ---- Heads ---- */

/* Elements of `count` heads, [heads][rest], in the order given. */
static void permute_heads(test_tensor *to, const test_tensor *from, const int *order, int count) {
    const int64_t rest = test_tensor_count(from) / count;
    const size_t size = oracle_dtype_size(from->view.dtype);
    for (int n = 0; n < count; n++) {
        for (int64_t i = 0; i < rest; i++) {
            memcpy(test_tensor_bits(to, n * rest + i),
                   from->image + test_tensor_place(from, order[n] * rest + i), size);
        }
    }
}

static void law_permuted_heads(const test_session *session, attention_case tested) {
    static const int order[] = {2, 0, 3, 1};
    attention_tensors plain;
    attention_tensors permuted;
    tested.heads = tested.key_heads = 4;
    attention_case_set_lengths(&tested, 65, 97);
    attention_case_execute(session, &tested, NULL, &plain);
    attention_tensors_make(&permuted, &tested);
    permute_heads(&permuted.query, &plain.query, order, 4);
    permute_heads(&permuted.key, &plain.key, order, 4);
    permute_heads(&permuted.value, &plain.value, order, 4);
    attention_tensors_execute(session, &permuted);
    for (int64_t n = 0; n < 4; n++) {
        for (int64_t i = 0; i < 65; i++) {
            assert_true(attention_result_max(&permuted, 0, n, i) ==
                        attention_result_max(&plain, 0, order[n], i));
            assert_true(attention_result_sum(&permuted, 0, n, i) ==
                        attention_result_sum(&plain, 0, order[n], i));
            for (int64_t d = 0; d < tested.value_depth; d++) {
                assert_true(attention_result_out(&permuted, 0, n, i, d) ==
                            attention_result_out(&plain, 0, order[n], i, d));
            }
        }
    }
    attention_tensors_free(&plain);
    attention_tensors_free(&permuted);
}

static void test_attention_permuted_heads_give_permuted_results(void **state) {
    for_each(state, law_permuted_heads);
}

/* Four query heads over two key heads, and over the same two each twice. */
static void law_repeated_keys(const test_session *session, attention_case tested) {
    static const int order[] = {0, 0, 1, 1};
    attention_tensors grouped;
    attention_tensors repeated;
    tested.heads = 4;
    tested.key_heads = 2;
    attention_case_set_lengths(&tested, 70, 77);
    attention_case_execute(session, &tested, NULL, &grouped);
    tested.key_heads = 4;
    attention_tensors_make(&repeated, &tested);
    for (int64_t i = 0; i < test_tensor_count(&grouped.query); i++) {
        memcpy(test_tensor_bits(&repeated.query, i), test_tensor_bits(&grouped.query, i),
               oracle_dtype_size(tested.dtype));
    }
    const int64_t rest = test_tensor_count(&grouped.key) / 2;
    const size_t size = oracle_dtype_size(tested.dtype);
    for (int n = 0; n < 4; n++) {
        for (int64_t i = 0; i < rest; i++) {
            memcpy(test_tensor_bits(&repeated.key, n * rest + i),
                   test_tensor_bits(&grouped.key, order[n] * rest + i), size);
            memcpy(test_tensor_bits(&repeated.value, n * rest + i),
                   test_tensor_bits(&grouped.value, order[n] * rest + i), size);
        }
    }
    attention_tensors_execute(session, &repeated);
    const oracle_attention_reach reach = reach_of(&grouped);
    for (int64_t i = 0; i < test_tensor_count(&grouped.out); i++) {
        expect_near(tested.dtype, test_tensor_get_result(&grouped.out, i),
                    test_tensor_get_result(&repeated.out, i), reach, &tested, "grouped heads");
    }
    attention_tensors_free(&grouped);
    attention_tensors_free(&repeated);
}

static void test_attention_grouped_heads_equal_repeated_keys(void **state) {
    for_each(state, law_repeated_keys);
}

/* ---- A mode and its mask written out ---- */

static void write_out_mode(attention_tensors *tensors, const attention_tensors *by_mode) {
    oracle_attention problem;
    attention_tensors_open_oracle(by_mode, &problem);
    const int64_t q = tensors->atten_mask.view.shape[2];
    const int64_t k = tensors->atten_mask.view.shape[3];
    for (int64_t i = 0; i < test_tensor_count(&tensors->atten_mask); i++) {
        const oracle_attention_place place = {i / k / q, 0, i / k % q};
        *(unsigned char *)test_tensor_bits(&tensors->atten_mask, i) =
            !oracle_attention_is_computed(&problem, &place, i % k);
    }
    oracle_attention_close(&problem);
}

static void compare_mode(const test_session *session, attention_case tested, int64_t mode,
                         int64_t query, int64_t key, int64_t pre, int64_t next) {
    attention_tensors by_mode;
    attention_tensors by_mask;
    tested.batch = 2;
    attention_case_set_lengths(&tested, query, key);
    tested.mask_form = TEST_MASK_COMPRESSED;
    tested.mode = mode;
    tested.pre_tokens = pre;
    tested.next_tokens = next;
    tested.prefix[0] = key / 2 > key - query ? key / 2 : key;
    tested.prefix[1] = key;
    tested.inner_precise = 2;
    assert_true(attention_case_is_valid(&tested));
    attention_case_execute(session, &tested, NULL, &by_mode);
    attention_case written = tested;
    written.mask_form = TEST_MASK_B1SS;
    written.mode = 1;
    attention_tensors_make(&by_mask, &written); /* of the same seed: the same numbers */
    write_out_mode(&by_mask, &by_mode);
    attention_tensors_execute(session, &by_mask);
    const oracle_attention_reach reach = reach_of(&by_mode);
    for (int64_t i = 0; i < test_tensor_count(&by_mode.out); i++) {
        expect_near(tested.dtype, test_tensor_get_result(&by_mode.out, i),
                    test_tensor_get_result(&by_mask.out, i), reach, &tested, "written-out mask");
    }
    expect_near_statistics(&by_mode, 0, &by_mask, 0, 2 * tested.heads * query, &tested);
    attention_tensors_free(&by_mode);
    attention_tensors_free(&by_mask);
}

static void law_written_out(const test_session *session, attention_case tested) {
    static const int64_t sizes[][2] = {{70, 70}, {65, 90}, {90, 65}, {1, 65}, {65, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        compare_mode(session, tested, 2, sizes[i][0], sizes[i][1], 0, 0);
        compare_mode(session, tested, 3, sizes[i][0], sizes[i][1], 0, 0);
        compare_mode(session, tested, 6, sizes[i][0], sizes[i][1], 0, 0);
    }
    compare_mode(session, tested, 4, 70, 90, 7, 3);
    compare_mode(session, tested, 4, 90, 70, 25, -3);
    compare_mode(session, tested, 4, 70, 70, -2, 9);
}

static void test_attention_modes_equal_their_written_out_masks(void **state) {
    for_each(state, law_written_out);
}

/* ---- Sequences in one call and one by one ---- */

static void copy_tokens(test_tensor *to, const test_tensor *from, int64_t first) {
    const int64_t width = to->view.shape[1] * to->view.shape[2];
    const size_t size = oracle_dtype_size(to->view.dtype);
    for (int64_t i = 0; i < test_tensor_count(to); i++) {
        memcpy(test_tensor_bits(to, i), from->image + test_tensor_place(from, first * width + i),
               size);
    }
}

static void law_one_by_one(const test_session *session, attention_case tested) {
    static const int64_t query[] = {66, 64, 90, 65};
    static const int64_t key[] = {83, 64, 91, 200};
    attention_tensors together;
    tested.layout = TEST_TND;
    tested.heads = 4;
    tested.key_heads = 2;
    tested.batch = 4;
    memcpy(tested.query_lengths, query, sizeof query);
    memcpy(tested.key_lengths, key, sizeof key);
    tested.mask_form = TEST_MASK_COMPRESSED;
    tested.mode = 3;
    tested.statistics_per_token = true;
    attention_case_execute(session, &tested, NULL, &together);
    const oracle_attention_reach reach = reach_of(&together);
    int64_t query_begin = 0;
    int64_t key_begin = 0;
    for (int b = 0; b < 4; b++) {
        attention_tensors alone;
        attention_case one = tested;
        one.batch = 1;
        attention_case_set_lengths(&one, query[b], key[b]);
        attention_tensors_make(&alone, &one);
        copy_tokens(&alone.query, &together.query, query_begin);
        copy_tokens(&alone.key, &together.key, key_begin);
        copy_tokens(&alone.value, &together.value, key_begin);
        attention_tensors_execute(session, &alone);
        const int64_t width = 4 * tested.value_depth;
        for (int64_t i = 0; i < query[b] * width; i++) {
            expect_near(tested.dtype, test_tensor_get_result(&alone.out, i),
                        test_tensor_get_result(&together.out, query_begin * width + i), reach,
                        &tested, "one by one");
        }
        expect_near_statistics(&alone, 0, &together, query_begin * 4, query[b] * 4, &tested);
        attention_tensors_free(&alone);
        query_begin += query[b];
        key_begin += key[b];
    }
    attention_tensors_free(&together);
}

static void test_attention_varlen_equals_sequences_one_by_one(void **state) {
    for_each(state, law_one_by_one);
}

/* ---- Two halves of the keys ---- */

/* Copies keys [first, first + count of `to`) of each head. */
static void copy_keys(test_tensor *to, const test_tensor *from, int64_t first) {
    const int64_t *shape = to->view.shape; /* BNSD */
    const size_t size = oracle_dtype_size(to->view.dtype);
    for (int64_t i = 0; i < test_tensor_count(to); i++) {
        const int64_t d = i % shape[3];
        const int64_t j = i / shape[3] % shape[2];
        const int64_t n = i / shape[3] / shape[2];
        memcpy(test_tensor_bits(to, i),
               from->image +
                   test_tensor_place(from, (n * from->view.shape[2] + first + j) * shape[3] + d),
               size);
    }
}

static void execute_part(const test_session *session, attention_case tested,
                         const attention_tensors *whole, int64_t first, int64_t count,
                         attention_tensors *part) {
    attention_case_set_lengths(&tested, tested.query_lengths[0], count);
    attention_tensors_make(part, &tested);
    copy_keys(&part->query, &whole->query, 0);
    copy_keys(&part->key, &whole->key, first);
    copy_keys(&part->value, &whole->value, first);
    attention_tensors_execute(session, part);
}

static void law_merged_parts(const test_session *session, attention_case tested) {
    const int64_t rows = 66;
    const int64_t keys = 150;
    const int64_t first = 61;
    attention_tensors whole;
    attention_tensors parts[2];
    tested.deviation = 2.0;
    attention_case_set_lengths(&tested, rows, keys);
    attention_case_execute(session, &tested, NULL, &whole);
    execute_part(session, tested, &whole, 0, first, &parts[0]);
    execute_part(session, tested, &whole, first, keys - first, &parts[1]);
    const oracle_attention_reach reach = reach_of(&whole);
    for (int64_t r = 0; r < rows * tested.heads; r++) {
        const int64_t n = r / rows;
        const int64_t i = r % rows;
        const double maxima[] = {attention_result_max(&parts[0], 0, n, i),
                                 attention_result_max(&parts[1], 0, n, i)};
        const double max = fmax(maxima[0], maxima[1]);
        double weights[2];
        double sum = 0.0;
        for (int p = 0; p < 2; p++) {
            weights[p] = attention_result_sum(&parts[p], 0, n, i) * exp(maxima[p] - max);
            sum += weights[p];
        }
        assert_true(oracle_attention_statistics_agree(max, sum,
                                                      attention_result_max(&whole, 0, n, i),
                                                      attention_result_sum(&whole, 0, n, i)));
        for (int64_t d = 0; d < tested.value_depth; d++) {
            const double merged = (weights[0] * attention_result_out(&parts[0], 0, n, i, d) +
                                   weights[1] * attention_result_out(&parts[1], 0, n, i, d)) /
                                  sum;
            expect_near(tested.dtype, merged, attention_result_out(&whole, 0, n, i, d), reach,
                        &tested, "merged output");
        }
    }
    attention_tensors_free(&whole);
    attention_tensors_free(&parts[0]);
    attention_tensors_free(&parts[1]);
}

static void test_attention_parts_merge_by_their_statistics(void **state) {
    for_each(state, law_merged_parts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_twenty_runs_give_the_same_bits),
        cmocka_unit_test(test_attention_permuted_heads_give_permuted_results),
        cmocka_unit_test(test_attention_grouped_heads_equal_repeated_keys),
        cmocka_unit_test(test_attention_modes_equal_their_written_out_masks),
        cmocka_unit_test(test_attention_varlen_equals_sequences_one_by_one),
        cmocka_unit_test(test_attention_parts_merge_by_their_statistics),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
