/* Checking attention's arguments: required ones, dtypes, layout, pairs, statistics, in this order.
 */
#include "attention/attention_arguments.h"

#include <string.h>

#include "attention/attention_window.h"
#include "core/failure.h"
#include "shape/view.h"

#define STATISTICS_COPIES 8

clf_status clf_i_attention_copy_args(const clf_flash_attention_args *given,
                                     clf_flash_attention_args *args) {
    if (given->struct_size != sizeof *args) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "struct_size is %zu, accepted: %zu, as set by CLF_FLASH_ATTENTION_ARGS",
                          given->struct_size, sizeof *args);
    }
    *args = *given;
    return CLF_SUCCESS;
}

static clf_status check_required(const clf_flash_attention_args *args) {
    const struct {
        const char *argument;
        const void *value;
    } required[] = {
        {"query", args->query},
        {"key", args->key},
        {"value", args->value},
        {"input_layout", args->input_layout},
        {"softmax_max", args->softmax_max},
        {"softmax_sum", args->softmax_sum},
        {"attention_out", args->attention_out},
    };
    for (size_t i = 0; i < sizeof required / sizeof required[0]; ++i) {
        if (required[i].value == NULL) {
            return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, one is required",
                              required[i].argument);
        }
    }
    return CLF_SUCCESS;
}

static clf_status check_views(const clf_flash_attention_args *args) {
    const uint64_t like_query = args->query->dtype >= 0 && (int)args->query->dtype < 64
                                    ? CLF_I_DTYPE_BIT(args->query->dtype)
                                    : 0;
    const struct {
        const char *argument;
        const clf_tensor *tensor;
        uint64_t dtypes;
    } views[] = {
        {"query", args->query, CLF_I_DTYPES_FLOAT},
        {"key", args->key, like_query},
        {"value", args->value, like_query},
        {"attention_out", args->attention_out, like_query},
        {"softmax_max", args->softmax_max, CLF_I_DTYPE_BIT(CLF_DTYPE_FP32)},
        {"softmax_sum", args->softmax_sum, CLF_I_DTYPE_BIT(CLF_DTYPE_FP32)},
        {"pse", args->pse, CLF_I_DTYPES_FLOAT},
        {"atten_mask", args->atten_mask, CLF_I_DTYPES_MASK},
        {"drop_mask", args->drop_mask, CLF_I_DTYPE_BIT(CLF_DTYPE_UINT8)},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof views / sizeof views[0] && status == CLF_SUCCESS; ++i) {
        if (views[i].tensor != NULL) {
            status = clf_i_view_check(views[i].argument, views[i].tensor, views[i].dtypes);
        }
    }
    if (status == CLF_SUCCESS && args->padding_mask != NULL) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "padding_mask is given, accepted: NULL (the operator reserves it)");
    }
    return status;
}

static clf_status check_statistics_shape(const char *argument, const clf_tensor *tensor,
                                         const clf_i_attention_geometry *geometry) {
    const int64_t dense[] = {geometry->batch, geometry->num_heads, geometry->query_tokens,
                             STATISTICS_COPIES};
    const int64_t varlen[] = {geometry->query_tokens, geometry->num_heads, STATISTICS_COPIES};
    const int32_t rank = geometry->is_varlen ? 3 : 4;
    const int64_t *shape = geometry->is_varlen ? varlen : dense;
    bool same = tensor->rank == rank;
    for (int32_t axis = 0; same && axis < rank; ++axis) {
        same = tensor->shape[axis] == shape[axis];
    }
    /* Kernels write the copies as neighbours. */
    const bool is_placed = geometry->is_varlen ? clf_i_view_is_contiguous(tensor)
                                               : same && tensor->strides[rank - 1] == 1;
    if (same && is_placed) {
        return CLF_SUCCESS;
    }
    char given[CLF_I_SHAPE_TEXT];
    char accepted[CLF_I_SHAPE_TEXT];
    return clf_i_fail(CLF_ERR_TILING, "%s has shape %s, accepted: %s%s", argument,
                      clf_i_shape_text(tensor->rank, tensor->shape, given),
                      clf_i_shape_text(rank, shape, accepted),
                      geometry->is_varlen ? ", contiguous" : ", with the last axis contiguous");
}

static clf_status check_statistics(const clf_flash_attention_args *args,
                                   const clf_i_attention_geometry *geometry) {
    const char *layout = args->softmax_layout != NULL ? args->softmax_layout : "";
    if (strcmp(layout, "") != 0 && strcmp(layout, "TND") != 0 &&
        strcmp(layout, "same_as_input") != 0) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "softmax_layout is \"%.32s\", accepted: \"\", \"TND\", \"same_as_input\"",
                          layout);
    }
    clf_status status = check_statistics_shape("softmax_max", args->softmax_max, geometry);
    if (status == CLF_SUCCESS) {
        status = check_statistics_shape("softmax_sum", args->softmax_sum, geometry);
    }
    /* Kernels address both by one set of strides. */
    for (int32_t axis = 0; status == CLF_SUCCESS && axis < args->softmax_max->rank; ++axis) {
        if (args->softmax_max->shape[axis] > 1 &&
            args->softmax_max->strides[axis] != args->softmax_sum->strides[axis]) {
            return clf_i_fail(CLF_ERR_PARAM_INVALID,
                              "softmax_sum has other strides than softmax_max, accepted: the same");
        }
    }
    return status;
}

clf_status clf_i_attention_request_make(const clf_flash_attention_args *given,
                                        clf_i_attention_request *request) {
    memset(request, 0, sizeof *request);
    clf_flash_attention_args *args = &request->args;
    clf_status status = clf_i_attention_copy_args(given, args);
    if (status == CLF_SUCCESS) {
        status = check_required(args);
    }
    if (status == CLF_SUCCESS) {
        status = check_views(args);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_attention_geometry_make(args, &request->geometry);
    }
    if (status != CLF_SUCCESS || request->geometry.out_is_empty) {
        return status;
    }
    status = clf_i_attention_pairs_make(args, &request->geometry, &request->pairs);
    if (status == CLF_SUCCESS) {
        status = check_statistics(args, &request->geometry);
        request->empty_rows_are_zero =
            clf_i_attention_empty_rows_are_zero(args, &request->geometry, request->pairs.has_mask);
    }
    return status;
}

void clf_i_attention_request_clear(clf_i_attention_request *request) {
    clf_i_attention_geometry_clear(&request->geometry);
}
