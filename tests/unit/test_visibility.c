/* The record that all sparse modes are lowered to, against the document's predicates and pictures.
 */
#include "shape/visibility.h"

#include <stdio.h>
#include <string.h>

#include "attention_predicates.h"
#include "cmocka_all.h"

#define MAX_LENGTH 9
#define ALL        INT64_C(2147483647)

static clf_i_visibility visibility_of(const oracle_sparse *sparse, int64_t query_length,
                                      int64_t key_length) {
    const clf_i_sparse_request request = {sparse->mode, sparse->pre_tokens, sparse->next_tokens,
                                          sparse->has_mask};
    return clf_i_visibility_make(&request, query_length, key_length, sparse->prefix,
                                 sparse->is_slice);
}

/* Every pair, and their number. */
static void expect_same_pairs(const oracle_sparse *sparse, int64_t query_length,
                              int64_t key_length) {
    const clf_i_visibility visibility = visibility_of(sparse, query_length, key_length);
    int64_t num_pairs = 0;
    for (int64_t i = 0; i < query_length; i++) {
        int64_t begin = -1;
        int64_t end = -1;
        clf_i_visibility_row(&visibility, i, key_length, &begin, &end);
        for (int64_t j = 0; j < key_length; j++) {
            const bool expected = oracle_pair_is_in_mode(sparse, query_length, key_length, i, j);
            num_pairs += expected;
            if (expected != (begin <= j && j < end)) {
                fail_msg("mode %lld pre %lld next %lld prefix %lld slice %d, %lld x %lld: row "
                         "%lld key %lld must be %d, keys are [%lld, %lld)",
                         (long long)sparse->mode, (long long)sparse->pre_tokens,
                         (long long)sparse->next_tokens, (long long)sparse->prefix,
                         sparse->is_slice, (long long)query_length, (long long)key_length,
                         (long long)i, (long long)j, expected, (long long)begin, (long long)end);
            }
        }
        assert_true(begin >= 0 && end <= key_length);
    }
    assert_int_equal(clf_i_visibility_num_pairs(&visibility, query_length, key_length), num_pairs);
}

static void for_each_size(const oracle_sparse *sparse) {
    for (int64_t q = 0; q <= MAX_LENGTH; q++) {
        for (int64_t k = 0; k <= MAX_LENGTH; k++) {
            expect_same_pairs(sparse, q, k);
        }
    }
}

static void test_visibility_every_mode_size_and_token_equals_the_predicate(void **state) {
    (void)state;
    static const int64_t far[] = {-1000, -ALL, ALL, INT64_C(1) << 40};
    int64_t tokens[2 * MAX_LENGTH + 3 + 4];
    size_t count = 0;
    for (int64_t t = -MAX_LENGTH - 1; t <= MAX_LENGTH + 1; t++) {
        tokens[count++] = t;
    }
    memcpy(tokens + count, far, sizeof far);
    count += sizeof far / sizeof far[0];
    for (int64_t mode = 0; mode <= 8; mode++) {
        for (size_t pre = 0; pre < count; pre++) {
            for (size_t next = 0; next < count; next++) {
                oracle_sparse sparse = {mode, tokens[pre], tokens[next], 0, true, false};
                for_each_size(&sparse);
                sparse.is_slice = mode >= 7;
                if (sparse.is_slice) {
                    for_each_size(&sparse);
                }
            }
        }
    }
}

static void test_visibility_every_prefix_equals_the_predicate(void **state) {
    (void)state;
    for (int64_t q = 0; q <= MAX_LENGTH; q++) {
        for (int64_t k = 0; k <= MAX_LENGTH; k++) {
            for (int64_t prefix = 0; prefix <= k; prefix++) {
                const oracle_sparse sparse = {6, ALL, ALL, prefix, true, false};
                expect_same_pairs(&sparse, q, k);
            }
        }
    }
}

static void test_visibility_without_a_mask_holds_every_pair(void **state) {
    (void)state;
    for (int64_t mode = -1; mode <= 9; mode++) {
        const oracle_sparse sparse = {mode, -3, -3, 1, false, false};
        for_each_size(&sparse);
    }
}

/* Tokens at the ends of their type neither overflow nor wrap. */
static void test_visibility_extreme_tokens_act_as_unlimited(void **state) {
    (void)state;
    static const int64_t lengths[] = {1, 9, INT64_C(1) << 40};
    for (size_t q = 0; q < 3; q++) {
        for (size_t k = 0; k < 3; k++) {
            for (int64_t mode = 0; mode <= 4; mode += 4) {
                int64_t begin = 0;
                int64_t end = 0;
                const oracle_sparse all = {mode, INT64_MAX, INT64_MAX, 0, true, false};
                const oracle_sparse none = {mode, INT64_MIN, INT64_MAX, 0, true, false};
                clf_i_visibility visibility = visibility_of(&all, lengths[q], lengths[k]);
                clf_i_visibility_row(&visibility, lengths[q] - 1, lengths[k], &begin, &end);
                assert_true(begin == 0 && end == lengths[k]);
                visibility = visibility_of(&none, lengths[q], lengths[k]);
                clf_i_visibility_row(&visibility, 0, lengths[k], &begin, &end);
                assert_true(begin >= end);
            }
        }
    }
}

/* ---- The document's pictures: rows of '1' and '.' ---- */

typedef struct picture {
    oracle_sparse sparse;
    int64_t query_length;
    int64_t key_length;
    const char *pairs;
} picture;

static const picture pictures[] = {
    {{0, ALL, 0, 0, true, false}, 4, 6, "1..... 11.... 111... 1111.."},
    {{0, 1, 1, 0, true, false}, 4, 6, "11.... 111... .111.. ..111."},
    {{0, 3, -1, 0, true, false}, 4, 6, "...... 1..... 11.... 111..."},
    {{0, -1, 3, 0, true, false}, 4, 6, ".111.. ..111. ...111 ....11"},
    {{2, 0, 0, 0, true, false}, 4, 6, "1..... 11.... 111... 1111.."},
    {{2, 0, 0, 0, true, false}, 6, 4, "1... 11.. 111. 1111 1111 1111"},
    {{3, 0, 0, 0, true, false}, 4, 6, "111... 1111.. 11111. 111111"},
    {{3, 0, 0, 0, true, false}, 6, 4, ".... .... 1... 11.. 111. 1111"},
    {{4, 2, 1, 0, true, false}, 4, 6, "1111.. .1111. ..1111 ...111"},
    {{4, 3, -1, 0, true, false}, 4, 6, "11.... 111... .111.. ..111."},
    {{4, 1, 0, 0, true, false}, 6, 4, ".... .... 1... 11.. .11. ..11"},
    {{6, 0, 0, 4, true, false}, 4, 6, "1111.. 1111.. 11111. 111111"},
    {{6, 0, 0, 2, true, false}, 4, 6, "111... 1111.. 11111. 111111"},
    {{6, 0, 0, 2, true, false}, 6, 4, "11.. 11.. 11.. 11.. 111. 1111"},
    {{6, 0, 0, 0, true, false}, 6, 4, ".... .... 1... 11.. 111. 1111"},
    /* Mode 7: the last element of card 1, and the first element of card 2. */
    {{7, 6, -2, 0, true, true}, 2, 6, "111... 1111.."},
    {{3, 0, 0, 0, true, false}, 2, 6, "11111. 111111"},
    /* Mode 8: the last element of card 1, and the first element of card 2. */
    {{2, 0, 0, 0, true, false}, 2, 4, "1... 11.."},
    {{8, 4, 1, 0, true, true}, 3, 4, "111. 1111 1111"},
};

static void test_visibility_gives_the_documents_pictures(void **state) {
    (void)state;
    for (size_t p = 0; p < sizeof pictures / sizeof pictures[0]; p++) {
        const picture *drawn = &pictures[p];
        const clf_i_visibility visibility =
            visibility_of(&drawn->sparse, drawn->query_length, drawn->key_length);
        for (int64_t i = 0; i < drawn->query_length; i++) {
            const char *row = drawn->pairs + i * (drawn->key_length + 1);
            int64_t begin = 0;
            int64_t end = 0;
            clf_i_visibility_row(&visibility, i, drawn->key_length, &begin, &end);
            for (int64_t j = 0; j < drawn->key_length; j++) {
                const bool expected = row[j] == '1';
                if (expected != (begin <= j && j < end) ||
                    expected != oracle_pair_is_in_mode(&drawn->sparse, drawn->query_length,
                                                       drawn->key_length, i, j)) {
                    fail_msg("picture %zu, row %lld, key %lld", p, (long long)i, (long long)j);
                }
            }
        }
    }
}

/* Rows [a, e) of a long sequence, keys whole: from mode 3 next = e - Sq, from mode 2 e - Skv. */
static void test_visibility_slices_see_what_the_whole_sees(void **state) {
    (void)state;
    for (int64_t q = 1; q <= MAX_LENGTH; q++) {
        for (int64_t k = 1; k <= MAX_LENGTH; k++) {
            for (int64_t a = 0; a < q; a++) {
                for (int64_t e = a + 1; e <= q; e++) {
                    const oracle_sparse slices[] = {{7, k, e - q, 0, true, true},
                                                    {8, k, e - k, 0, true, true}};
                    for (int s = 0; s < 2; s++) {
                        const clf_i_visibility visibility = visibility_of(&slices[s], e - a, k);
                        for (int64_t i = 0; i < e - a; i++) {
                            int64_t begin = 0;
                            int64_t end = 0;
                            clf_i_visibility_row(&visibility, i, k, &begin, &end);
                            for (int64_t j = 0; j < k; j++) {
                                assert_int_equal(
                                    begin <= j && j < end,
                                    oracle_pair_is_in_whole(s == 0 ? 3 : 2, a, q, k, i, j));
                            }
                        }
                    }
                }
            }
        }
    }
}

static void test_visibility_compressed_modes_are_the_documents(void **state) {
    (void)state;
    static const bool compressed[] = {false, false, true, true, true, false, true, true, true};
    for (int64_t mode = 0; mode <= 8; mode++) {
        assert_int_equal(clf_i_sparse_mode_is_compressed(mode), compressed[mode]);
    }
    assert_false(clf_i_sparse_mode_is_compressed(-1));
    assert_false(clf_i_sparse_mode_is_compressed(9));
}

/* A row of 128K tokens under a band, without touching any memory of that size. */
static void test_visibility_band_of_a_long_sequence_counts_its_width(void **state) {
    (void)state;
    const int64_t length = 131072;
    const oracle_sparse sparse = {4, 1023, 0, 0, true, false};
    const clf_i_visibility visibility = visibility_of(&sparse, length, length);
    assert_int_equal(clf_i_visibility_num_pairs(&visibility, length, length),
                     length * 1024 - 1024 * 1023 / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visibility_every_mode_size_and_token_equals_the_predicate),
        cmocka_unit_test(test_visibility_every_prefix_equals_the_predicate),
        cmocka_unit_test(test_visibility_without_a_mask_holds_every_pair),
        cmocka_unit_test(test_visibility_extreme_tokens_act_as_unlimited),
        cmocka_unit_test(test_visibility_gives_the_documents_pictures),
        cmocka_unit_test(test_visibility_slices_see_what_the_whole_sees),
        cmocka_unit_test(test_visibility_compressed_modes_are_the_documents),
        cmocka_unit_test(test_visibility_band_of_a_long_sequence_counts_its_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
