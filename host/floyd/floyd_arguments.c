/* Checking the arguments of both Floyd operators: each is a table of tensors with their axes, and
 * the checks go through the table. */
#include "floyd/floyd_arguments.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/failure.h"
#include "shape/view.h"

#define RANK      CLF_I_FLOYD_RANK
#define MAX_DEPTH 256

/* Which dtypes a tensor may have. */
typedef enum dtype_rule {
    ANY_FLOAT,
    LIKE_QUERY,
    LIKE_QUERY_OR_FP32,
    ONLY_FP32,
    MASK /* and may be NULL, and has axes of size 1 */
} dtype_rule;

/* Axes are letters: those of the header, and 8 for the copies of a statistic. */
typedef struct operand {
    const char *argument;
    const clf_tensor *tensor;
    const char *axes;
    dtype_rule rule;
} operand;

typedef struct operand_list {
    const operand *operands; /* query, then key1, then any others */
    size_t count;
} operand_list;

/* ---- Required tensors, dtypes, ranks ---- */

static clf_status check_required(operand_list list) {
    for (size_t i = 0; i < list.count; ++i) {
        if (list.operands[i].tensor == NULL && list.operands[i].rule != MASK) {
            return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, one is required",
                              list.operands[i].argument);
        }
    }
    return CLF_SUCCESS;
}

static uint64_t bit_of(const clf_tensor *tensor) {
    const int number = tensor != NULL ? (int)tensor->dtype : -1;
    return number >= 0 && number < 64 ? UINT64_C(1) << number : 0;
}

static uint64_t dtypes_of(dtype_rule rule, const clf_tensor *query) {
    switch (rule) {
    case LIKE_QUERY:
        return bit_of(query);
    case LIKE_QUERY_OR_FP32:
        return bit_of(query) | CLF_I_DTYPE_BIT(CLF_DTYPE_FP32);
    case ONLY_FP32:
        return CLF_I_DTYPE_BIT(CLF_DTYPE_FP32);
    case MASK:
        return CLF_I_DTYPES_MASK;
    default:
        return CLF_I_DTYPES_FLOAT;
    }
}

/* A wrong dtype is an invalid parameter, a wrong rank a constraint of the operator; where both are
 * wrong, the dtype is told. */
static clf_status check_views(operand_list list) {
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < list.count && status == CLF_SUCCESS; ++i) {
        const operand *each = &list.operands[i];
        if (each->rule == MASK && each->tensor == NULL) {
            continue;
        }
        const uint64_t dtypes = dtypes_of(each->rule, list.operands[0].tensor);
        if ((bit_of(each->tensor) & dtypes) != 0 && each->tensor->rank != RANK) {
            return clf_i_fail(CLF_ERR_TILING, "%s has rank %d, accepted: %d", each->argument,
                              (int)each->tensor->rank, RANK);
        }
        status = clf_i_view_check(each->argument, each->tensor, dtypes);
    }
    return status;
}

/* ---- Shapes ---- */

static int64_t size_of_axis(const clf_i_floyd_sizes *sizes, char axis) {
    switch (axis) {
    case 'B':
        return sizes->batches;
    case 'H':
        return sizes->heads;
    case 'N':
        return sizes->n;
    case 'M':
        return sizes->m;
    case 'K':
        return sizes->k;
    case 'D':
        return sizes->depth;
    default:
        return CLF_I_FLOYD_COPIES;
    }
}

static clf_i_floyd_sizes read_sizes(const clf_tensor *query, const clf_tensor *key1) {
    return (clf_i_floyd_sizes){.batches = query->shape[0],
                               .heads = query->shape[1],
                               .n = query->shape[2],
                               .m = query->shape[3],
                               .k = key1->shape[3],
                               .depth = query->shape[4]};
}

/* The sizes are query's and key1's: whatever is wrong with them is said of these two. */
static clf_status check_sizes(const clf_i_floyd_sizes *sizes) {
    static const struct {
        const char *argument;
        char axis;
    } places[] = {{"query", 'B'}, {"query", 'H'}, {"query", 'N'},
                  {"query", 'M'}, {"key1", 'K'},  {"query", 'D'}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; ++i) {
        const int64_t size = size_of_axis(sizes, places[i].axis);
        if (size < 1) {
            return clf_i_fail(CLF_ERR_TILING, "axis %c of %s is %" PRId64 ", accepted: 1 or more",
                              places[i].axis, places[i].argument, size);
        }
    }
    if (sizes->depth > MAX_DEPTH) {
        return clf_i_fail(CLF_ERR_TILING, "axis D of query is %" PRId64 ", accepted: 1 to %d",
                          sizes->depth, MAX_DEPTH);
    }
    return CLF_SUCCESS;
}

static clf_status check_shape(const operand *checked, const clf_i_floyd_sizes *sizes) {
    int64_t expected[RANK];
    bool fits = true;
    for (int axis = 0; axis < RANK; ++axis) {
        const int64_t size = checked->tensor->shape[axis];
        expected[axis] = size_of_axis(sizes, checked->axes[axis]);
        fits = fits && (size == expected[axis] || (checked->rule == MASK && size == 1));
    }
    if (fits) {
        return CLF_SUCCESS;
    }
    char given[CLF_I_SHAPE_TEXT];
    char accepted[CLF_I_SHAPE_TEXT];
    return clf_i_fail(CLF_ERR_TILING, "%s has shape %s, accepted: %s, that is [%c,%c,%c,%c,%c]%s",
                      checked->argument, clf_i_shape_text(RANK, checked->tensor->shape, given),
                      clf_i_shape_text(RANK, expected, accepted), checked->axes[0],
                      checked->axes[1], checked->axes[2], checked->axes[3], checked->axes[4],
                      checked->rule == MASK ? ", or 1 instead of any of these" : "");
}

static clf_status check_shapes(operand_list list, const clf_i_floyd_sizes *sizes) {
    clf_status status = CLF_SUCCESS;
    for (size_t i = 1; i < list.count && status == CLF_SUCCESS; ++i) {
        const operand *each = &list.operands[i];
        if (each->rule != MASK || each->tensor != NULL) {
            status = check_shape(each, sizes);
        }
    }
    /* Last, so that a key1 of another shape is called that. */
    return status == CLF_SUCCESS ? check_sizes(sizes) : status;
}

/* ---- Attributes ---- */

static clf_status check_attributes(double scale, clf_floyd_method method) {
    if (!isfinite((float)scale)) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "scale_value is %g, accepted: numbers that are finite in fp32", scale);
    }
    if (method != CLF_FLOYD_METHOD_AUTO && method != CLF_FLOYD_METHOD_FUSED &&
        method != CLF_FLOYD_METHOD_SLAB) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "method is %d, accepted: the enumerators of clf_floyd_method",
                          (int)method);
    }
    return CLF_SUCCESS;
}

/* ---- Both operators ---- */

static clf_status read_geometry(operand_list list, double scale, clf_floyd_method method,
                                clf_i_floyd_geometry *geometry) {
    const clf_tensor *query = list.operands[0].tensor;
    const clf_tensor *key1 = list.operands[1].tensor;
    clf_status status = check_required(list);
    if (status != CLF_SUCCESS || query == NULL || key1 == NULL) {
        return status; /* static analysis does not see that a success leaves neither NULL */
    }
    status = check_views(list);
    if (status == CLF_SUCCESS) {
        geometry->sizes = read_sizes(query, key1);
        status = check_shapes(list, &geometry->sizes);
    }
    if (status == CLF_SUCCESS) {
        status = check_attributes(scale, method);
    }
    if (status != CLF_SUCCESS) {
        return status;
    }
    geometry->scale = (float)scale;
    for (size_t i = 0; i < list.count; ++i) {
        const operand *each = &list.operands[i];
        if (each->rule == MASK && each->tensor != NULL) {
            geometry->has_mask = true;
            for (int axis = 0; axis < RANK; ++axis) {
                const bool is_one = each->tensor->shape[axis] == 1;
                geometry->mask_strides[axis] = is_one ? 0 : each->tensor->strides[axis];
            }
        }
    }
    return CLF_SUCCESS;
}

static clf_status check_struct_size(size_t given, size_t accepted, const char *macro) {
    return given == accepted ? CLF_SUCCESS
                             : clf_i_fail(CLF_ERR_PARAM_INVALID,
                                          "struct_size is %zu, accepted: %zu, as set by %s", given,
                                          accepted, macro);
}

clf_status clf_i_floyd_request_make(const clf_floyd_attention_args *given,
                                    clf_i_floyd_request *request) {
    memset(request, 0, sizeof *request);
    const clf_status status =
        check_struct_size(given->struct_size, sizeof *given, "CLF_FLOYD_ATTENTION_ARGS");
    if (status != CLF_SUCCESS) {
        return status;
    }
    request->args = *given;
    const clf_floyd_attention_args *args = &request->args;
    const operand operands[] = {
        {"query", args->query, "BHNMD", ANY_FLOAT},
        {"key1", args->key1, "BHNKD", LIKE_QUERY},
        {"value1", args->value1, "BHNKD", LIKE_QUERY},
        {"key2", args->key2, "BHKMD", LIKE_QUERY},
        {"value2", args->value2, "BHKMD", LIKE_QUERY},
        {"atten_mask", args->atten_mask, "BHNMK", MASK},
        {"softmax_max", args->softmax_max, "BHNM8", ONLY_FP32},
        {"softmax_sum", args->softmax_sum, "BHNM8", ONLY_FP32},
        {"attention_out", args->attention_out, "BHNMD", LIKE_QUERY_OR_FP32},
    };
    const operand_list list = {operands, sizeof operands / sizeof operands[0]};
    return read_geometry(list, args->scale_value, args->method, &request->geometry);
}

clf_status clf_i_floyd_grad_request_make(const clf_floyd_attention_grad_args *given,
                                         clf_i_floyd_grad_request *request) {
    memset(request, 0, sizeof *request);
    const clf_status status =
        check_struct_size(given->struct_size, sizeof *given, "CLF_FLOYD_ATTENTION_GRAD_ARGS");
    if (status != CLF_SUCCESS) {
        return status;
    }
    request->args = *given;
    const clf_floyd_attention_grad_args *args = &request->args;
    const operand operands[] = {
        {"query", args->query, "BHNMD", ANY_FLOAT},
        {"key1", args->key1, "BHNKD", LIKE_QUERY},
        {"value1", args->value1, "BHNKD", LIKE_QUERY},
        {"key2", args->key2, "BHKMD", LIKE_QUERY},
        {"value2", args->value2, "BHKMD", LIKE_QUERY},
        {"grad_output", args->grad_output, "BHNMD", LIKE_QUERY},
        {"atten_mask", args->atten_mask, "BHNMK", MASK},
        {"softmax_max", args->softmax_max, "BHNM8", ONLY_FP32},
        {"softmax_sum", args->softmax_sum, "BHNM8", ONLY_FP32},
        {"attention_in", args->attention_in, "BHNMD", LIKE_QUERY},
        {"grad_query", args->grad_query, "BHNMD", LIKE_QUERY},
        {"grad_key1", args->grad_key1, "BHNKD", LIKE_QUERY},
        {"grad_value1", args->grad_value1, "BHNKD", LIKE_QUERY},
        {"grad_key2", args->grad_key2, "BHKMD", LIKE_QUERY},
        {"grad_value2", args->grad_value2, "BHKMD", LIKE_QUERY},
    };
    const operand_list list = {operands, sizeof operands / sizeof operands[0]};
    return read_geometry(list, args->scale_value, args->method, &request->geometry);
}
