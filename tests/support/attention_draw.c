/* See attention_draw.h. Cases are drawn freely and drawn again until they are valid. */
#include "attention_draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
static const int64_t depths[] = {1, 7, 32, 64, 72, 80, 96, 128, 192, 256, 512, 768};

/* ---- Kinds ---- */

/* Tile sizes, and so the programs, depend on how many query rows there are. A kind has one of these
 * ranges for its longest query, each narrow enough for one tile size: whole tiles; smaller ones; so
 * few rows that the query heads of a key head share a tile (then there are two to five of them). */
static const int64_t row_ranges[][2] = {{64, 150}, {64, 150}, {17, 23}, {1, 3}};
#define FEW_ROWS 3

enum {
    KIND_DTYPE,
    KIND_DEPTH,
    KIND_DV,
    KIND_MASK,
    KIND_BIAS,
    KIND_DROPOUT,
    KIND_LINE,
    KIND_VARIANT
};
#define KIND_FACTORS 8

static const size_t kind_values[KIND_FACTORS] = {LENGTH(dtypes),        LENGTH(depths),    2, 2,
                                                 TEST_NUM_BIAS_CLASSES, TEST_NUM_DROPOUTS, 2, 2};

/* Programs of the portable variant take several times as long to build: twice as much must be
 * gained by them. */
#define CPU_PREFERENCE 2

typedef struct kind_pairs {
    bool covered[KIND_FACTORS][TEST_MAX_FACTOR_VALUES][KIND_FACTORS][TEST_MAX_FACTOR_VALUES];
} kind_pairs;

/* Depths with biases alone would take sixty programs; those that a run happens to have must do. */
static bool must_meet(size_t f, size_t g) {
    return f != KIND_DEPTH || g != KIND_BIAS;
}

static size_t count_new(kind_pairs *pairs, const size_t *choice, bool cover) {
    size_t count = 0;
    for (size_t f = 0; f < KIND_FACTORS; f++) {
        for (size_t g = f + 1; g < KIND_FACTORS; g++) {
            bool *covered = &pairs->covered[f][choice[f]][g][choice[g]];
            count += !*covered && must_meet(f, g);
            *covered |= cover;
        }
    }
    return count;
}

static attention_kind kind_of(test_random *random, const size_t *choice, int64_t depth) {
    attention_kind kind = {.dtype = dtypes[choice[KIND_DTYPE]],
                           .depth = depth,
                           .reads_mask = choice[KIND_MASK] == 1,
                           .bias = (attention_bias_class)choice[KIND_BIAS],
                           .dropout = (attention_dropout)choice[KIND_DROPOUT],
                           .is_contiguous = choice[KIND_LINE] == 0,
                           .variant =
                               choice[KIND_VARIANT] == 0 ? CLF_VARIANT_PORTABLE : CLF_VARIANT_CPU};
    /* Long queries with as many keys would be too much work at large depths. */
    const bool is_heavy = kind.depth > 128 && kind.bias >= TEST_BIAS_CLASS_LAST_ROWS;
    const size_t range =
        is_heavy ? 2 + test_random_below(random, 2) : test_random_below(random, LENGTH(row_ranges));
    kind.fewest_rows = row_ranges[range][0];
    kind.most_rows = row_ranges[range][1];
    kind.value_depth =
        choice[KIND_DV] == 0 ? kind.depth : test_random_between(random, 1, kind.depth);
    return kind;
}

/* The first `count` of all depths, shuffled. */
static void draw_depths(test_random *random, int64_t *drawn, size_t count) {
    memcpy(drawn, depths, sizeof depths);
    for (size_t i = 0; i < count; i++) {
        const size_t other = i + test_random_below(random, LENGTH(depths) - i);
        const int64_t depth = drawn[other];
        drawn[other] = drawn[i];
        drawn[i] = depth;
    }
}

size_t attention_kinds_draw(test_random *random, bool has_cpu_variant, size_t num_depths,
                            attention_kind *kinds, size_t capacity, size_t *out_missing) {
    kind_pairs *pairs = (kind_pairs *)calloc(1, sizeof *pairs);
    int64_t drawn_depths[LENGTH(depths)];
    size_t num_values[KIND_FACTORS];
    size_t missing = 0;
    size_t count = 0;
    assert_non_null(pairs);
    memcpy(num_values, kind_values, sizeof num_values);
    num_values[KIND_VARIANT] = has_cpu_variant ? 2 : 1;
    num_values[KIND_DEPTH] = num_depths < LENGTH(depths) ? num_depths : LENGTH(depths);
    draw_depths(random, drawn_depths, num_values[KIND_DEPTH]);
    for (size_t f = 0; f < KIND_FACTORS; f++) {
        for (size_t g = f + 1; g < KIND_FACTORS; g++) {
            missing += must_meet(f, g) ? num_values[f] * num_values[g] : 0;
        }
    }
    for (; count < capacity && missing > 0; count++) {
        size_t best[KIND_FACTORS] = {0};
        size_t most = 0;
        for (int candidate = 0; candidate < 200; candidate++) {
            size_t choice[KIND_FACTORS];
            for (size_t f = 0; f < KIND_FACTORS; f++) {
                choice[f] = test_random_below(random, num_values[f]);
            }
            const size_t gain =
                count_new(pairs, choice, false) * (choice[KIND_VARIANT] == 0 ? 1 : CPU_PREFERENCE);
            if (gain >= most) {
                most = gain;
                memcpy(best, choice, sizeof best);
            }
        }
        missing -= count_new(pairs, best, true);
        kinds[count] = kind_of(random, best, drawn_depths[best[KIND_DEPTH]]);
    }
    free(pairs);
    *out_missing = missing;
    return count;
}

/* ---- Cases ---- */

static int64_t draw_length(test_random *random, int64_t most) {
    static const int64_t edges[] = {1, 2, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129};
    int64_t length = 0;
    switch (test_random_below(random, 4)) {
    case 0:
        length = test_random_between(random, 1, 8);
        break;
    case 1:
        length = edges[test_random_below(random, LENGTH(edges))];
        break;
    case 2:
        length = test_random_between(random, 1, most);
        break;
    default:
        length = test_random_between(random, 9, 65);
        break;
    }
    return length < most ? length : most;
}

/* Lengths of one batch element. */
static void draw_element(test_random *random, const attention_kind *kind, bool is_varlen,
                         bool wants_equal, int64_t *q, int64_t *k) {
    *q = draw_length(random, kind->most_rows);
    *k = draw_length(random, 150);
    if (wants_equal || test_random_chance(random, 0.3)) {
        *k = *q;
    } else if (kind->most_rows <= FEW_ROWS && test_random_chance(random, 0.3)) { /* decoding */
        *k = test_random_between(random, 150, 600);
    } else if (is_varlen && test_random_chance(random, 0.7) && *k < *q) {
        *k = *q + test_random_between(random, 0, 9);
    }
}

static void draw_lengths(test_random *random, const attention_kind *kind, attention_case *drawn) {
    const bool is_varlen = drawn->layout == TEST_TND;
    const bool wants_equal = kind->bias >= TEST_BIAS_CLASS_LAST_ROWS;
    const bool with_empty = test_random_chance(random, 0.5) && is_varlen && !wants_equal;
    const int64_t longest = test_random_between(random, 0, drawn->batch - 1);
    for (int64_t b = 0; b < drawn->batch; b++) {
        int64_t *q = &drawn->query_lengths[b];
        int64_t *k = &drawn->key_lengths[b];
        draw_element(random, kind, is_varlen, wants_equal, q, k);
        if (b == longest && *q < kind->fewest_rows) {
            const bool equal = *k == *q;
            *q = test_random_between(random, kind->fewest_rows, kind->most_rows);
            *k = equal ? *q : *k;
        }
        if (with_empty && b != longest && test_random_chance(random, 0.25)) {
            *q = 0;
        }
        if (with_empty && test_random_chance(random, 0.15)) {
            *k = 0;
        }
    }
    for (int64_t b = 0; b < drawn->batch && !is_varlen; b++) {
        drawn->query_lengths[b] = drawn->query_lengths[longest];
        drawn->key_lengths[b] = drawn->key_lengths[longest];
    }
}

static int64_t draw_tokens(test_random *random, int64_t length) {
    return test_random_chance(random, 0.25) ? CLF_ALL_TOKENS
                                            : test_random_between(random, -length / 3, length);
}

static void draw_window(test_random *random, attention_case *drawn, bool reads_mask,
                        bool wants_causal) {
    static const int64_t reading[] = {0, 0, 1, 5};
    static const int64_t compressed[] = {2, 3, 4, 4, 6, 7, 8};
    static const int64_t causal[] = {2, 3};
    const int64_t most = drawn->query_lengths[0] > drawn->key_lengths[0] ? drawn->query_lengths[0]
                                                                         : drawn->key_lengths[0];
    drawn->mode = reads_mask     ? reading[test_random_below(random, LENGTH(reading))]
                  : wants_causal ? causal[test_random_below(random, LENGTH(causal))]
                                 : compressed[test_random_below(random, LENGTH(compressed))];
    drawn->pre_tokens = draw_tokens(random, most);
    drawn->next_tokens = draw_tokens(random, most);
    if (wants_causal && reads_mask) {
        drawn->mode = 0;
        drawn->pre_tokens = CLF_ALL_TOKENS;
        drawn->next_tokens = 0;
    }
    if (drawn->mode >= 7) { /* few random tokens are valid */
        drawn->pre_tokens = test_random_chance(random, 0.5) ? CLF_ALL_TOKENS : 600;
        drawn->next_tokens = test_random_between(random, -6, drawn->mode == 7 ? 0 : 6);
    }
    for (int64_t b = 0; b < drawn->batch; b++) {
        const int64_t shift = drawn->key_lengths[b] - drawn->query_lengths[b];
        drawn->prefix[b] =
            drawn->key_lengths[b] == 0
                ? 0
                : test_random_between(random, shift > 0 ? shift : 0, drawn->key_lengths[b]);
        if (test_random_chance(random, 0.2) && shift <= 0) {
            drawn->prefix[b] = 0;
        }
    }
}

static attention_mask_form draw_mask_form(test_random *random, const attention_case *drawn,
                                          bool reads_mask) {
    static const attention_mask_form dense[] = {TEST_MASK_BNSS, TEST_MASK_B1SS, TEST_MASK_11SS,
                                                TEST_MASK_SS};
    static const attention_mask_form varlen[] = {TEST_MASK_SS, TEST_MASK_TOTAL};
    if (!reads_mask) {
        return TEST_MASK_COMPRESSED;
    }
    return drawn->layout == TEST_TND ? varlen[test_random_below(random, 2)]
                                     : dense[test_random_below(random, 4)];
}

static void draw_bias(test_random *random, attention_case *drawn, attention_bias_class class) {
    const bool one_or_both = test_random_chance(random, 0.5);
    drawn->bias_form = TEST_BIAS_NONE;
    drawn->pse_type = 1;
    switch (class) {
    case TEST_BIAS_CLASS_NONE:
        return;
    case TEST_BIAS_CLASS_TENSOR:
        drawn->bias_form =
            (attention_bias_form)test_random_between(random, TEST_BIAS_BNSS, TEST_BIAS_1N1S);
        break;
    case TEST_BIAS_CLASS_LAST_ROWS:
        drawn->bias_form = one_or_both ? TEST_BIAS_LAST_ROWS_B : TEST_BIAS_LAST_ROWS_1;
        break;
    default:
        drawn->bias_form = one_or_both ? TEST_BIAS_SLOPES : TEST_BIAS_SLOPES_B;
        drawn->pse_type = class == TEST_BIAS_CLASS_LINEAR ? 2 : 3;
        if (drawn->mode == 8 || test_random_chance(random, 0.3)) {
            drawn->q_start_idx = test_random_between(random, 0, 40);
            drawn->kv_start_idx = drawn->mode == 8 ? drawn->q_start_idx + drawn->query_lengths[0] -
                                                         drawn->key_lengths[0]
                                                   : test_random_between(random, 0, 40);
        }
        return;
    }
    drawn->pse_type = test_random_between(random, 0, 1);
}

static void draw_dropout(test_random *random, attention_case *drawn, attention_dropout dropout) {
    static const double keeps[] = {0.9, 0.5, 0.1, 0.999};
    drawn->dropout = dropout;
    drawn->keep_prob =
        dropout == TEST_DROPOUT_NONE ? 1.0 : keeps[test_random_below(random, LENGTH(keeps))];
    if (test_random_chance(random, 0.15)) {
        /* Bits with keep_prob 1 count; a keep_prob without bits does not. */
        drawn->keep_prob = dropout == TEST_DROPOUT_BITS   ? 1.0
                           : dropout == TEST_DROPOUT_NONE ? 0.5
                                                          : drawn->keep_prob;
    }
}

static attention_strides draw_strides(test_random *random, bool is_contiguous, bool is_key) {
    return is_contiguous
               ? (attention_strides)test_random_between(random, TEST_STRIDES_CONTIGUOUS,
                                                        is_key && test_random_chance(random, 0.2)
                                                            ? TEST_STRIDES_BROADCAST
                                                            : TEST_STRIDES_PADDED)
               : (attention_strides)test_random_between(random, TEST_STRIDES_GAPS,
                                                        TEST_STRIDES_TRANSPOSED);
}

static void draw_memory(test_random *random, attention_case *drawn, bool is_contiguous) {
    attention_strides *all[] = {&drawn->query_strides, &drawn->key_strides, &drawn->value_strides,
                                &drawn->out_strides};
    const size_t certain = test_random_below(random, 4); /* one of them, at least */
    for (size_t i = 0; i < 4; i++) {
        const bool line = is_contiguous || (i != certain && test_random_chance(random, 0.3));
        *all[i] = draw_strides(random, line, i == 1 || i == 2);
    }
    drawn->pair_strides = draw_strides(random, test_random_chance(random, 0.6), false);
    drawn->statistic_strides = drawn->layout != TEST_TND && test_random_chance(random, 0.3)
                                   ? TEST_STRIDES_PADDED
                                   : TEST_STRIDES_CONTIGUOUS;
    drawn->gradient_strides = draw_strides(random, is_contiguous, false);
    drawn->without_grad_pse = test_random_chance(random, 0.2);
    drawn->misalign = test_random_below(random, 8);
}

static void draw_heads(test_random *random, const attention_kind *kind, attention_case *drawn) {
    static const int64_t pairs[][2] = {{2, 1}, {4, 2}, {6, 2}, {3, 1}, {5, 1}, {8, 2}, {6, 3},
                                       {1, 1}, {2, 2}, {3, 3}, {4, 4}, {1, 1}, {2, 2}};
    const size_t count = kind->most_rows <= FEW_ROWS ? 7 : LENGTH(pairs); /* those that share */
    const size_t which = test_random_below(random, count);
    drawn->heads = pairs[which][0];
    drawn->key_heads = pairs[which][1];
}

static attention_case draw_freely(test_random *random, const attention_kind *kind) {
    attention_case drawn = attention_case_default();
    const bool last_rows = kind->bias == TEST_BIAS_CLASS_LAST_ROWS;
    const bool has_mask = kind->reads_mask || last_rows || test_random_chance(random, 0.75);
    const bool is_best = kind->variant == CLF_VARIANT_CPU && test_random_chance(random, 0.3);
    drawn.dtype = kind->dtype;
    drawn.depth = kind->depth;
    drawn.value_depth = kind->value_depth;
    drawn.variant = is_best ? CLF_VARIANT_AUTO : kind->variant; /* the same program */
    drawn.layout = (attention_layout)test_random_below(random, TEST_NUM_ATTENTION_LAYOUTS);
    if (last_rows && !test_random_chance(random, 0.01)) {
        drawn.layout = TEST_TND; /* elsewhere the sequences are long */
    }
    drawn.batch = test_random_between(random, 1, drawn.layout == TEST_TND ? 5 : 3);
    draw_heads(random, kind, &drawn);
    draw_lengths(random, kind, &drawn);
    if (last_rows && drawn.layout != TEST_TND) {
        const int64_t length = test_random_between(random, 1025, 1100);
        attention_case_set_lengths(&drawn, length, length);
        drawn.batch = drawn.heads = drawn.key_heads = 1;
    }
    draw_window(random, &drawn, kind->reads_mask, last_rows);
    drawn.mask_form =
        has_mask ? draw_mask_form(random, &drawn, kind->reads_mask) : TEST_ATTENTION_NO_MASK;
    drawn.mask_dtype = test_random_chance(random, 0.5) ? CLF_DTYPE_BOOL : CLF_DTYPE_UINT8;
    drawn.mask_density =
        test_random_chance(random, 0.1) ? 1.0 : test_random_uniform(random, 0.0, 0.9);
    drawn.masked_rows = test_random_chance(random, 0.4) ? 0.2 : 0.0;
    drawn.inner_precise = test_random_chance(random, 0.4) ? 2 : test_random_between(random, 0, 1);
    draw_bias(random, &drawn, kind->bias);
    draw_dropout(random, &drawn, kind->dropout);
    if (drawn.layout == TEST_TND && kind->bias == TEST_BIAS_CLASS_NONE) {
        drawn.trailing = test_random_chance(random, 0.3) ? test_random_between(random, 1, 2) : 0;
    }
    if (drawn.layout == TEST_TND && test_random_chance(random, 0.4)) {
        drawn.query_slack = test_random_between(random, 0, 9);
        drawn.key_slack = test_random_between(random, 0, 9);
    }
    drawn.statistics_per_token = test_random_chance(random, 0.5);
    draw_memory(random, &drawn, kind->is_contiguous);
    drawn.deviation = test_random_chance(random, 0.1) ? 8.0 : test_random_uniform(random, 0.3, 2.0);
    drawn.scale = test_random_chance(random, 0.1) ? -0.3 : 1.0 / sqrt((double)drawn.depth);
    drawn.poison_unused = test_random_chance(random, 0.4);
    drawn.seed = test_random_next(random);
    return drawn;
}

static double work_of(const attention_case *drawn) {
    double pairs = 0.0;
    for (int64_t b = 0; b < drawn->batch; b++) {
        pairs += (double)(drawn->query_lengths[b] + 1) * (double)(drawn->key_lengths[b] + 1);
    }
    const double bias =
        drawn->bias_form == TEST_BIAS_LAST_ROWS_B ? 1024.0 * (double)drawn->key_lengths[0] : 0.0;
    return (double)drawn->heads *
           (pairs * (double)(drawn->depth + drawn->value_depth) + 4.0 * bias);
}

static bool has_output(const attention_case *drawn) {
    int64_t rows = drawn->query_slack;
    int64_t keys = drawn->key_slack;
    for (int64_t b = 0; b < drawn->batch; b++) {
        rows += drawn->query_lengths[b];
        keys += drawn->key_lengths[b];
    }
    return rows > 0 && keys > 0;
}

attention_case attention_case_draw(test_random *random, const attention_kind *kind, double budget) {
    for (int attempt = 0; attempt < 100000; attempt++) {
        const attention_case drawn = draw_freely(random, kind);
        const bool is_long = drawn.layout != TEST_TND && kind->bias == TEST_BIAS_CLASS_LAST_ROWS;
        if (attention_case_is_valid(&drawn) && has_output(&drawn) &&
            work_of(&drawn) <= (is_long ? 30.0 : 1.0) * budget) {
            return drawn;
        }
    }
    fail_msg("no valid case for a kind of depth %d", (int)kind->depth);
    return attention_case_default();
}

/* ---- Pairs of properties ---- */

static unsigned depth_number(int64_t depth) {
    unsigned number = 0;
    while (number < LENGTH(depths) - 1 && depths[number] != depth) {
        number++;
    }
    return number;
}

static unsigned heads_kind(const attention_case *tested) {
    return tested->heads == 1                   ? 0
           : tested->key_heads == tested->heads ? 1
           : tested->key_heads == 1             ? 2
                                                : 3;
}

/* Fewer, as many, or more keys than queries; elements that differ; elements of no length. */
static unsigned lengths_kind(const attention_case *tested) {
    bool differ = false;
    bool empty = false;
    for (int64_t b = 0; b < tested->batch; b++) {
        differ |= tested->query_lengths[b] != tested->query_lengths[0];
        empty |= tested->query_lengths[b] == 0 || tested->key_lengths[b] == 0;
    }
    return empty                                                ? 4
           : differ                                             ? 3
           : tested->query_lengths[0] < tested->key_lengths[0]  ? 0
           : tested->query_lengths[0] == tested->key_lengths[0] ? 1
                                                                : 2;
}

void attention_case_factors(const attention_case *tested,
                            unsigned values[TEST_NUM_ATTENTION_FACTORS]) {
    const bool has_mask = tested->mask_form != TEST_ATTENTION_NO_MASK;
    const bool reads_mask = has_mask && tested->mask_form != TEST_MASK_COMPRESSED;
    const unsigned all[TEST_NUM_ATTENTION_FACTORS] = {
        tested->layout,
        tested->dtype == CLF_DTYPE_FP32   ? 0U
        : tested->dtype == CLF_DTYPE_FP16 ? 1U
                                          : 2U,
        has_mask ? (unsigned)tested->mode : 9U,
        tested->mask_form,
        tested->bias_form,
        (unsigned)tested->pse_type,
        tested->dropout,
        heads_kind(tested),
        lengths_kind(tested),
        depth_number(tested->depth),
        tested->variant,
        tested->inner_precise == 2 ? 1U : 0U,
        tested->query_strides,
        tested->layout == TEST_TND && tested->statistics_per_token ? 1U : 0U,
        tested->value_depth == tested->depth ? 0U : 1U + (unsigned)(tested->value_depth % 2),
        reads_mask && tested->masked_rows > 0.0 ? 1U : 0U,
        tested->poison_unused ? 1U : 0U,
    };
    memcpy(values, all, sizeof all);
}

/* ---- Shrinking ---- */

static void halve_lengths(attention_case *tested, int64_t *lengths) {
    for (int64_t b = 0; b < tested->batch; b++) {
        lengths[b] = (lengths[b] + 1) / 2;
    }
}

/* Simplifications, tried in turn; each changes one thing. */
static void simplify(attention_case *tested, int which) {
    attention_strides *const strides[] = {&tested->query_strides,   &tested->key_strides,
                                          &tested->value_strides,   &tested->out_strides,
                                          &tested->pair_strides,    &tested->statistic_strides,
                                          &tested->gradient_strides};
    switch (which) {
    case 0:
        tested->poison_unused = false;
        break;
    case 1:
        tested->misalign = 0;
        break;
    case 2:
        tested->dropout = TEST_DROPOUT_NONE;
        tested->keep_prob = 1.0;
        break;
    case 3:
        tested->bias_form = TEST_BIAS_NONE;
        tested->pse_type = 1;
        break;
    case 4:
        tested->mask_form = TEST_ATTENTION_NO_MASK;
        break;
    case 5:
        tested->batch = tested->batch > 1 ? tested->batch - 1 : 1;
        break;
    case 6:
        tested->heads = tested->key_heads;
        break;
    case 7:
        tested->key_heads = 1;
        break;
    case 8:
        halve_lengths(tested, tested->query_lengths);
        break;
    case 9:
        halve_lengths(tested, tested->key_lengths);
        break;
    case 10:
        tested->trailing = tested->query_slack = tested->key_slack = 0;
        break;
    case 11:
        tested->value_depth = tested->depth;
        break;
    case 12:
        tested->layout = TEST_BNSD;
        break;
    default:
        *strides[which - 13] = TEST_STRIDES_CONTIGUOUS;
        break;
    }
}

static bool is_same(const attention_case *a, const attention_case *b) {
    char texts[2][1024];
    attention_case_text(a, texts[0], sizeof texts[0]);
    attention_case_text(b, texts[1], sizeof texts[1]);
    return strcmp(texts[0], texts[1]) == 0;
}

attention_case attention_case_shrink(attention_case failing, attention_case_fails fails,
                                     const void *context) {
    bool simpler = true;
    for (int budget = 40; simpler && budget > 0;) {
        simpler = false;
        for (int which = 0; which < 20 && budget > 0; which++) {
            attention_case candidate = failing;
            simplify(&candidate, which);
            if (is_same(&candidate, &failing) || !attention_case_is_valid(&candidate)) {
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
