/*
 * Attention's tensors without their layout: sizes, and for each tensor the strides of batch, token,
 * head and depth. Everything behind this file works on these, whatever the layout was called.
 */
#ifndef CLF_ATTENTION_ATTENTION_GEOMETRY_H
#define CLF_ATTENTION_ATTENTION_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include <clformer/attention.h>

typedef struct clf_i_attention_axes {
    int64_t batch; /* 0 in TND */
    int64_t token;
    int64_t head;
    int64_t depth;
} clf_i_attention_axes;

/* One batch element: where its tokens begin (TND; 0 elsewhere) and how many there are. */
typedef struct clf_i_attention_span {
    int64_t query_begin;
    int64_t query_length;
    int64_t key_begin;
    int64_t key_length;
} clf_i_attention_span;

/* What the gradient has beyond the forward. */
typedef struct clf_i_attention_gradients {
    const clf_tensor *output; /* grad_output, an input; the others are outputs */
    const clf_tensor *query;
    const clf_tensor *key;
    const clf_tensor *value;
    const clf_tensor *pse; /* may be NULL */
} clf_i_attention_gradients;

typedef struct clf_i_attention_geometry {
    bool is_varlen; /* TND */
    int64_t batch;  /* batch elements; in TND the entries of actual_seq_qlen */
    int64_t num_heads;
    int64_t num_key_heads;
    int64_t query_length; /* Sq; TND: of the longest element */
    int64_t key_length;   /* Skv; TND: of the longest element */
    int64_t query_tokens; /* TND: T of query; elsewhere Sq */
    int64_t key_tokens;
    int64_t covered_query_tokens; /* TND: end of the last element; elsewhere Sq */
    int64_t depth;
    int64_t value_depth;
    clf_i_attention_axes query;
    clf_i_attention_axes key;
    clf_i_attention_axes value;
    clf_i_attention_axes out; /* of the gradient: attention_in */
    clf_i_attention_axes grad_output;
    clf_i_attention_axes grad_query;
    clf_i_attention_axes grad_key;
    clf_i_attention_axes grad_value;
    clf_i_attention_span *spans; /* `batch` of them */
    bool out_is_empty;           /* the forward has no output elements: B, N or Sq is 0 */
} clf_i_attention_geometry;

/*
 * From arguments whose tensors passed clf_i_view_check; `gradients` is NULL in the forward.
 * CLF_ERR_PARAM_INVALID or CLF_ERR_TILING with a sentence; either way the caller ends with
 * clf_i_attention_geometry_clear.
 */
clf_status clf_i_attention_geometry_make(const clf_flash_attention_args *args,
                                         const clf_i_attention_gradients *gradients,
                                         clf_i_attention_geometry *geometry);
void clf_i_attention_geometry_clear(clf_i_attention_geometry *geometry);

/* CLF_ERR_TILING with a sentence unless both shapes are alike. */
clf_status clf_i_attention_check_same_shape(const char *argument, const clf_tensor *tensor,
                                            const char *other, const clf_tensor *like);

/* N * sum of Sq_b * Skv_b. */
int64_t clf_i_attention_num_elements(const clf_i_attention_geometry *geometry);

#endif
