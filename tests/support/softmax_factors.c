/* See softmax_factors.h. Pairs are covered greedily, one case at a time (Cohen and others, AETG,
 * 1997). */
#include "softmax_factors.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

enum {
    DTYPE,
    MASK,
    INPUT,
    OUTPUT,
    MASK_LAYOUT,
    SCALE,
    WIDTH,
    ROWS,
    VARIANT,
    ALIGNMENT,
    NUM_FACTORS
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_VALUES    16

static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
static const struct {
    test_mask_form form;
    unsigned axes;
    clf_dtype dtype;
} masks[] = {
    {TEST_MASK_NONE, 0, CLF_DTYPE_BOOL},        {TEST_MASK_FULL, 0, CLF_DTYPE_BOOL},
    {TEST_MASK_LEADING, 1, CLF_DTYPE_UINT8},    {TEST_MASK_LEADING, 2, CLF_DTYPE_BOOL},
    {TEST_MASK_LEADING, 3, CLF_DTYPE_BOOL},     {TEST_MASK_ONE_ROW, 0, CLF_DTYPE_UINT8},
    {TEST_MASK_ONE_COLUMN, 0, CLF_DTYPE_BOOL},  {TEST_MASK_FEWER_RANK, 0, CLF_DTYPE_BOOL},
    {TEST_MASK_FEWER_RANK, 1, CLF_DTYPE_UINT8}, {TEST_MASK_ONE, 0, CLF_DTYPE_BOOL},
    {TEST_MASK_TRIANGLE, 0, CLF_DTYPE_BOOL},
};
/* The output's layout, or in place. */
static const struct {
    test_layout layout;
    test_in_place in_place;
} outputs[] = {
    {TEST_CONTIGUOUS, TEST_NOT_IN_PLACE}, {TEST_TRANSPOSED, TEST_NOT_IN_PLACE},
    {TEST_GAPS, TEST_NOT_IN_PLACE},       {TEST_NEGATIVE, TEST_NOT_IN_PLACE},
    {TEST_CONTIGUOUS, TEST_IN_PLACE},     {TEST_CONTIGUOUS, TEST_IN_PLACE_SECOND},
};
static const double scales[] = {1.0, 0.125, -0.7, 0.0, 30.0};
static const int64_t widths[] = {1, 2, 7, 31, 32, 33, 64, 127, 512, 1000, 4096, 8193, 20000};
static const struct {
    int32_t num_axes;
    int64_t shape[CLF_MAX_RANK - 1];
} rows[] = {{0, {0}},    {1, {1}},       {1, {3}},       {1, {17}},
            {2, {2, 3}}, {3, {1, 2, 5}}, {3, {2, 3, 3}}, {7, {1, 2, 1, 1, 3, 1, 2}}};
static const clf_variant variants[] = {CLF_VARIANT_AUTO, CLF_VARIANT_PORTABLE, CLF_VARIANT_CPU};
static const size_t alignments[] = {0, 1, 3};

static void count_values(bool is_gradient, bool has_cpu_variant, size_t num_values[NUM_FACTORS]) {
    num_values[DTYPE] = LENGTH(dtypes);
    num_values[MASK] = LENGTH(masks);
    num_values[INPUT] = TEST_NUM_LAYOUTS;
    num_values[OUTPUT] = LENGTH(outputs) - (is_gradient ? 0 : 1);
    num_values[MASK_LAYOUT] = TEST_NUM_LAYOUTS;
    num_values[SCALE] = LENGTH(scales);
    num_values[WIDTH] = LENGTH(widths);
    num_values[ROWS] = LENGTH(rows);
    num_values[VARIANT] = LENGTH(variants) - (has_cpu_variant ? 0 : 1);
    num_values[ALIGNMENT] = LENGTH(alignments);
}

static softmax_case case_of(const size_t choice[NUM_FACTORS], bool is_gradient, uint64_t seed) {
    softmax_case tested = softmax_case_default();
    tested.is_gradient = is_gradient;
    tested.seed = seed;
    tested.dtype = dtypes[choice[DTYPE]];
    tested.mask_form = masks[choice[MASK]].form;
    tested.mask_axes = masks[choice[MASK]].axes;
    tested.mask_dtype = masks[choice[MASK]].dtype;
    tested.input_layout = (test_layout)choice[INPUT];
    tested.output_layout = outputs[choice[OUTPUT]].layout;
    tested.in_place = outputs[choice[OUTPUT]].in_place;
    tested.mask_layout = (test_layout)choice[MASK_LAYOUT];
    tested.scale = scales[choice[SCALE]];
    tested.rank = rows[choice[ROWS]].num_axes + 1;
    memcpy(tested.shape, rows[choice[ROWS]].shape, sizeof rows[0].shape);
    tested.shape[tested.rank - 1] = widths[choice[WIDTH]];
    tested.variant = variants[choice[VARIANT]];
    tested.misalign = alignments[choice[ALIGNMENT]];
    return tested;
}

/* covered[f][v][g][w]: value v of factor f has met value w of factor g, f < g. */
typedef struct coverage {
    bool covered[NUM_FACTORS][MAX_VALUES][NUM_FACTORS][MAX_VALUES];
    size_t num_values[NUM_FACTORS];
    size_t num_open;
} coverage;

static bool *pair(coverage *pairs, size_t f, size_t v, size_t g, size_t w) {
    return f < g ? &pairs->covered[f][v][g][w] : &pairs->covered[g][w][f][v];
}

static void open_all(coverage *pairs) {
    for (size_t f = 0; f < NUM_FACTORS; f++) {
        for (size_t g = f + 1; g < NUM_FACTORS; g++) {
            pairs->num_open += pairs->num_values[f] * pairs->num_values[g];
        }
    }
}

/* A random pair that is still open: the seed of the next case. */
static void choose_open_pair(coverage *pairs, test_random *random, size_t *f, size_t *v, size_t *g,
                             size_t *w) {
    size_t skip = test_random_below(random, pairs->num_open);
    for (*f = 0; *f < NUM_FACTORS; ++*f) {
        for (*g = *f + 1; *g < NUM_FACTORS; ++*g) {
            for (*v = 0; *v < pairs->num_values[*f]; ++*v) {
                for (*w = 0; *w < pairs->num_values[*g]; ++*w) {
                    if (!*pair(pairs, *f, *v, *g, *w) && skip-- == 0) {
                        return;
                    }
                }
            }
        }
    }
}

static size_t gain(coverage *pairs, const size_t *choice, const bool *is_set, size_t f, size_t v) {
    size_t open = 0;
    for (size_t g = 0; g < NUM_FACTORS; g++) {
        open += g != f && is_set[g] && !*pair(pairs, f, v, g, choice[g]);
    }
    return open;
}

static void choose_rest(coverage *pairs, test_random *random, size_t *choice, bool *is_set) {
    const size_t start = test_random_below(random, NUM_FACTORS);
    for (size_t i = 0; i < NUM_FACTORS; i++) {
        const size_t f = (start + i) % NUM_FACTORS;
        if (is_set[f]) {
            continue;
        }
        const size_t first = test_random_below(random, pairs->num_values[f]);
        size_t best = first;
        for (size_t j = 0; j < pairs->num_values[f]; j++) {
            const size_t v = (first + j) % pairs->num_values[f];
            if (gain(pairs, choice, is_set, f, v) > gain(pairs, choice, is_set, f, best)) {
                best = v;
            }
        }
        choice[f] = best;
        is_set[f] = true;
    }
}

static void cover(coverage *pairs, const size_t *choice) {
    for (size_t f = 0; f < NUM_FACTORS; f++) {
        for (size_t g = f + 1; g < NUM_FACTORS; g++) {
            bool *const covered = pair(pairs, f, choice[f], g, choice[g]);
            pairs->num_open -= !*covered;
            *covered = true;
        }
    }
}

size_t softmax_cases_pairwise(test_random *random, bool is_gradient, bool has_cpu_variant,
                              softmax_case **out_cases) {
    const size_t capacity = 2000;
    coverage *pairs = (coverage *)calloc(1, sizeof *pairs);
    softmax_case *cases = (softmax_case *)calloc(capacity, sizeof *cases);
    size_t count = 0;
    assert_non_null(pairs);
    assert_non_null(cases);
    count_values(is_gradient, has_cpu_variant, pairs->num_values);
    open_all(pairs);
    while (pairs->num_open > 0 && count < capacity) {
        size_t choice[NUM_FACTORS] = {0};
        bool is_set[NUM_FACTORS] = {false};
        size_t f = 0;
        size_t v = 0;
        size_t g = 0;
        size_t w = 0;
        choose_open_pair(pairs, random, &f, &v, &g, &w);
        choice[f] = v;
        choice[g] = w;
        is_set[f] = is_set[g] = true;
        choose_rest(pairs, random, choice, is_set);
        cover(pairs, choice);
        cases[count++] = case_of(choice, is_gradient, test_random_next(random));
    }
    assert_int_equal(pairs->num_open, 0);
    free(pairs);
    *out_cases = cases;
    return count;
}

softmax_case softmax_case_random(test_random *random, bool is_gradient, bool has_cpu_variant) {
    size_t num_values[NUM_FACTORS];
    size_t choice[NUM_FACTORS];
    count_values(is_gradient, has_cpu_variant, num_values);
    for (size_t f = 0; f < NUM_FACTORS; f++) {
        choice[f] = test_random_below(random, num_values[f]);
    }
    softmax_case tested = case_of(choice, is_gradient, test_random_next(random));
    tested.rank = (int32_t)test_random_between(random, 1, CLF_MAX_RANK);
    int64_t room = 50000;
    for (int32_t axis = tested.rank - 1; axis >= 0; axis--) {
        const int64_t limit = axis == tested.rank - 1 ? 3000 : 12;
        tested.shape[axis] = test_random_between(random, 1, limit < room ? limit : room);
        room /= tested.shape[axis];
    }
    tested.mask_axes = (unsigned)test_random_below(random, 128);
    tested.mask_density = test_random_uniform(random, 0.0, 1.1);
    tested.scale =
        test_random_chance(random, 0.5) ? tested.scale : test_random_uniform(random, -2.0, 2.0);
    tested.deviation = test_random_uniform(random, 0.1, 8.0);
    tested.misalign = test_random_below(random, 32);
    if (tested.variant == CLF_VARIANT_PORTABLE && test_random_chance(random, 0.5)) {
        tested.variant = CLF_VARIANT_AUTO; /* every width class of it is a program to build */
    }
    return tested;
}

/* Simplifications, tried in turn; each changes one thing. */
static void simplify(softmax_case *tested, int which) {
    switch (which) {
    case 0:
        tested->input_layout = TEST_CONTIGUOUS;
        break;
    case 1:
        tested->output_layout = TEST_CONTIGUOUS;
        break;
    case 2:
        tested->mask_layout = TEST_CONTIGUOUS;
        break;
    case 3:
        tested->in_place = TEST_NOT_IN_PLACE;
        break;
    case 4:
        tested->misalign = 0;
        break;
    case 5:
        tested->scale = 1.0;
        break;
    case 6:
        tested->mask_form = TEST_MASK_NONE;
        break;
    case 7:
        tested->dtype = CLF_DTYPE_FP32;
        break;
    default: /* halve one axis */
        if (which - 8 < tested->rank) {
            tested->shape[which - 8] = (tested->shape[which - 8] + 1) / 2;
        }
        break;
    }
}

static bool is_same(const softmax_case *a, const softmax_case *b) {
    char text_a[512];
    char text_b[512];
    softmax_case_text(a, text_a, sizeof text_a);
    softmax_case_text(b, text_b, sizeof text_b);
    return strcmp(text_a, text_b) == 0;
}

softmax_case softmax_case_shrink(const test_session *session, softmax_case failing) {
    bool simpler = true;
    for (int budget = 60; simpler && budget > 0;) {
        simpler = false;
        for (int which = 0; which < 8 + CLF_MAX_RANK && budget > 0; which++) {
            softmax_case candidate = failing;
            simplify(&candidate, which);
            if (is_same(&candidate, &failing)) {
                continue;
            }
            budget--;
            if (!softmax_case_run(session, &candidate)) {
                failing = candidate;
                simpler = true;
            }
        }
    }
    return failing;
}
