/* The oracle's dropout generator: known answers, published bytes, fractions kept. */
#include <math.h>

#include "attention_bounds.h"
#include "attention_goldens.h"
#include "attention_philox.h"
#include "cmocka_all.h"
#include "test_random.h"

static void test_attention_philox_words_give_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4];
        uint32_t key[2];
        int rounds;
        uint32_t words[4];
    } known[] = {
        {{0, 0, 0, 0}, {2, 0}, 10, {0x6cea1ec5, 0x7f4dbfff, 0xf99450e5, 0x664593ce}},
        {{1, 0, 0, 0}, {2, 0}, 10, {0x12e48da7, 0x3b20d6d5, 0xf6b9713a, 0x7ec43907}},
        {{0, 0, 10, 0}, {42, 0}, 10, {0x3dd83719, 0xb932ccb8, 0xeedaadcc, 0x4907bafe}},
        {{1, 0, 10, 0}, {42, 0}, 10, {0x8bd4cc9b, 0xf9f3df45, 0xd982ac32, 0x9cd8d588}},
        {{0, 0, 0, 0}, {0, 0}, 7, {0x5f6fb709, 0x0d893f64, 0x4f121f81, 0x4f730a48}},
        /* Random123's own. */
        {{0, 0, 0, 0}, {0, 0}, 10, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}, 10, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         10,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t words[4];
        oracle_philox(known[i].counter, known[i].key, known[i].rounds, words);
        for (int word = 0; word < 4; word++) {
            assert_int_equal(words[word], known[i].words[word]);
        }
    }
}

static void test_attention_philox_dropout_gives_known_bytes(void **state) {
    (void)state;
    for (size_t i = 0; i < attention_num_dropout_goldens; i++) {
        const attention_dropout_golden *known = &attention_dropout_goldens[i];
        const oracle_dropout dropout = {known->seed, known->offset, known->drop_probability,
                                        known->dtype};
        int kept = 0;
        for (uint64_t e = 0; e < 128; e++) {
            const bool keeps = oracle_dropout_keeps(&dropout, e);
            kept += keeps;
            assert_int_equal(keeps, known->bytes[e / 8] >> (e % 8) & 1);
        }
        assert_int_equal(kept, known->kept);
    }
}

static void test_attention_philox_dropout_keeps_the_effective_fraction(void **state) {
    (void)state;
    static const struct {
        clf_dtype dtype;
        double fraction; /* at keep 0.9, as the document states it */
    } known[] = {{CLF_DTYPE_FP16, .89941}, {CLF_DTYPE_BF16, .89844}, {CLF_DTYPE_FP32, .90000}};
    for (size_t i = 0; i < 3; i++) {
        const oracle_dropout dropout = {test_seed(), 7, 0.1, known[i].dtype};
        const double fraction = oracle_dropout_kept_fraction(&dropout);
        assert_true(fabs(fraction - known[i].fraction) < 1e-5);
        uint64_t kept = 0;
        for (uint64_t e = 0; e < 200000; e++) {
            kept += oracle_dropout_keeps(&dropout, e);
        }
        assert_true(oracle_kept_count_is_fair(kept, 200000, fraction));
        assert_false(oracle_kept_count_is_fair(kept, 200000, 0.91));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_philox_words_give_known_answers),
        cmocka_unit_test(test_attention_philox_dropout_gives_known_bytes),
        cmocka_unit_test(test_attention_philox_dropout_keeps_the_effective_fraction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
