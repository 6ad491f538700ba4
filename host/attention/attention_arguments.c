/* Checking attention's arguments, of the forward and the gradient alike: required ones, dtypes,
 * layout, pairs, statistics, in this order. */
#include "attention/attention_arguments.h"

#include <string.h>

#include "attention/attention_window.h"
#include "core/failure.h"
#include "shape/view.h"

#define STATISTICS_COPIES 8

/* ---- Required ones, dtypes ---- */

typedef enum dtype_rule { ANY_FLOAT, LIKE_QUERY, LIKE_PSE, ONLY_FP32, MASK, ONLY_UINT8 } dtype_rule;

typedef enum presence { REQUIRED, REQUIRED_OF_GRADIENT, OPTIONAL } presence;

/* One tensor of a call. */
typedef struct operand {
    const char *argument;
    const clf_tensor *tensor;
    dtype_rule rule;
    presence presence;
} operand;

enum { NUM_OPERANDS = 14 };

/* In the order of the checks; the forward's and the gradient's in one. */
static void list_operands(const clf_i_attention_request *request, operand list[NUM_OPERANDS]) {
    const clf_flash_attention_args *args = &request->args;
    const clf_i_attention_gradients *gradients = &request->gradients;
    const operand all[NUM_OPERANDS] = {
        {"query", args->query, ANY_FLOAT, REQUIRED},
        {"key", args->key, LIKE_QUERY, REQUIRED},
        {"value", args->value, LIKE_QUERY, REQUIRED},
        {request->is_gradient ? "attention_in" : "attention_out", args->attention_out, LIKE_QUERY,
         REQUIRED},
        {"grad_output", gradients->output, LIKE_QUERY, REQUIRED_OF_GRADIENT},
        {"softmax_max", args->softmax_max, ONLY_FP32, REQUIRED},
        {"softmax_sum", args->softmax_sum, ONLY_FP32, REQUIRED},
        {"grad_query", gradients->query, LIKE_QUERY, REQUIRED_OF_GRADIENT},
        {"grad_key", gradients->key, LIKE_QUERY, REQUIRED_OF_GRADIENT},
        {"grad_value", gradients->value, LIKE_QUERY, REQUIRED_OF_GRADIENT},
        {"pse", args->pse, ANY_FLOAT, OPTIONAL},
        {"atten_mask", args->atten_mask, MASK, OPTIONAL},
        {"drop_mask", args->drop_mask, ONLY_UINT8, OPTIONAL},
        {"grad_pse", gradients->pse, LIKE_PSE, OPTIONAL},
    };
    memcpy(list, all, sizeof all);
}

static clf_status check_required(const clf_i_attention_request *request,
                                 const operand list[NUM_OPERANDS]) {
    const char *missing = NULL;
    for (size_t i = 0; i < NUM_OPERANDS && missing == NULL; ++i) {
        const bool is_required = list[i].presence == REQUIRED ||
                                 (list[i].presence == REQUIRED_OF_GRADIENT && request->is_gradient);
        missing = is_required && list[i].tensor == NULL ? list[i].argument : NULL;
    }
    if (missing == NULL && request->args.input_layout == NULL) {
        missing = "input_layout";
    }
    return missing == NULL
               ? CLF_SUCCESS
               : clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, one is required", missing);
}

static uint64_t dtype_of(const clf_tensor *tensor) {
    return tensor->dtype >= 0 && (int)tensor->dtype < 64 ? CLF_I_DTYPE_BIT(tensor->dtype) : 0;
}

static uint64_t dtypes_of(dtype_rule rule, const clf_flash_attention_args *args) {
    switch (rule) {
    case LIKE_QUERY:
        return dtype_of(args->query);
    case LIKE_PSE:
        return args->pse != NULL ? dtype_of(args->pse) : CLF_I_DTYPES_FLOAT;
    case ONLY_FP32:
        return CLF_I_DTYPE_BIT(CLF_DTYPE_FP32);
    case MASK:
        return CLF_I_DTYPES_MASK;
    case ONLY_UINT8:
        return CLF_I_DTYPE_BIT(CLF_DTYPE_UINT8);
    default:
        return CLF_I_DTYPES_FLOAT;
    }
}

static clf_status check_views(const clf_i_attention_request *request,
                              const operand list[NUM_OPERANDS]) {
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < NUM_OPERANDS && status == CLF_SUCCESS; ++i) {
        if (list[i].tensor != NULL) {
            status = clf_i_view_check(list[i].argument, list[i].tensor,
                                      dtypes_of(list[i].rule, &request->args));
        }
    }
    if (status == CLF_SUCCESS && request->args.padding_mask != NULL) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "padding_mask is given, accepted: NULL (the operator reserves it)");
    }
    return status;
}

/* ---- Shapes ---- */

static clf_status check_grad_pse(const clf_i_attention_request *request) {
    const clf_tensor *gradient = request->gradients.pse;
    if (!clf_i_attention_is_given(gradient)) {
        return CLF_SUCCESS;
    }
    if (!clf_i_attention_is_given(request->args.pse)) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "grad_pse is given, accepted: NULL without pse");
    }
    return clf_i_attention_check_same_shape("grad_pse", gradient, "pse", request->args.pse);
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

/* ---- The request ---- */

static clf_status check_request(clf_i_attention_request *request) {
    const clf_flash_attention_args *args = &request->args;
    operand list[NUM_OPERANDS];
    list_operands(request, list);
    clf_status status = check_required(request, list);
    if (status == CLF_SUCCESS) {
        status = check_views(request, list);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_attention_geometry_make(
            args, request->is_gradient ? &request->gradients : NULL, &request->geometry);
    }
    if (status == CLF_SUCCESS) {
        status = check_grad_pse(request);
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

static clf_status check_struct_size(size_t given, size_t accepted, const char *macro) {
    return given == accepted ? CLF_SUCCESS
                             : clf_i_fail(CLF_ERR_PARAM_INVALID,
                                          "struct_size is %zu, accepted: %zu, as set by %s", given,
                                          accepted, macro);
}

clf_status clf_i_attention_request_make(const clf_flash_attention_args *given,
                                        clf_i_attention_request *request) {
    memset(request, 0, sizeof *request);
    const clf_status status =
        check_struct_size(given->struct_size, sizeof *given, "CLF_FLASH_ATTENTION_ARGS");
    if (status != CLF_SUCCESS) {
        return status;
    }
    request->args = *given;
    return check_request(request);
}

clf_status clf_i_attention_grad_request_make(const clf_flash_attention_grad_args *given,
                                             clf_i_attention_request *request) {
    memset(request, 0, sizeof *request);
    const clf_status status =
        check_struct_size(given->struct_size, sizeof *given, "CLF_FLASH_ATTENTION_GRAD_ARGS");
    if (status != CLF_SUCCESS) {
        return status;
    }
    request->is_gradient = true;
    request->gradients = (clf_i_attention_gradients){.output = given->grad_output,
                                                     .query = given->grad_query,
                                                     .key = given->grad_key,
                                                     .value = given->grad_value,
                                                     .pse = given->grad_pse};
    request->args = (clf_flash_attention_args){
        .struct_size = sizeof request->args,
        .query = given->query,
        .key = given->key,
        .value = given->value,
        .pse = given->pse,
        .drop_mask = given->drop_mask,
        .padding_mask = given->padding_mask,
        .atten_mask = given->atten_mask,
        .attention_out = given->attention_in,
        .softmax_max = given->softmax_max,
        .softmax_sum = given->softmax_sum,
        .input_layout = given->input_layout,
        .head_num = given->head_num,
        .scale = given->scale,
        .keep_prob = given->keep_prob,
        .pre_tokens = given->pre_tokens,
        .next_tokens = given->next_tokens,
        .inner_precise = given->inner_precise,
        .sparse_mode = given->sparse_mode,
        .pse_type = given->pse_type,
        .q_start_idx = given->q_start_idx,
        .kv_start_idx = given->kv_start_idx,
        .prefix = given->prefix,
        .num_prefix = given->num_prefix,
        .actual_seq_qlen = given->actual_seq_qlen,
        .num_actual_seq_qlen = given->num_actual_seq_qlen,
        .actual_seq_kvlen = given->actual_seq_kvlen,
        .num_actual_seq_kvlen = given->num_actual_seq_kvlen,
        .softmax_layout = given->softmax_layout,
        .generate_dropout = given->generate_dropout,
        .seed = given->seed,
        .offset = given->offset,
        .variant = given->variant,
    };
    return check_request(request);
}

void clf_i_attention_request_clear(clf_i_attention_request *request) {
    clf_i_attention_geometry_clear(&request->geometry);
}
