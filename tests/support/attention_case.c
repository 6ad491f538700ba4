/* See attention_case.h. */
#include "attention_case.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attention_predicates.h"

#define LAST_ROWS 1024

attention_case attention_case_default(void) {
    attention_case tested;
    memset(&tested, 0, sizeof tested);
    tested.layout = TEST_BNSD;
    tested.batch = 1;
    tested.heads = 2;
    tested.key_heads = 2;
    tested.depth = 16;
    tested.value_depth = 16;
    attention_case_set_lengths(&tested, 5, 9);
    tested.mask_dtype = CLF_DTYPE_BOOL;
    tested.mask_density = 0.3;
    tested.pre_tokens = CLF_ALL_TOKENS;
    tested.next_tokens = CLF_ALL_TOKENS;
    tested.pse_type = 1;
    tested.keep_prob = 1.0;
    tested.scale = 0.25;
    tested.deviation = 1.0;
    tested.seed = 1;
    return tested;
}

void attention_case_set_lengths(attention_case *tested, int64_t query, int64_t key) {
    for (int b = 0; b < TEST_MAX_BATCH; b++) {
        tested->query_lengths[b] = query;
        tested->key_lengths[b] = key;
    }
}

/* ---- Text ---- */

typedef struct writer {
    char *text;
    size_t length;
    size_t capacity;
} writer;

static void write_list(writer *out, const char *name, const int64_t *values, int64_t count) {
    for (int64_t i = 0; i < count && out->length < out->capacity; i++) {
        out->length += (size_t)snprintf(out->text + out->length, out->capacity - out->length,
                                        "%s%" PRId64, i == 0 ? name : ",", values[i]);
    }
}

void attention_case_text(const attention_case *tested, char *text, size_t capacity) {
    static const char *const layouts[] = {"BSH", "SBH", "BSND", "BNSD", "TND"};
    static const char *const masks[] = {"none", "BNSS", "B1SS", "11SS", "SS", "TT", "compressed"};
    static const char *const biases[] = {"none", "BNSS", "1NSS",   "BN1S",     "1N1S",
                                         "BNHS", "1NHS", "slopes", "slopes[B]"};
    static const char *const dropouts[] = {"none", "bits", "generated"};
    static const char *const strides[] = {"contiguous", "padded",   "broadcast",
                                          "gaps",       "negative", "transposed"};
    static const char *const variants[] = {"auto", "portable", "cpu"};
    writer out = {text, 0, capacity};
    const int64_t listed = tested->layout == TEST_TND ? tested->batch : 1;
    out.length = (size_t)snprintf(
        text, capacity, "%s %s B=%" PRId64 " N=%" PRId64 "/%" PRId64 " D=%" PRId64 "/%" PRId64,
        layouts[tested->layout], clf_dtype_name(tested->dtype), tested->batch, tested->heads,
        tested->key_heads, tested->depth, tested->value_depth);
    write_list(&out, " Sq=", tested->query_lengths, listed);
    write_list(&out, " Skv=", tested->key_lengths, listed);
    if (tested->mode == 5 || tested->mode == 6) {
        write_list(&out, " prefix=", tested->prefix, tested->batch);
    }
    if (out.length < capacity) {
        snprintf(text + out.length, capacity - out.length,
                 " trailing=%" PRId64 " slack=%" PRId64 ",%" PRId64
                 " mask=%s %s density=%g rows=%g mode=%" PRId64 " pre=%" PRId64 " next=%" PRId64
                 " inner=%" PRId64 " pse=%s type=%" PRId64 " start=%" PRId64 ",%" PRId64
                 " dropout=%s keep=%g per_token=%d strides=%s,%s,%s,%s,%s,%s,%s misalign=%zu "
                 "scale=%g deviation=%g poison=%d no_grad_pse=%d variant=%s seed=%" PRIu64,
                 tested->trailing, tested->query_slack, tested->key_slack, masks[tested->mask_form],
                 clf_dtype_name(tested->mask_dtype), tested->mask_density, tested->masked_rows,
                 tested->mode, tested->pre_tokens, tested->next_tokens, tested->inner_precise,
                 biases[tested->bias_form], tested->pse_type, tested->q_start_idx,
                 tested->kv_start_idx, dropouts[tested->dropout], tested->keep_prob,
                 tested->statistics_per_token, strides[tested->query_strides],
                 strides[tested->key_strides], strides[tested->value_strides],
                 strides[tested->out_strides], strides[tested->pair_strides],
                 strides[tested->statistic_strides], strides[tested->gradient_strides],
                 tested->misalign, tested->scale, tested->deviation, tested->poison_unused,
                 tested->without_grad_pse, variants[tested->variant], tested->seed);
    }
}

/* ---- Validity ---- */

static bool is_sliced(const attention_case *tested, int64_t b) {
    bool later = false;
    bool earlier = false;
    for (int64_t other = 0; other < tested->batch; other++) {
        later |= other > b && tested->query_lengths[other] > 0;
        earlier |= other < b && tested->query_lengths[other] > 0;
    }
    return tested->query_lengths[b] > 0 &&
           ((tested->mode == 7 && !later) || (tested->mode == 8 && !earlier));
}

static bool modes_are_accepted(const attention_case *tested) {
    const bool is_varlen = tested->layout == TEST_TND;
    bool accepted = is_varlen ? tested->mode != 5 && tested->mode <= 8 : tested->mode <= 6;
    /* The rules hold for trailing elements, too, which are empty. */
    const int64_t count = tested->batch + (tested->trailing > 0);
    for (int64_t b = 0; accepted && b < count; b++) {
        const bool is_trailing = b == tested->batch;
        const oracle_sparse sparse = {.mode = tested->mode,
                                      .pre_tokens = tested->pre_tokens,
                                      .next_tokens = tested->next_tokens,
                                      .prefix = is_trailing ? 0 : tested->prefix[b],
                                      .has_mask = true,
                                      .is_slice = !is_trailing && is_sliced(tested, b)};
        accepted =
            oracle_mode_is_accepted(&sparse, is_varlen, is_trailing ? 0 : tested->query_lengths[b],
                                    is_trailing ? 0 : tested->key_lengths[b]);
    }
    return accepted;
}

static bool mask_form_is_accepted(const attention_case *tested) {
    const bool is_varlen = tested->layout == TEST_TND;
    const bool reads = tested->mode == 0 || tested->mode == 1 || tested->mode == 5;
    switch (tested->mask_form) {
    case TEST_ATTENTION_NO_MASK:
        return true;
    case TEST_MASK_COMPRESSED:
        return !reads;
    case TEST_MASK_TOTAL:
        return reads && is_varlen;
    case TEST_MASK_SS:
        return reads && (tested->mode != 5 || tested->batch == 1);
    case TEST_MASK_11SS:
        return reads && !is_varlen && (tested->mode != 5 || tested->batch == 1);
    default:
        return reads && !is_varlen;
    }
}

static int64_t longest(const int64_t *lengths, int64_t count) {
    int64_t most = 0;
    for (int64_t b = 0; b < count; b++) {
        most = lengths[b] > most ? lengths[b] : most;
    }
    return most;
}

static bool has_equal_lengths(const attention_case *tested, int64_t first) {
    for (int64_t b = first; b < tested->batch; b++) {
        if (tested->query_lengths[b] != tested->key_lengths[b]) {
            return false;
        }
    }
    return true;
}

static bool last_rows_are_accepted(const attention_case *tested) {
    const int64_t most = longest(tested->query_lengths, tested->batch);
    const bool is_causal =
        tested->mask_form != TEST_ATTENTION_NO_MASK &&
        (tested->mode == 2 || tested->mode == 3 ||
         (tested->mode == 0 && tested->next_tokens == 0 && tested->pre_tokens >= most));
    bool has_rows = true;
    for (int64_t b = 0; b < tested->batch; b++) {
        has_rows &= tested->query_lengths[b] > 0;
    }
    return is_causal && has_equal_lengths(tested, 0) && has_rows && tested->trailing == 0 &&
           (tested->layout == TEST_TND || most > LAST_ROWS);
}

static bool slopes_are_accepted(const attention_case *tested) {
    const bool has_mask = tested->mask_form != TEST_ATTENTION_NO_MASK;
    if (has_mask && tested->mode == 8) {
        return tested->query_lengths[0] > 0 && has_equal_lengths(tested, 1) &&
               tested->query_lengths[0] - tested->key_lengths[0] + tested->q_start_idx -
                       tested->kv_start_idx ==
                   0;
    }
    /* Without a mask modes do not count, and nobody says to which element the start indices of
     * mode 8 would belong then. */
    return has_equal_lengths(tested, 0) && tested->mode < 7;
}

static bool bias_is_accepted(const attention_case *tested) {
    switch (tested->bias_form) {
    case TEST_BIAS_NONE:
        return tested->pse_type == 1;
    case TEST_BIAS_LAST_ROWS_B:
    case TEST_BIAS_LAST_ROWS_1:
        return tested->pse_type < 2 && last_rows_are_accepted(tested);
    case TEST_BIAS_SLOPES:
    case TEST_BIAS_SLOPES_B:
        return tested->pse_type >= 2 && slopes_are_accepted(tested) && tested->trailing == 0;
    default:
        return tested->pse_type < 2 && tested->layout != TEST_TND;
    }
}

bool attention_case_is_valid(const attention_case *tested) {
    const bool has_mask = tested->mask_form != TEST_ATTENTION_NO_MASK;
    return mask_form_is_accepted(tested) && (!has_mask || modes_are_accepted(tested)) &&
           bias_is_accepted(tested);
}
