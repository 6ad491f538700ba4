/* Sparse modes lowered to one band-and-prefix record. */
#include "shape/visibility.h"

#include <stddef.h>

#include "core/integers.h"

/* A mode's band: where it is anchored, and which sides the tokens limit. */
typedef struct mode_rule {
    bool from_bottom_right; /* the diagonal is shifted by key_length - query_length */
    bool limited_below;     /* by pre_tokens */
    bool limited_above;     /* at the diagonal, or by next_tokens */
    bool uses_next_tokens;
    bool has_prefix;
    bool is_compressed;
} mode_rule;

static const mode_rule mode_rules[] = {
    /*        corner  below  above  next   prefix compressed */
    [0] = {false, true, true, true, false, false},
    [1] = {false, false, false, false, false, false},
    [2] = {false, false, true, false, false, true},
    [3] = {true, false, true, false, false, true},
    [4] = {true, true, true, true, false, true},
    [5] = {false, false, false, false, false, false},
    [6] = {true, false, true, false, true, true},
    [7] = {true, false, true, false, false, true},
    [8] = {false, false, true, false, false, true},
};
#define NUM_MODES ((int64_t)(sizeof mode_rules / sizeof mode_rules[0]))

/* The slice of a longer sequence in modes 7 and 8. */
static const mode_rule slice_rule = {true, false, true, true, false, true};

static int64_t clamp(int64_t value) {
    return value > CLF_I_UNLIMITED    ? CLF_I_UNLIMITED
           : value < -CLF_I_UNLIMITED ? -CLF_I_UNLIMITED
                                      : value;
}

bool clf_i_sparse_mode_is_compressed(int64_t mode) {
    return mode >= 0 && mode < NUM_MODES && mode_rules[mode].is_compressed;
}

clf_i_visibility clf_i_visibility_make(const clf_i_sparse_request *request, int64_t query_length,
                                       int64_t key_length, int64_t prefix, bool is_slice) {
    clf_i_visibility all = {-CLF_I_UNLIMITED, CLF_I_UNLIMITED, 0};
    if (!request->has_mask || request->mode < 0 || request->mode >= NUM_MODES) {
        return all;
    }
    const mode_rule *rule = is_slice ? &slice_rule : &mode_rules[request->mode];
    const int64_t diagonal = rule->from_bottom_right ? key_length - query_length : 0;
    clf_i_visibility visibility = all;
    if (rule->limited_below) {
        visibility.band_lowest = clamp(diagonal - clamp(request->pre_tokens));
    }
    if (rule->limited_above) {
        const int64_t next = rule->uses_next_tokens ? clamp(request->next_tokens) : 0;
        visibility.band_highest = clamp(diagonal + next);
    }
    visibility.prefix = rule->has_prefix ? prefix : 0;
    return visibility;
}

void clf_i_visibility_row(const clf_i_visibility *visibility, int64_t i, int64_t key_length,
                          int64_t *begin, int64_t *end) {
    *begin = clf_i_larger(0, i + visibility->band_lowest);
    *end = clf_i_smaller(key_length,
                         clf_i_larger(i + visibility->band_highest + 1, visibility->prefix));
}

int64_t clf_i_visibility_num_pairs(const clf_i_visibility *visibility, int64_t query_length,
                                   int64_t key_length) {
    int64_t pairs = 0;
    for (int64_t i = 0; i < query_length; ++i) {
        int64_t begin = 0;
        int64_t end = 0;
        clf_i_visibility_row(visibility, i, key_length, &begin, &end);
        pairs += clf_i_larger(0, end - begin);
    }
    return pairs;
}
