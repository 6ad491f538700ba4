/* Statistics, parsing, thread shares and generated data of the benchmark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attention_visits.h"
#include "data_source.h"
#include "parse_values.h"
#include "statistics.h"
#include "thread_team.h"

static void test_summarize_odd_count_takes_middle(void **state) {
    double samples[] = {9.0, 1.0, 2.0, 3.0, 100.0};
    summary result = summarize(samples, 5);
    (void)state;
    assert_true(result.median == 3.0);
    assert_true(result.mad == 2.0); /* of 2, 1, 0, 6, 97 */
    assert_true(result.minimum == 1.0);
    assert_int_equal(result.count, 5);
}

static void test_summarize_even_count_takes_mean_of_two(void **state) {
    double samples[] = {4.0, 1.0, 3.0, 2.0};
    summary result = summarize(samples, 4);
    (void)state;
    assert_true(result.median == 2.5);
    assert_true(result.mad == 1.0);
}

static void test_summarize_nothing_is_zero(void **state) {
    summary result = summarize(NULL, 0);
    (void)state;
    assert_true(result.median == 0.0 && result.count == 0);
}

static void test_parse_shape_accepts_sizes(void **state) {
    int32_t rank = 0;
    int64_t shape[8] = {0};
    char text[64];
    (void)state;
    assert_true(parse_shape("8,16,512,7", &rank, shape));
    assert_int_equal(rank, 4);
    assert_int_equal(shape[3], 7);
    print_shape(rank, shape, text, sizeof text);
    assert_string_equal(text, "8,16,512,7");
}

static void test_parse_shape_refuses_rest(void **state) {
    static const char *const bad[] = {"",
                                      "0",
                                      "-1",
                                      "1,",
                                      ",1",
                                      "1,,2",
                                      "1 ,2",
                                      "1;2",
                                      "2x3",
                                      "1.5",
                                      "+1",
                                      " 1",
                                      "1, 2",
                                      "9223372036854775808",
                                      "1,1,1,1,1,1,1,1,1"};
    int32_t rank = 77;
    int64_t shape[8] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse_shape(bad[i], &rank, shape));
        assert_int_equal(rank, 77);
    }
}

static void test_parse_numbers_are_strict(void **state) {
    double value = 0.0;
    uint64_t number = 0;
    (void)state;
    assert_true(parse_double("-0.125", &value));
    assert_true(value == -0.125);
    assert_false(parse_double("1e999", &value));
    assert_false(parse_double("nan", &value));
    assert_false(parse_double("1x", &value));
    assert_false(parse_double(" 1", &value));
    assert_true(parse_unsigned("18446744073709551615", 0, UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
    assert_false(parse_unsigned("18446744073709551616", 0, UINT64_MAX, &number));
    assert_false(parse_unsigned("-1", 0, UINT64_MAX, &number));
    assert_false(parse_unsigned("7", 0, 6, &number));
}

static void test_team_shares_cover_everything_once(void **state) {
    static const size_t totals[] = {0, 1, 2, 7, 64, 1000003};
    (void)state;
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        for (size_t count = 1; count < 9; count++) {
            size_t next = 0;
            for (size_t index = 0; index < count; index++) {
                size_t begin = 0;
                size_t end = 0;
                team_share(totals[i], index, count, &begin, &end);
                assert_int_equal(begin, next);
                assert_true(end >= begin);
                next = end;
            }
            assert_int_equal(next, totals[i]);
        }
    }
}

static void mark(void *context, size_t index, size_t count) {
    unsigned char *marks = context;
    if (index < count) {
        marks[index]++;
    }
}

static void test_team_runs_each_thread_once(void **state) {
    unsigned char marks[1024] = {0};
    thread_team *team = thread_team_create();
    (void)state;
    assert_non_null(team);
    for (int round = 1; round <= 50; round++) {
        assert_true(thread_team_run(team, mark, marks) >= 0.0);
        for (size_t i = 0; i < thread_team_size(team); i++) {
            assert_int_equal(marks[i], round);
        }
    }
    thread_team_destroy(team);
}

static void test_data_source_repeats_and_wraps(void **state) {
    data_source source;
    float direct[6];
    float wrapped[6];
    (void)state;
    assert_true(data_source_uniform(&source, CLF_DTYPE_FP32, -5.0, 5.0, 42));
    data_source_copy(&source, source.period - 2, 6, wrapped);
    data_source_copy(&source, 0, 4, direct);
    assert_memory_equal(wrapped + 2, direct, 4 * sizeof(float));
    data_source_copy(&source, (uint64_t)source.period * 5000 + 1, 3, wrapped);
    assert_memory_equal(wrapped, direct + 1, 3 * sizeof(float));
    for (size_t i = 0; i < 4; i++) {
        assert_true(direct[i] >= -5.0f && direct[i] <= 5.0f);
    }
    data_source_release(&source);
}

static void test_data_source_mask_has_wanted_share(void **state) {
    data_source source;
    size_t ones = 0;
    (void)state;
    assert_true(data_source_mask(&source, 0.5, 7));
    for (size_t i = 0; i < source.period; i++) {
        assert_true(source.stored[i] <= 1);
        ones += source.stored[i];
    }
    /* 6 sigma of a binomial with a million draws */
    assert_true(ones > source.period / 2 - 3100 && ones < source.period / 2 + 3100);
    data_source_release(&source);
}

/* Sequences of 4 queries and 6 keys, and of 6 and 4, as the operator document draws them: the
 * number of pairs of each row. */
typedef struct visits_case {
    int64_t mode;
    int64_t pre_tokens;
    int64_t next_tokens;
    int64_t prefix;
    int64_t queries;
    int64_t keys;
    int64_t row_begin[6];
    int64_t row_end[6];
} visits_case;

static void test_visits_follow_the_modes(void **state) {
    static const visits_case cases[] = {
        {0, 1, 1, 0, 4, 6, {0, 0, 1, 2}, {2, 3, 4, 5}},
        {0, 3, -1, 0, 4, 6, {0, 0, 0, 0}, {0, 1, 2, 3}},
        {0, -1, 3, 0, 4, 6, {1, 2, 3, 4}, {4, 5, 6, 6}},
        {1, 0, 0, 0, 4, 6, {0, 0, 0, 0}, {6, 6, 6, 6}},
        {2, 0, 0, 0, 4, 6, {0, 0, 0, 0}, {1, 2, 3, 4}},
        {2, 0, 0, 0, 6, 4, {0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 4, 4}},
        {3, 0, 0, 0, 4, 6, {0, 0, 0, 0}, {3, 4, 5, 6}},
        {3, 0, 0, 0, 6, 4, {0, 0, 0, 0, 0, 0}, {0, 0, 1, 2, 3, 4}},
        {4, 2, 1, 0, 4, 6, {0, 1, 2, 3}, {4, 5, 6, 6}},
        {4, 3, -1, 0, 4, 6, {0, 0, 1, 2}, {2, 3, 4, 5}},
        {4, 1, 0, 0, 6, 4, {0, 0, 0, 0, 1, 2}, {0, 0, 1, 2, 3, 4}},
        {6, 0, 0, 4, 4, 6, {0, 0, 0, 0}, {4, 4, 5, 6}},
        {6, 0, 0, 2, 6, 4, {0, 0, 0, 0, 0, 0}, {2, 2, 2, 2, 3, 4}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const visits_case *expected = &cases[i];
        const attention_problem problem = {.batch = 1,
                                           .heads = 3,
                                           .query_length = expected->queries,
                                           .key_length = expected->keys,
                                           .mask = ATTENTION_MASK_COMPRESSED,
                                           .sparse_mode = expected->mode,
                                           .pre_tokens = expected->pre_tokens,
                                           .next_tokens = expected->next_tokens,
                                           .prefix = expected->prefix};
        attention_sequence sequence = attention_sequence_at(&problem, 0);
        double pairs = 0.0;
        for (int64_t row = 0; row < expected->queries; row++) {
            int64_t begin = 0;
            int64_t end = 0;
            attention_row_keys(&sequence, row, &begin, &end);
            assert_int_equal(end - begin, expected->row_end[row] - expected->row_begin[row]);
            assert_true(begin == end || begin == expected->row_begin[row]);
            pairs += (double)(end - begin);
        }
        assert_true(attention_visited_pairs(&problem) == 3.0 * pairs);
    }
}

/* The document's examples of modes 7 and 8: the last or the first sequence is a slice. */
static void test_visits_of_slices(void **state) {
    const attention_problem seven = {.heads = 1,
                                     .mask = ATTENTION_MASK_COMPRESSED,
                                     .sparse_mode = 7,
                                     .next_tokens = -2,
                                     .num_sequences = 2,
                                     .query_ends = {3, 5},
                                     .key_ends = {3, 9}};
    const attention_problem eight = {.heads = 1,
                                     .mask = ATTENTION_MASK_COMPRESSED,
                                     .sparse_mode = 8,
                                     .next_tokens = 1,
                                     .num_sequences = 3,
                                     .query_ends = {3, 8, 12},
                                     .key_ends = {4, 9, 13}};
    (void)state;
    assert_true(attention_visited_pairs(&seven) == 6.0 + 7.0);
    assert_true(attention_visited_pairs(&eight) == 11.0 + 15.0 + 10.0);
}

static void test_parse_next_count_walks_a_list(void **state) {
    const char *text = "16:1000,x";
    char end = 0;
    (void)state;
    assert_int_equal(parse_next_count(&text, &end), 16);
    assert_int_equal(end, ':');
    assert_int_equal(parse_next_count(&text, &end), 1000);
    assert_int_equal(end, ',');
    assert_int_equal(parse_next_count(&text, &end), -1);
    assert_int_equal(end, '\0');
}

/* Both halves of the bytes take every value; a copy from any even place has the same elements. */
static void test_data_source_int4_fills_both_halves(void **state) {
    data_source source;
    unsigned char whole[4096];
    unsigned char part[1000];
    unsigned seen[2] = {0, 0};
    (void)state;
    assert_true(data_source_uniform(&source, CLF_DTYPE_INT4, -8.0, 7.0, 3));
    data_source_copy(&source, 0, 2 * sizeof whole, whole);
    data_source_copy(&source, source.period + 2 * 77, 2 * sizeof part, part);
    data_source_release(&source);
    for (size_t i = 0; i < sizeof whole; i++) {
        seen[0] |= 1u << (whole[i] & 15);
        seen[1] |= 1u << (whole[i] >> 4);
    }
    assert_int_equal(seen[0], 0xffff);
    assert_int_equal(seen[1], 0xffff);
    assert_memory_equal(part, whole + 77, sizeof part);
    assert_int_equal(dtype_bytes(CLF_DTYPE_INT4, 10), 5);
}

static void test_data_source_integers_reach_both_ends(void **state) {
    data_source source;
    signed char values[8192];
    int low = 0;
    int high = 0;
    (void)state;
    assert_true(data_source_uniform(&source, CLF_DTYPE_INT8, -3.0, 3.0, 4));
    data_source_copy(&source, 0, sizeof values, values);
    data_source_release(&source);
    for (size_t i = 0; i < sizeof values; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    assert_int_equal(low, -3);
    assert_int_equal(high, 3);
}

static void test_data_source_fp32_bits_are_in_the_lower_half(void **state) {
    data_source source;
    uint64_t values[64];
    (void)state;
    assert_true(data_source_fp32_bits(&source, CLF_DTYPE_INT64, 0.5, 0.75, 5));
    data_source_copy(&source, 0, 64, values);
    data_source_release(&source);
    for (size_t i = 0; i < 64; i++) {
        const uint32_t bits = (uint32_t)values[i];
        float value;
        memcpy(&value, &bits, sizeof value);
        assert_true(values[i] >> 32 == 0 && value >= 0.5f && value <= 0.75f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_next_count_walks_a_list),
        cmocka_unit_test(test_data_source_int4_fills_both_halves),
        cmocka_unit_test(test_data_source_integers_reach_both_ends),
        cmocka_unit_test(test_data_source_fp32_bits_are_in_the_lower_half),
        cmocka_unit_test(test_summarize_odd_count_takes_middle),
        cmocka_unit_test(test_summarize_even_count_takes_mean_of_two),
        cmocka_unit_test(test_summarize_nothing_is_zero),
        cmocka_unit_test(test_parse_shape_accepts_sizes),
        cmocka_unit_test(test_parse_shape_refuses_rest),
        cmocka_unit_test(test_parse_numbers_are_strict),
        cmocka_unit_test(test_team_shares_cover_everything_once),
        cmocka_unit_test(test_team_runs_each_thread_once),
        cmocka_unit_test(test_data_source_repeats_and_wraps),
        cmocka_unit_test(test_data_source_mask_has_wanted_share),
        cmocka_unit_test(test_visits_follow_the_modes),
        cmocka_unit_test(test_visits_of_slices),
    };
    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
