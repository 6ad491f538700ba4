/* See ffn_draw.h. Cases are drawn freely and drawn again until they are valid. */
#include "ffn_draw.h"

#include <string.h>

#include "cmocka_all.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Kinds ---- */

enum {
    KIND_TYPES,
    KIND_ACTIVATION,
    KIND_BIAS1,
    KIND_BIAS2,
    KIND_EXPERTS,
    KIND_OPTIONS,
    KIND_LINE,
    KIND_VARIANT,
    KIND_FACTORS
};
#define MAX_VALUES TEST_NUM_FFN_TYPES

static const size_t kind_values[KIND_FACTORS] = {
    TEST_NUM_FFN_TYPES, TEST_NUM_FFN_ACTIVATIONS, 2, 2, 2, 2, 2, 2};

typedef struct kind_pairs {
    bool covered[KIND_FACTORS][MAX_VALUES][KIND_FACTORS][MAX_VALUES];
} kind_pairs;

static size_t count_new(kind_pairs *pairs, const size_t *choice, bool cover) {
    size_t count = 0;
    for (size_t f = 0; f < KIND_FACTORS; f++) {
        for (size_t g = f + 1; g < KIND_FACTORS; g++) {
            bool *covered = &pairs->covered[f][choice[f]][g][choice[g]];
            count += !*covered;
            *covered |= cover;
        }
    }
    return count;
}

static ffn_kind kind_of(const size_t *choice) {
    return (ffn_kind){.types = (ffn_types)choice[KIND_TYPES],
                      .activation = (int)choice[KIND_ACTIVATION],
                      .has_bias1 = choice[KIND_BIAS1] == 1,
                      .has_bias2 = choice[KIND_BIAS2] == 1,
                      .has_experts = choice[KIND_EXPERTS] == 1,
                      .has_options = choice[KIND_OPTIONS] == 1,
                      .is_contiguous = choice[KIND_LINE] == 0,
                      .variant =
                          choice[KIND_VARIANT] == 0 ? CLF_VARIANT_PORTABLE : CLF_VARIANT_CPU};
}

static size_t num_values(size_t factor, bool has_cpu_variant) {
    return factor == KIND_VARIANT && !has_cpu_variant ? 1 : kind_values[factor];
}

size_t ffn_kinds_draw(test_random *random, bool has_cpu_variant, ffn_kind *kinds, size_t capacity,
                      size_t *out_missing) {
    static kind_pairs pairs;
    size_t missing = 0;
    size_t count = 0;
    memset(&pairs, 0, sizeof pairs);
    for (size_t f = 0; f < KIND_FACTORS; f++) {
        for (size_t g = f + 1; g < KIND_FACTORS; g++) {
            missing += num_values(f, has_cpu_variant) * num_values(g, has_cpu_variant);
        }
    }
    for (; count < capacity && missing > 0; count++) {
        size_t best[KIND_FACTORS] = {0};
        size_t most = 0;
        for (int candidate = 0; candidate < 200; candidate++) {
            size_t choice[KIND_FACTORS];
            for (size_t f = 0; f < KIND_FACTORS; f++) {
                choice[f] = test_random_below(random, num_values(f, has_cpu_variant));
            }
            const size_t gain = count_new(&pairs, choice, false);
            if (gain >= most) {
                most = gain;
                memcpy(best, choice, sizeof best);
            }
        }
        missing -= count_new(&pairs, best, true);
        kinds[count] = kind_of(best);
    }
    *out_missing = missing;
    return count;
}

/* ---- Cases ---- */

static int64_t draw_size(test_random *random, int64_t most) {
    static const int64_t edges[] = {1,  2,  3,  7,  8,  15,  16,  17,  31,  32,  33, 47,
                                    48, 49, 63, 64, 65, 127, 128, 129, 191, 192, 193};
    int64_t size = 0;
    switch (test_random_below(random, 3)) {
    case 0:
        size = edges[test_random_below(random, LENGTH(edges))];
        break;
    case 1:
        size = test_random_between(random, 1, 24);
        break;
    default:
        size = test_random_between(random, 1, most);
        break;
    }
    return size < most ? size : most;
}

static void draw_tokens(test_random *random, ffn_case *drawn) {
    drawn->num_axes =
        test_random_chance(random, 0.6) ? 1 : (int32_t)test_random_between(random, 2, 7);
    for (int32_t axis = 0; axis < drawn->num_axes; axis++) {
        drawn->tokens[axis] =
            drawn->num_axes == 1 ? draw_size(random, 400) : test_random_between(random, 1, 4);
    }
    if (test_random_chance(random, 0.02)) {
        drawn->tokens[test_random_below(random, (size_t)drawn->num_axes)] = 0;
    }
}

static void draw_sizes(test_random *random, ffn_case *drawn, int64_t most) {
    int64_t *const sizes[] = {&drawn->depth1, &drawn->depth2, &drawn->width2};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        *sizes[i] = draw_size(random, most);
    }
    if (test_random_chance(random, 0.03)) {
        *sizes[test_random_below(random, LENGTH(sizes))] = 0;
    }
    if (test_random_chance(random, 0.1)) { /* few tokens, long sums */
        *sizes[test_random_below(random, LENGTH(sizes))] = test_random_between(random, 300, 3000);
    }
}

static void draw_experts(test_random *random, ffn_case *drawn) {
    const bool many = test_random_chance(random, 0.04);
    drawn->expert_form =
        (ffn_expert_form)test_random_between(random, TEST_EXPERTS_COUNTS, TEST_EXPERTS_DEVICE_ENDS);
    drawn->num_experts = many ? test_random_between(random, 200, TEST_MAX_EXPERTS)
                              : test_random_between(random, 1, 9);
    drawn->wild_tokens =
        drawn->expert_form >= TEST_EXPERTS_DEVICE_COUNTS && test_random_chance(random, 0.3);
    ffn_case_spread(drawn, random);
}

static int64_t draw_divisor(test_random *random, int64_t of) {
    int64_t divisor = 0;
    do {
        divisor = test_random_between(random, 1, of > 0 ? of : 3);
    } while (of % divisor != 0);
    return divisor;
}

static void draw_options(test_random *random, const ffn_kind *kind, ffn_case *drawn) {
    static const clf_dtype deq_scales[] = {CLF_DTYPE_INT64, CLF_DTYPE_UINT64, CLF_DTYPE_FP32};
    const bool is_int4 = kind->types == TEST_FFN_FP16_INT4 || kind->types == TEST_FFN_BF16_INT4;
    if (is_int4 && kind->has_options) {
        drawn->groups1 = draw_divisor(random, drawn->depth1);
        drawn->groups2 = draw_divisor(random, drawn->depth2);
    }
    drawn->scale_per_column = ffn_case_is_int8(drawn) && kind->has_options;
    drawn->deq_dtype = deq_scales[test_random_below(random, kind->has_options ? 2 : 3)];
    drawn->is_dyadic = test_random_chance(random, 0.4);
}

static void draw_memory(test_random *random, ffn_case *drawn, bool is_contiguous) {
    if (!is_contiguous) {
        drawn->x_layout = (test_layout)test_random_below(random, TEST_NUM_LAYOUTS);
        drawn->weight_layout = (test_layout)test_random_below(random, TEST_NUM_LAYOUTS);
        drawn->y_layout = (test_layout)test_random_between(random, TEST_CONTIGUOUS, TEST_NEGATIVE);
    }
    drawn->vector_layout = test_random_chance(random, 0.5)
                               ? TEST_CONTIGUOUS
                               : (test_layout)test_random_below(random, TEST_NUM_LAYOUTS);
    drawn->misalign = test_random_below(random, 8);
}

static ffn_case draw_freely(test_random *random, const ffn_kind *kind) {
    ffn_case drawn = ffn_case_default();
    const bool is_best = kind->variant == CLF_VARIANT_CPU && test_random_chance(random, 0.3);
    drawn.types = kind->types;
    drawn.activation = kind->activation;
    drawn.has_bias1 = kind->has_bias1;
    drawn.has_bias2 = kind->has_bias2;
    drawn.variant = is_best ? CLF_VARIANT_AUTO : kind->variant; /* the same program */
    draw_tokens(random, &drawn);
    if (kind->has_experts) {
        draw_experts(random, &drawn);
    }
    draw_sizes(random, &drawn, drawn.num_experts > 9 ? 16 : 260);
    draw_options(random, kind, &drawn);
    draw_memory(random, &drawn, kind->is_contiguous);
    drawn.inner_precise = test_random_between(random, 0, 1);
    drawn.deviation = test_random_chance(random, 0.1) ? 6.0 : test_random_uniform(random, 0.3, 2.0);
    drawn.seed = test_random_next(random);
    return drawn;
}

static double work_of(const ffn_case *drawn) {
    const double weights = (double)drawn->depth1 * (double)ffn_case_width1(drawn) +
                           (double)drawn->depth2 * (double)drawn->width2;
    const double experts = drawn->num_experts > 0 ? (double)drawn->num_experts : 1.0;
    return weights * ((double)ffn_case_num_tokens(drawn) + 6.0 * experts);
}

ffn_case ffn_case_draw(test_random *random, const ffn_kind *kind, double budget) {
    for (int attempt = 0; attempt < 100000; attempt++) {
        const ffn_case drawn = draw_freely(random, kind);
        if (ffn_case_is_valid(&drawn) && work_of(&drawn) <= budget) {
            return drawn;
        }
    }
    fail_msg("no valid case for a kind of types %d", (int)kind->types);
    return ffn_case_default();
}

/* ---- Shrinking ---- */

static void halve(int64_t *size) {
    *size = (*size + 1) / 2;
}

/* Tokens change their number: the counts of the experts follow. */
static void shrink_tokens(ffn_case *tested) {
    test_random random = test_random_from(tested->seed);
    halve(&tested->tokens[0]);
    ffn_case_spread(tested, &random);
}

/* Simplifications, tried in turn; each changes one thing. */
static void simplify(ffn_case *tested, int which) {
    test_layout *const layouts[] = {&tested->x_layout, &tested->weight_layout,
                                    &tested->vector_layout, &tested->y_layout};
    int64_t *const sizes[] = {&tested->depth1, &tested->depth2, &tested->width2};
    switch (which) {
    case 0:
        tested->misalign = 0;
        break;
    case 1:
        tested->has_bias1 = false;
        break;
    case 2:
        tested->has_bias2 = false;
        break;
    case 3:
        tested->wild_tokens = false;
        break;
    case 4:
        tested->expert_form = TEST_EXPERTS_NONE;
        tested->num_experts = 0;
        break;
    case 5:
        tested->groups1 = tested->groups2 = 0;
        break;
    case 6:
        tested->scale_per_column = false;
        break;
    case 7:
        tested->tokens[0] = ffn_case_num_tokens(tested);
        tested->num_axes = 1;
        break;
    case 8:
        shrink_tokens(tested);
        break;
    case 9:
        tested->activation = ffn_case_is_glu(tested) ? 4 : 0;
        break;
    case 10:
        tested->activation = 0;
        break;
    default:
        if (which < 14) {
            halve(sizes[which - 11]);
        } else {
            *layouts[which - 14] = TEST_CONTIGUOUS;
        }
        break;
    }
}
#define NUM_SIMPLIFICATIONS 18

static bool is_same(const ffn_case *a, const ffn_case *b) {
    char texts[2][1024];
    ffn_case_text(a, texts[0], sizeof texts[0]);
    ffn_case_text(b, texts[1], sizeof texts[1]);
    return strcmp(texts[0], texts[1]) == 0;
}

ffn_case ffn_case_shrink(ffn_case failing, ffn_case_fails fails, const void *context) {
    bool simpler = true;
    for (int budget = 60; simpler && budget > 0;) {
        simpler = false;
        for (int which = 0; which < NUM_SIMPLIFICATIONS && budget > 0; which++) {
            ffn_case candidate = failing;
            simplify(&candidate, which);
            if (is_same(&candidate, &failing) || !ffn_case_is_valid(&candidate)) {
                continue;
            }
            budget--;
            if (fails(&candidate, context)) {
                failing = candidate;
                simpler = true;
            }
        }
    }
    return failing;
}
