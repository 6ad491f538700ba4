/* Checking FFN's arguments: activation, required tensors, data types, tokens, layers, scales, y. */
#include "ffn/ffn_arguments.h"

#include <inttypes.h>
#include <string.h>

#include "core/failure.h"
#include "shape/view.h"

/* 128 * 128 times as many terms fit into int32. */
#define MAX_INT8_DEPTH 131071

#define BIT(name) CLF_I_DTYPE_BIT(CLF_DTYPE_##name)

/* ---- Data types ---- */

typedef struct mode_rule {
    clf_i_ffn_mode mode;
    clf_dtype x;
    uint64_t weights;
    uint64_t y;
    clf_dtype bias;
    clf_dtype hidden;
} mode_rule;

static const mode_rule mode_rules[] = {
    {CLF_I_FFN_FLOAT, CLF_DTYPE_FP32, BIT(FP32), BIT(FP32), CLF_DTYPE_FP32, CLF_DTYPE_FP32},
    {CLF_I_FFN_FLOAT, CLF_DTYPE_FP16, BIT(FP16), BIT(FP16), CLF_DTYPE_FP16, CLF_DTYPE_FP16},
    {CLF_I_FFN_FLOAT, CLF_DTYPE_BF16, BIT(BF16), BIT(BF16), CLF_DTYPE_FP32, CLF_DTYPE_BF16},
    {CLF_I_FFN_QUANTISED, CLF_DTYPE_INT8, BIT(INT8), BIT(FP16) | BIT(BF16), CLF_DTYPE_INT32,
     CLF_DTYPE_INT8},
    {CLF_I_FFN_ANTIQUANT, CLF_DTYPE_FP16, BIT(INT8) | BIT(INT4), BIT(FP16), CLF_DTYPE_FP16,
     CLF_DTYPE_FP16},
    {CLF_I_FFN_ANTIQUANT, CLF_DTYPE_BF16, BIT(INT8) | BIT(INT4), BIT(BF16), CLF_DTYPE_FP32,
     CLF_DTYPE_BF16},
};
#define NUM_MODE_RULES (sizeof mode_rules / sizeof mode_rules[0])

static clf_status find_mode(const clf_ffn_args *args, const mode_rule **out_rule) {
    uint64_t of_x = 0;
    uint64_t of_weights = 0;
    for (size_t i = 0; i < NUM_MODE_RULES; ++i) {
        of_x |= CLF_I_DTYPE_BIT(mode_rules[i].x);
        of_weights |= mode_rules[i].x == args->x->dtype ? mode_rules[i].weights : 0;
    }
    clf_status status = clf_i_view_check("x", args->x, of_x);
    if (status == CLF_SUCCESS) {
        status = clf_i_view_check("weight1", args->weight1, of_weights);
    }
    for (size_t i = 0; i < NUM_MODE_RULES && status == CLF_SUCCESS; ++i) {
        const mode_rule *rule = &mode_rules[i];
        const uint64_t given = CLF_I_DTYPE_BIT(args->weight1->dtype);
        if (rule->x == args->x->dtype && (rule->weights & given) != 0) {
            *out_rule = rule;
            return CLF_SUCCESS;
        }
    }
    return status;
}

/* Tensors that one mode requires and the others refuse. */
typedef struct mode_tensor {
    const char *argument;
    const clf_tensor *tensor;
    clf_i_ffn_mode mode;
    uint64_t dtypes;
} mode_tensor;

static clf_status check_mode_tensor(const clf_ffn_args *args, clf_i_ffn_mode mode,
                                    const mode_tensor *entry) {
    if (mode == entry->mode && entry->tensor != NULL) {
        return clf_i_view_check(entry->argument, entry->tensor, entry->dtypes);
    }
    if (mode != entry->mode && entry->tensor == NULL) {
        return CLF_SUCCESS;
    }
    return clf_i_fail(CLF_ERR_PARAM_INVALID,
                      "%s is %s, accepted: %s with x of %s and weights of %s", entry->argument,
                      entry->tensor != NULL ? "given" : "NULL",
                      entry->tensor != NULL ? "NULL" : "a tensor", clf_dtype_name(args->x->dtype),
                      clf_dtype_name(args->weight1->dtype));
}

static uint64_t bit_of(const clf_tensor *tensor) {
    const int number = tensor != NULL ? (int)tensor->dtype : -1;
    return number >= 0 && number < 64 ? UINT64_C(1) << number : 0;
}

static clf_status check_mode_tensors(const clf_ffn_args *args, const mode_rule *rule) {
    const uint64_t deq_scales =
        args->y->dtype == CLF_DTYPE_BF16 ? BIT(BF16) : BIT(INT64) | BIT(UINT64) | BIT(FP32);
    const uint64_t like_x = CLF_I_DTYPE_BIT(rule->x);
    const mode_tensor entries[] = {
        {"scale", args->scale, CLF_I_FFN_QUANTISED, BIT(FP32)},
        {"offset", args->offset, CLF_I_FFN_QUANTISED, BIT(FP32)},
        {"deq_scale1", args->deq_scale1, CLF_I_FFN_QUANTISED, deq_scales},
        {"deq_scale2", args->deq_scale2, CLF_I_FFN_QUANTISED, bit_of(args->deq_scale1)},
        {"antiquant_scale1", args->antiquant_scale1, CLF_I_FFN_ANTIQUANT, like_x},
        {"antiquant_scale2", args->antiquant_scale2, CLF_I_FFN_ANTIQUANT, like_x},
        {"antiquant_offset1", args->antiquant_offset1, CLF_I_FFN_ANTIQUANT, like_x},
        {"antiquant_offset2", args->antiquant_offset2, CLF_I_FFN_ANTIQUANT, like_x},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0] && status == CLF_SUCCESS; ++i) {
        status = check_mode_tensor(args, rule->mode, &entries[i]);
    }
    return status;
}

static clf_status check_tensors(const clf_ffn_args *args, clf_i_ffn_request *request) {
    const mode_rule *rule = NULL;
    clf_status status = find_mode(args, &rule);
    if (status != CLF_SUCCESS) {
        return status;
    }
    request->mode = rule->mode;
    request->hidden_dtype = rule->hidden;
    const struct {
        const char *argument;
        const clf_tensor *tensor;
        uint64_t dtypes;
    } views[] = {
        {"weight2", args->weight2, bit_of(args->weight1)},
        {"y", args->y, rule->y},
        {"bias1", args->bias1, CLF_I_DTYPE_BIT(rule->bias)},
        {"bias2", args->bias2, CLF_I_DTYPE_BIT(rule->bias)},
    };
    for (size_t i = 0; i < sizeof views / sizeof views[0] && status == CLF_SUCCESS; ++i) {
        if (views[i].tensor != NULL) {
            status = clf_i_view_check(views[i].argument, views[i].tensor, views[i].dtypes);
        }
    }
    return status == CLF_SUCCESS ? check_mode_tensors(args, rule) : status;
}

/* ---- Activation, required arguments ---- */

static const struct {
    const char *name;
    clf_i_ffn_activation activation;
    bool is_glu;
} activations[] = {
    {"fastgelu", CLF_I_FFN_FASTGELU, false}, {"gelu", CLF_I_FFN_GELU, false},
    {"relu", CLF_I_FFN_RELU, false},         {"silu", CLF_I_FFN_SILU, false},
    {"geglu", CLF_I_FFN_GELU, true},         {"swiglu", CLF_I_FFN_SILU, true},
    {"reglu", CLF_I_FFN_RELU, true},
};

static bool equals_in_any_case(const char *given, const char *small) {
    for (; *given != '\0' && *small != '\0'; ++given, ++small) {
        const bool is_capital = *given >= 'A' && *given <= 'Z';
        if ((is_capital ? *given - 'A' + 'a' : *given) != *small) {
            return false;
        }
    }
    return *given == *small;
}

static clf_status read_activation(const char *name, clf_i_ffn_request *request) {
    if (name == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "activation is NULL, a name is required");
    }
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; ++i) {
        if (equals_in_any_case(name, activations[i].name)) {
            request->activation = activations[i].activation;
            request->is_glu = activations[i].is_glu;
            return CLF_SUCCESS;
        }
    }
    return clf_i_fail(CLF_ERR_PARAM_INVALID,
                      "activation is \"%.32s\", accepted: fastgelu, gelu, relu, silu, geglu, "
                      "swiglu, reglu",
                      name);
}

static clf_status check_required(const clf_ffn_args *args) {
    const struct {
        const char *argument;
        const clf_tensor *tensor;
    } required[] = {
        {"x", args->x}, {"weight1", args->weight1}, {"weight2", args->weight2}, {"y", args->y}};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; ++i) {
        if (required[i].tensor == NULL) {
            return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, a tensor is required",
                              required[i].argument);
        }
    }
    if (args->inner_precise != 0 && args->inner_precise != 1) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "inner_precise is %" PRId64 ", accepted: 0 or 1",
                          args->inner_precise);
    }
    return CLF_SUCCESS;
}

/* ---- Shapes ---- */

static clf_status read_tokens(const clf_tensor *x, clf_i_ffn_request *request) {
    if (x->rank < 2) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "x has rank %d, accepted: 2 to %d", (int)x->rank,
                          CLF_MAX_RANK);
    }
    const int64_t *const strides[] = {x->strides};
    request->x_rows = clf_i_row_space_make(x->rank, x->shape, 1, strides, false);
    request->num_tokens = request->x_rows.num_rows;
    return CLF_SUCCESS;
}

static clf_status check_depth(const clf_i_ffn_request *request, const char *argument,
                              int64_t depth) {
    if (request->mode != CLF_I_FFN_QUANTISED || depth <= MAX_INT8_DEPTH) {
        return CLF_SUCCESS;
    }
    return clf_i_fail(CLF_ERR_PARAM_INVALID,
                      "%s has %" PRId64 " rows, accepted: at most %d in int8, whose sums then fit "
                      "into int32",
                      argument, depth, MAX_INT8_DEPTH);
}

static clf_status read_layers(const clf_ffn_args *args, clf_i_ffn_request *request) {
    const int64_t num_experts = request->experts.is_given ? request->experts.count : 0;
    const int64_t depth = args->x->shape[args->x->rank - 1];
    clf_i_ffn_layer *first = &request->layers[0];
    clf_status status = clf_i_ffn_layer_make(args, 0, depth, num_experts, first);
    if (status != CLF_SUCCESS) {
        return status;
    }
    if (request->is_glu && first->width % 2 != 0) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "weight1 has %" PRId64
                          " columns, accepted: an even number with activation %.32s",
                          first->width, args->activation);
    }
    status = clf_i_ffn_layer_make(args, 1, request->is_glu ? first->width / 2 : first->width,
                                  num_experts, &request->layers[1]);
    if (status == CLF_SUCCESS) {
        status = check_depth(request, "weight1", first->depth);
    }
    if (status == CLF_SUCCESS) {
        status = check_depth(request, "weight2", request->layers[1].depth);
    }
    return status;
}

static clf_status check_group_ranks(const clf_ffn_args *args) {
    if (args->antiquant_scale1->rank == args->antiquant_scale2->rank) {
        return CLF_SUCCESS;
    }
    return clf_i_fail(CLF_ERR_PARAM_INVALID,
                      "antiquant_scale2 has rank %d, accepted: %d, that of antiquant_scale1",
                      (int)args->antiquant_scale2->rank, (int)args->antiquant_scale1->rank);
}

/* One for all, one for each expert, or one for each column of the second product's input. */
static clf_status read_scale(const clf_ffn_args *args, clf_i_ffn_request *request) {
    const clf_tensor *scale = args->scale;
    const bool has_experts = request->experts.is_given;
    const int64_t num_experts = has_experts ? request->experts.count : 0;
    const int64_t columns = request->layers[1].depth;
    const int64_t for_all = has_experts ? num_experts : 1;
    if (scale->rank == 1 && scale->shape[0] == for_all) {
        request->scale.expert = has_experts ? scale->strides[0] : 0;
        return CLF_SUCCESS;
    }
    if (scale->rank == 1 && (has_experts || scale->shape[0] != columns)) {
        char text[CLF_I_SHAPE_TEXT];
        const int64_t accepted[] = {for_all, columns};
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "scale has shape [%" PRId64 "], accepted: [%" PRId64 "], or %s for each "
                          "column",
                          scale->shape[0], for_all,
                          clf_i_shape_text(has_experts ? 2 : 1, accepted + !has_experts, text));
    }
    request->scale_is_per_column = true;
    const clf_status status =
        clf_i_ffn_read_columns("scale", scale, num_experts, columns, &request->scale);
    if (status == CLF_SUCCESS && args->deq_scale1->dtype == CLF_DTYPE_FP32) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "deq_scale1 has dtype fp32, accepted: int64, uint64 with a scale for "
                          "each column");
    }
    return status;
}

static clf_status read_offset(const clf_ffn_args *args, clf_i_ffn_request *request) {
    const clf_tensor *offset = args->offset;
    clf_i_ffn_strides strides;
    memset(&strides, 0, sizeof strides);
    const clf_status status =
        clf_i_ffn_read_columns("offset", offset, 0, request->experts.count, &strides);
    request->offset.expert = request->experts.is_given ? strides.column : 0;
    return status;
}

static clf_status read_y(const clf_ffn_args *args, clf_i_ffn_request *request) {
    const clf_tensor *y = args->y;
    const int32_t rank = args->x->rank;
    int64_t shape[CLF_MAX_RANK];
    memcpy(shape, args->x->shape, sizeof shape);
    shape[rank - 1] = request->layers[1].width;
    bool same = y->rank == rank;
    for (int32_t axis = 0; same && axis < rank; ++axis) {
        same = y->shape[axis] == shape[axis];
    }
    if (!same) {
        char given[CLF_I_SHAPE_TEXT];
        char accepted[CLF_I_SHAPE_TEXT];
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "y has shape %s, accepted: %s",
                          clf_i_shape_text(y->rank, y->shape, given),
                          clf_i_shape_text(rank, shape, accepted));
    }
    const int64_t *const strides[] = {y->strides};
    request->y_rows = clf_i_row_space_make(rank, y->shape, 1, strides, false);
    request->out_is_empty = clf_i_view_num_elements(y) == 0;
    return CLF_SUCCESS;
}

/* ---- All of it ---- */

static clf_status read_shapes(const clf_ffn_args *args, clf_i_ffn_request *request) {
    clf_status status = read_tokens(args->x, request);
    if (status == CLF_SUCCESS) {
        status = clf_i_ffn_experts_make(args, request->num_tokens, &request->experts);
    }
    if (status == CLF_SUCCESS) {
        status = read_layers(args, request);
    }
    if (status == CLF_SUCCESS && request->mode == CLF_I_FFN_ANTIQUANT) {
        status = check_group_ranks(args);
    }
    if (status == CLF_SUCCESS && request->mode == CLF_I_FFN_QUANTISED) {
        status = read_scale(args, request);
        if (status == CLF_SUCCESS) {
            status = read_offset(args, request);
        }
    }
    return status == CLF_SUCCESS ? read_y(args, request) : status;
}

clf_status clf_i_ffn_request_make(const clf_ffn_args *given, clf_i_ffn_request *request) {
    memset(request, 0, sizeof *request);
    clf_ffn_args *args = &request->args;
    if (given->struct_size != sizeof *args) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "struct_size is %zu, accepted: %zu, as set by CLF_FFN_ARGS",
                          given->struct_size, sizeof *args);
    }
    *args = *given;
    clf_status status = read_activation(args->activation, request);
    if (status == CLF_SUCCESS) {
        status = check_required(args);
    }
    if (status == CLF_SUCCESS) {
        status = check_tensors(args, request);
    }
    if (status == CLF_SUCCESS) {
        status = read_shapes(args, request);
    }
    args->expert_tokens = NULL; /* the caller's */
    return status;
}

void clf_i_ffn_request_clear(clf_i_ffn_request *request) {
    clf_i_ffn_experts_clear(&request->experts);
}
