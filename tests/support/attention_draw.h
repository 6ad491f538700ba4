/*
 * Where random attention cases come from. What a kernel is built for (dtype, head dimensions, mask,
 * bias, dropout, strides, variant) is drawn first, because each such choice is compiled anew; many
 * cases of other shapes, layouts and modes are then drawn for each.
 */
#ifndef CLF_TESTS_ATTENTION_DRAW_H
#define CLF_TESTS_ATTENTION_DRAW_H

#include "attention_case.h"

typedef enum attention_bias_class {
    TEST_BIAS_CLASS_NONE,
    TEST_BIAS_CLASS_TENSOR,
    TEST_BIAS_CLASS_LAST_ROWS,
    TEST_BIAS_CLASS_LINEAR,
    TEST_BIAS_CLASS_ROOT,
    TEST_NUM_BIAS_CLASSES
} attention_bias_class;

typedef struct attention_kind {
    clf_dtype dtype;
    int64_t depth;
    int64_t value_depth;
    bool reads_mask;
    attention_bias_class bias;
    attention_dropout dropout;
    bool is_contiguous;  /* along the head dimension */
    int64_t fewest_rows; /* of the longest query */
    int64_t most_rows;
    clf_variant variant;
} attention_kind;

/* Kinds that together hold every two of their properties' values (but for those of depth and bias,
 * which are too many), as far as `capacity` lets them; of the depths as many, drawn at random: each
 * takes programs of its own.
 * Returns how many; `*out_missing` is the number of pairs that found no place. */
#define TEST_ALL_DEPTHS 12
size_t attention_kinds_draw(test_random *random, bool has_cpu_variant, size_t num_depths,
                            attention_kind *kinds, size_t capacity, size_t *out_missing);

/* A valid case of the kind, whose work is at most `budget` multiplications. */
attention_case attention_case_draw(test_random *random, const attention_kind *kind, double budget);

/* The properties of a case whose pairs are counted. */
#define TEST_NUM_ATTENTION_FACTORS 17
#define TEST_MAX_FACTOR_VALUES     12
void attention_case_factors(const attention_case *tested,
                            unsigned values[TEST_NUM_ATTENTION_FACTORS]);

/* Makes a failing case simpler while it still fails; `fails` runs it. */
typedef bool (*attention_case_fails)(const attention_case *tested, const void *context);
attention_case attention_case_shrink(attention_case failing, attention_case_fails fails,
                                     const void *context);

#endif
