/* Shapes of weights, biases and scales become sizes and strides. */
#include "ffn/ffn_layers.h"

#include <inttypes.h>
#include <string.h>

#include "core/failure.h"
#include "shape/view.h"

static clf_status fail_shape(const char *argument, const clf_tensor *tensor, int32_t rank,
                             const int64_t *shape) {
    char given[CLF_I_SHAPE_TEXT];
    char accepted[CLF_I_SHAPE_TEXT];
    return clf_i_fail(CLF_ERR_PARAM_INVALID, "%s has shape %s, accepted: %s", argument,
                      clf_i_shape_text(tensor->rank, tensor->shape, given),
                      clf_i_shape_text(rank, shape, accepted));
}

static bool has_shape(const clf_tensor *tensor, int32_t rank, const int64_t *shape) {
    bool same = tensor->rank == rank;
    for (int32_t axis = 0; same && axis < rank; ++axis) {
        same = tensor->shape[axis] == shape[axis];
    }
    return same;
}

clf_status clf_i_ffn_read_columns(const char *argument, const clf_tensor *tensor,
                                  int64_t num_experts, int64_t columns,
                                  clf_i_ffn_strides *strides) {
    const int32_t leading = num_experts > 0 ? 1 : 0;
    const int64_t with_experts[] = {num_experts, columns};
    const int64_t *shape = with_experts + 1 - leading;
    if (!has_shape(tensor, leading + 1, shape)) {
        return fail_shape(argument, tensor, leading + 1, shape);
    }
    strides->expert = leading > 0 ? tensor->strides[0] : 0;
    strides->column = tensor->strides[leading];
    return CLF_SUCCESS;
}

static clf_status read_weight(clf_i_ffn_layer *layer, int64_t depth, int64_t num_experts) {
    const clf_tensor *weight = layer->tensors.weight;
    const char *argument = layer->tensors.weight_argument;
    const int32_t leading = num_experts > 0 ? 1 : 0;
    if (weight->rank != leading + 2) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "%s has rank %d, accepted: %d %s experts",
                          argument, (int)weight->rank, (int)leading + 2,
                          leading > 0 ? "with" : "without");
    }
    if (leading > 0 && weight->shape[0] != num_experts) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "%s has %" PRId64 " experts, accepted: %" PRId64
                          ", as many as expert_tokens has values",
                          argument, weight->shape[0], num_experts);
    }
    if (weight->shape[leading] != depth) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "%s has %" PRId64 " rows, accepted: %" PRId64 ", as %s tells", argument,
                          weight->shape[leading], depth, layer->tensors.input_argument);
    }
    layer->depth = depth;
    layer->width = weight->shape[leading + 1];
    layer->weight.expert = leading > 0 ? weight->strides[0] : 0;
    layer->weight.row = weight->strides[leading];
    layer->weight.column = weight->strides[leading + 1];
    return CLF_SUCCESS;
}

/* ---- Scales of quantised weights ---- */

static clf_status read_groups(clf_i_ffn_layer *layer, int64_t num_experts) {
    const clf_tensor *scale = layer->tensors.antiquant_scale;
    const char *argument = layer->tensors.antiquant_scale_argument;
    const int32_t leading = num_experts > 0 ? 1 : 0;
    const int64_t groups = scale->shape[leading];
    if (layer->tensors.weight->dtype != CLF_DTYPE_INT4) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "%s has rank %d, accepted: %d (groups of rows only with int4 weights)",
                          argument, (int)scale->rank, (int)leading + 1);
    }
    if (groups < 1 || layer->depth % groups != 0) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "%s has %" PRId64 " groups, accepted: a divisor of the %" PRId64
                          " rows of %s",
                          argument, groups, layer->depth, layer->tensors.weight_argument);
    }
    const int64_t with_experts[] = {num_experts, groups, layer->width};
    const int64_t *shape = with_experts + 1 - leading;
    if (!has_shape(scale, leading + 2, shape)) {
        return fail_shape(argument, scale, leading + 2, shape);
    }
    layer->group_size = layer->depth > 0 ? layer->depth / groups : 1;
    return CLF_SUCCESS;
}

static clf_i_ffn_strides last_strides(const clf_tensor *tensor, bool has_groups, bool has_experts) {
    const int32_t last = tensor->rank - 1;
    return (clf_i_ffn_strides){.expert = has_experts ? tensor->strides[0] : 0,
                               .row = has_groups ? tensor->strides[last - 1] : 0,
                               .column = tensor->strides[last]};
}

static clf_status read_antiquant(clf_i_ffn_layer *layer, int64_t num_experts) {
    const clf_i_ffn_layer_tensors *tensors = &layer->tensors;
    const bool has_experts = num_experts > 0;
    const bool has_groups = tensors->antiquant_scale->rank == (has_experts ? 3 : 2);
    clf_status status = has_groups ? read_groups(layer, num_experts)
                                   : clf_i_ffn_read_columns(tensors->antiquant_scale_argument,
                                                            tensors->antiquant_scale, num_experts,
                                                            layer->width, &layer->antiquant_scale);
    if (status == CLF_SUCCESS) {
        status =
            clf_i_view_check_same(tensors->antiquant_offset_argument, tensors->antiquant_offset,
                                  tensors->antiquant_scale_argument, tensors->antiquant_scale);
    }
    if (status == CLF_SUCCESS) {
        layer->antiquant_scale = last_strides(tensors->antiquant_scale, has_groups, has_experts);
        layer->antiquant_offset = last_strides(tensors->antiquant_offset, has_groups, has_experts);
    }
    return status;
}

/* ---- A layer ---- */

static clf_i_ffn_layer_tensors tensors_of(const clf_ffn_args *args, int which) {
    if (which == 0) {
        return (clf_i_ffn_layer_tensors){"x",
                                         "weight1",
                                         "bias1",
                                         "deq_scale1",
                                         "antiquant_scale1",
                                         "antiquant_offset1",
                                         args->weight1,
                                         args->bias1,
                                         args->deq_scale1,
                                         args->antiquant_scale1,
                                         args->antiquant_offset1};
    }
    return (clf_i_ffn_layer_tensors){"weight1",
                                     "weight2",
                                     "bias2",
                                     "deq_scale2",
                                     "antiquant_scale2",
                                     "antiquant_offset2",
                                     args->weight2,
                                     args->bias2,
                                     args->deq_scale2,
                                     args->antiquant_scale2,
                                     args->antiquant_offset2};
}

clf_status clf_i_ffn_layer_make(const clf_ffn_args *args, int which, int64_t depth,
                                int64_t num_experts, clf_i_ffn_layer *layer) {
    memset(layer, 0, sizeof *layer);
    layer->tensors = tensors_of(args, which);
    const clf_i_ffn_layer_tensors *tensors = &layer->tensors;
    clf_status status = read_weight(layer, depth, num_experts);
    layer->group_size = layer->depth > 0 ? layer->depth : 1;
    if (status == CLF_SUCCESS && tensors->bias != NULL) {
        status = clf_i_ffn_read_columns(tensors->bias_argument, tensors->bias, num_experts,
                                        layer->width, &layer->bias);
    }
    if (status == CLF_SUCCESS && tensors->deq_scale != NULL) {
        status = clf_i_ffn_read_columns(tensors->deq_scale_argument, tensors->deq_scale,
                                        num_experts, layer->width, &layer->deq_scale);
    }
    if (status == CLF_SUCCESS && tensors->antiquant_scale != NULL) {
        status = read_antiquant(layer, num_experts);
    }
    return status;
}
