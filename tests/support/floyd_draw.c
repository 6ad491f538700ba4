/* See floyd_draw.h. Cases are drawn freely and drawn again until they are small enough. */
#include "floyd_draw.h"

#include <math.h>
#include <string.h>

#include "cmocka_all.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Kinds ---- */

#define NUM_KINDS_OF_VARIANT 24 /* 3 dtypes, and 2 of mask, strides and method each */

size_t floyd_num_kinds(bool has_cpu_variant) {
    return NUM_KINDS_OF_VARIANT * (has_cpu_variant ? 2 : 1);
}

floyd_kind floyd_kind_draw(test_random *random, size_t number, bool is_gradient) {
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    static const int64_t depths[] = {1, 3, 8, 16, 17, 31, 32, 40, 64, 128, 256};
    return (floyd_kind){
        .is_gradient = is_gradient,
        .dtype = dtypes[number % 3],
        .has_mask = number / 3 % 2 == 1,
        .is_contiguous = number / 6 % 2 == 0,
        .depth = test_random_chance(random, 0.7) ? depths[test_random_below(random, LENGTH(depths))]
                                                 : test_random_between(random, 1, 256),
        .method = number / 12 % 2 == 0 ? CLF_FLOYD_METHOD_FUSED : CLF_FLOYD_METHOD_SLAB,
        .variant = number < NUM_KINDS_OF_VARIANT ? CLF_VARIANT_PORTABLE : CLF_VARIANT_CPU};
}

/* ---- Cases ---- */

static int64_t draw_size(test_random *random) {
    static const int64_t edges[] = {1,  2,  3,  7,  8,  15, 16, 17,  31,  32,  33,
                                    47, 48, 49, 63, 64, 65, 96, 127, 128, 129, 130};
    return test_random_chance(random, 0.5) ? edges[test_random_below(random, LENGTH(edges))]
                                           : test_random_between(random, 1, 70);
}

static test_layout draw_layout(test_random *random, bool is_input) {
    return (test_layout)test_random_below(random, is_input ? TEST_NUM_LAYOUTS : TEST_BROADCAST_ROW);
}

static void draw_mask(test_random *random, floyd_case *drawn) {
    const bool is_documented = test_random_chance(random, 0.3); /* [B,1,N,1,K] */
    for (int axis = 0; axis < TEST_FLOYD_RANK; axis++) {
        drawn->mask_axes[axis] = is_documented ? axis % 2 == 0 : test_random_chance(random, 0.6);
    }
    drawn->mask_dtype = test_random_chance(random, 0.5) ? CLF_DTYPE_BOOL : CLF_DTYPE_UINT8;
    drawn->mask_density = test_random_uniform(random, 0.0, 0.9);
    drawn->masked_rows =
        test_random_chance(random, 0.4) ? test_random_uniform(random, 0.0, 0.5) : 0.0;
    drawn->mask_layout = draw_layout(random, true);
}

static double draw_scale(test_random *random, int64_t depth) {
    const double usual = 1.0 / sqrt((double)depth);
    switch (test_random_below(random, 6)) {
    case 0:
        return -usual;
    case 1:
        return usual * test_random_uniform(random, -2.0, 2.0);
    case 2:
        return test_random_chance(random, 0.2) ? 0.0 : usual * 4.0;
    default:
        return usual;
    }
}

static floyd_case draw_freely(test_random *random, const floyd_kind *kind) {
    floyd_case drawn = floyd_case_default();
    drawn.is_gradient = kind->is_gradient;
    drawn.dtype = kind->dtype;
    drawn.has_fp32_out = !kind->is_gradient && test_random_chance(random, 0.1);
    drawn.batches = test_random_chance(random, 0.7) ? 1 : test_random_between(random, 2, 3);
    drawn.heads = test_random_chance(random, 0.5) ? 1 : test_random_between(random, 2, 5);
    drawn.n = draw_size(random);
    drawn.m = draw_size(random);
    drawn.k = draw_size(random);
    drawn.depth = kind->depth;
    drawn.has_mask = kind->has_mask;
    if (kind->has_mask) {
        draw_mask(random, &drawn);
    }
    drawn.scale = draw_scale(random, kind->depth);
    drawn.deviation = test_random_uniform(random, 0.3, 2.0);
    if (!kind->is_contiguous) {
        drawn.input_layout = draw_layout(random, true);
        drawn.output_layout = draw_layout(random, false);
        drawn.statistic_layout = draw_layout(random, false);
        drawn.swaps_heads = test_random_chance(random, 0.4);
    }
    drawn.misalign = test_random_below(random, 8);
    drawn.method = kind->method;
    drawn.variant = kind->variant;
    drawn.seed = test_random_next(random);
    return drawn;
}

static double work_of(const floyd_case *drawn) {
    return (double)drawn->batches * (double)drawn->heads * (double)drawn->n * (double)drawn->m *
           (double)drawn->k * (double)drawn->depth;
}

floyd_case floyd_case_draw(test_random *random, const floyd_kind *kind, double budget) {
    for (int attempt = 0; attempt < 100000; attempt++) {
        const floyd_case drawn = draw_freely(random, kind);
        if (work_of(&drawn) <= budget) {
            return drawn;
        }
    }
    fail_msg("no case within %g for depth %d", budget, (int)kind->depth);
    return floyd_case_default();
}

/* ---- Shrinking ---- */

/* Simplifications, tried in turn; each changes one thing. */
static void simplify(floyd_case *tested, size_t which) {
    test_layout *const layouts[] = {&tested->input_layout, &tested->mask_layout,
                                    &tested->statistic_layout, &tested->output_layout};
    bool *const options[] = {&tested->has_mask,     &tested->has_fp32_out, &tested->swaps_heads,
                             &tested->mask_axes[0], &tested->mask_axes[1], &tested->mask_axes[2],
                             &tested->mask_axes[3], &tested->mask_axes[4]};
    int64_t *const sizes[] = {&tested->batches, &tested->heads, &tested->n,
                              &tested->m,       &tested->k,     &tested->depth};
    if (which == 0) {
        tested->misalign = 0;
    } else if (which == 1) {
        tested->masked_rows = 0.0;
    } else if (which < 2 + LENGTH(layouts)) {
        *layouts[which - 2] = TEST_CONTIGUOUS;
    } else if (which < 2 + LENGTH(layouts) + LENGTH(options)) {
        *options[which - 2 - LENGTH(layouts)] = false;
    } else {
        int64_t *size = sizes[which - 2 - LENGTH(layouts) - LENGTH(options)];
        *size = (*size + 1) / 2;
    }
}
#define NUM_SIMPLIFICATIONS 20

static bool is_same(const floyd_case *a, const floyd_case *b) {
    char texts[2][1024];
    floyd_case_text(a, texts[0], sizeof texts[0]);
    floyd_case_text(b, texts[1], sizeof texts[1]);
    return strcmp(texts[0], texts[1]) == 0;
}

floyd_case floyd_case_shrink(floyd_case failing, floyd_case_fails fails, const void *context) {
    bool simpler = true;
    for (int budget = 60; simpler && budget > 0;) {
        simpler = false;
        for (size_t which = 0; which < NUM_SIMPLIFICATIONS && budget > 0; which++) {
            floyd_case candidate = failing;
            simplify(&candidate, which);
            if (is_same(&candidate, &failing)) {
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
