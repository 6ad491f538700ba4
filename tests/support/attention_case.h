/* One test case of FlashAttentionScore or its gradient as plain data: everything but the numbers,
 * which follow from its seed. */
#ifndef CLF_TESTS_ATTENTION_CASE_H
#define CLF_TESTS_ATTENTION_CASE_H

#include <clformer/attention.h>

#include "test_random.h"

#define TEST_MAX_BATCH 8

typedef enum attention_layout {
    TEST_BSH,
    TEST_SBH,
    TEST_BSND,
    TEST_BNSD,
    TEST_TND,
    TEST_NUM_ATTENTION_LAYOUTS
} attention_layout;

typedef enum attention_mask_form {
    TEST_ATTENTION_NO_MASK,
    TEST_MASK_BNSS,
    TEST_MASK_B1SS,
    TEST_MASK_11SS,
    TEST_MASK_SS,
    TEST_MASK_TOTAL, /* TND: [Tq, Tkv] */
    TEST_MASK_COMPRESSED,
    TEST_NUM_ATTENTION_MASK_FORMS
} attention_mask_form;

typedef enum attention_bias_form {
    TEST_BIAS_NONE,
    TEST_BIAS_BNSS,
    TEST_BIAS_1NSS,
    TEST_BIAS_BN1S,
    TEST_BIAS_1N1S,
    TEST_BIAS_LAST_ROWS_B, /* [B, N, 1024, Skv] */
    TEST_BIAS_LAST_ROWS_1,
    TEST_BIAS_SLOPES,
    TEST_BIAS_SLOPES_B,
    TEST_NUM_BIAS_FORMS
} attention_bias_form;

typedef enum attention_dropout {
    TEST_DROPOUT_NONE,
    TEST_DROPOUT_BITS,
    TEST_DROPOUT_GENERATED,
    TEST_NUM_DROPOUTS
} attention_dropout;

/* How a tensor lies in memory. In the first three the last axis is contiguous. */
typedef enum attention_strides {
    TEST_STRIDES_CONTIGUOUS,
    TEST_STRIDES_PADDED,    /* a slice of a tensor that is longer on every axis */
    TEST_STRIDES_BROADCAST, /* key and value only: all tokens at one place      */
    TEST_STRIDES_GAPS,
    TEST_STRIDES_NEGATIVE,
    TEST_STRIDES_TRANSPOSED,
    TEST_NUM_STRIDES
} attention_strides;

typedef struct attention_case {
    attention_layout layout;
    clf_dtype dtype;
    int64_t batch;
    int64_t heads;
    int64_t key_heads;
    int64_t depth;
    int64_t value_depth;
    int64_t query_lengths[TEST_MAX_BATCH]; /* all alike but in TND */
    int64_t key_lengths[TEST_MAX_BATCH];
    int64_t trailing;    /* TND: further elements, given as zeros */
    int64_t query_slack; /* TND: tokens behind the last element   */
    int64_t key_slack;
    attention_mask_form mask_form;
    clf_dtype mask_dtype;
    double mask_density;
    double masked_rows; /* share of rows that the mask leaves nothing of */
    int64_t mode;
    int64_t pre_tokens;
    int64_t next_tokens;
    int64_t prefix[TEST_MAX_BATCH];
    int64_t inner_precise;
    attention_bias_form bias_form;
    int64_t pse_type;
    int64_t q_start_idx;
    int64_t kv_start_idx;
    attention_dropout dropout;
    double keep_prob;
    bool statistics_per_token; /* TND: softmax_layout "TND" */
    attention_strides query_strides;
    attention_strides key_strides;
    attention_strides value_strides;
    attention_strides out_strides;
    attention_strides pair_strides;      /* of mask and pse       */
    attention_strides statistic_strides; /* of softmax_max, _sum  */
    attention_strides gradient_strides;  /* of all that the gradient has beyond the forward */
    bool without_grad_pse;
    size_t misalign;
    double scale;
    double deviation;   /* of query and key */
    bool poison_unused; /* NaN in every key, value and bias that no computed pair needs */
    clf_variant variant;
    uint64_t seed;
} attention_case;

/* BNSD, fp32, [1, 2, 5, 9, 16], no options, scale 1 / sqrt(D). */
attention_case attention_case_default(void);

/* One line that tells everything. */
void attention_case_text(const attention_case *tested, char *text, size_t capacity);

/* Whether the operator document accepts the combination: modes, tokens, lengths and forms. */
bool attention_case_is_valid(const attention_case *tested);

/* Sets all batch elements to these lengths. */
void attention_case_set_lengths(attention_case *tested, int64_t query, int64_t key);

#endif
