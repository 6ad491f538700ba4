/* The two products: sizes, and where the tensors of each lie. */
#ifndef CLF_FFN_FFN_LAYERS_H
#define CLF_FFN_FFN_LAYERS_H

#include <stdbool.h>

#include <clformer/ffn.h>

/* Steps from one expert, row (or group of rows) and column to the next, in elements; 0 where the
 * tensor has no such axis. */
typedef struct clf_i_ffn_strides {
    int64_t expert;
    int64_t row;
    int64_t column;
} clf_i_ffn_strides;

/* The tensors of one product; NULL: not given. */
typedef struct clf_i_ffn_layer_tensors {
    const char *input_argument; /* x, or weight1 */
    const char *weight_argument;
    const char *bias_argument;
    const char *deq_scale_argument;
    const char *antiquant_scale_argument;
    const char *antiquant_offset_argument;
    const clf_tensor *weight;
    const clf_tensor *bias;
    const clf_tensor *deq_scale;
    const clf_tensor *antiquant_scale;
    const clf_tensor *antiquant_offset;
} clf_i_ffn_layer_tensors;

typedef struct clf_i_ffn_layer {
    int64_t depth; /* K: rows of the weight    */
    int64_t width; /* N: columns of the weight */
    clf_i_ffn_layer_tensors tensors;
    clf_i_ffn_strides weight;
    clf_i_ffn_strides bias;
    clf_i_ffn_strides deq_scale;
    clf_i_ffn_strides antiquant_scale;
    clf_i_ffn_strides antiquant_offset;
    int64_t group_size; /* rows k with equal k / group_size share an antiquant scale; >= 1 */
} clf_i_ffn_layer;

/* Layer 0 or 1 of the arguments, all of whose tensors passed clf_i_view_check. `depth` rows are
 * needed. `num_experts` is 0 without experts. */
clf_status clf_i_ffn_layer_make(const clf_ffn_args *args, int which, int64_t depth,
                                int64_t num_experts, clf_i_ffn_layer *layer);

/* Shape [columns], or with experts [experts, columns], else CLF_ERR_PARAM_INVALID. */
clf_status clf_i_ffn_read_columns(const char *argument, const clf_tensor *tensor,
                                  int64_t num_experts, int64_t columns, clf_i_ffn_strides *strides);

#endif
