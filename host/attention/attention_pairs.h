/*
 * The optional tensors over query-key pairs: dense mask, position bias, drop mask. Each accepted
 * form becomes strides; the forms themselves are known here only.
 */
#ifndef CLF_ATTENTION_ATTENTION_PAIRS_H
#define CLF_ATTENTION_ATTENTION_PAIRS_H

#include <stdbool.h>

#include "attention/attention_geometry.h"

/* Strides over batch element, head, row, column; 0 where the tensor repeats. */
typedef struct clf_i_pair_strides {
    int64_t batch;
    int64_t head;
    int64_t row;
    int64_t column;
} clf_i_pair_strides;

typedef enum clf_i_bias_kind {
    CLF_I_BIAS_NONE = 0,
    CLF_I_BIAS_TENSOR = 1,
    CLF_I_BIAS_LINEAR_SLOPE = 2,
    CLF_I_BIAS_SQUARE_ROOT_SLOPE = 3
} clf_i_bias_kind;

typedef enum clf_i_dropout_kind {
    CLF_I_DROPOUT_NONE = 0,
    CLF_I_DROPOUT_BITS = 1,
    CLF_I_DROPOUT_GENERATED = 2
} clf_i_dropout_kind;

typedef struct clf_i_attention_pairs {
    bool has_mask;          /* atten_mask was given: sparse_mode counts */
    bool reads_mask;        /* ... and its content counts, too */
    bool mask_is_per_token; /* TND, [Tq, Tkv]: a batch element's part begins at its tokens */
    clf_i_pair_strides mask;
    clf_i_bias_kind bias_kind;
    bool bias_is_compressed;  /* the last 1024 rows of a bias that depends on i - j */
    bool bias_is_after_scale; /* types 0, 2 and 3 */
    clf_i_pair_strides bias;
    clf_i_dropout_kind dropout_kind;
} clf_i_attention_pairs;

#define CLF_I_COMPRESSED_BIAS_ROWS 1024

/* From tensors that passed clf_i_view_check. CLF_ERR_PARAM_INVALID or CLF_ERR_TILING with a
 * sentence. */
clf_status clf_i_attention_pairs_make(const clf_flash_attention_args *args,
                                      const clf_i_attention_geometry *geometry,
                                      clf_i_attention_pairs *pairs);

/* Whether an optional tensor counts as given: not NULL and not empty. */
bool clf_i_attention_is_given(const clf_tensor *tensor);

#endif
