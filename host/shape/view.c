/* Strided views: checks, extents and broadcasting. Whatever numbers the caller gives, nothing here
 * overflows: clf_i_view_check establishes the bounds that the other functions rely on. */
#include "shape/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/failure.h"
#include "core/text.h"

clf_tensor clf_tensor_contiguous(cl_mem buffer, clf_dtype dtype, int32_t rank,
                                 const int64_t *shape) {
    clf_tensor tensor;
    memset(&tensor, 0, sizeof tensor);
    tensor.buffer = buffer;
    tensor.dtype = dtype;
    tensor.rank = rank;
    if (rank < 1 || rank > CLF_MAX_RANK || shape == NULL) {
        return tensor; /* planning refuses it and says why */
    }
    /* Unsigned, because a product that overflows must wrap and not be undefined; planning finds it.
     */
    uint64_t stride = 1;
    for (int32_t axis = rank - 1; axis >= 0; --axis) {
        tensor.shape[axis] = shape[axis];
        tensor.strides[axis] = (int64_t)stride;
        stride *= shape[axis] > 1 ? (uint64_t)shape[axis] : 1;
    }
    return tensor;
}

const char *clf_i_shape_text(int32_t rank, const int64_t *shape, char text[CLF_I_SHAPE_TEXT]) {
    size_t length = 0;
    text[length++] = '[';
    for (int32_t axis = 0; axis < rank && axis < CLF_MAX_RANK; ++axis) {
        length += (size_t)snprintf(text + length, CLF_I_SHAPE_TEXT - length, "%s%" PRId64,
                                   axis == 0 ? "" : ", ", shape[axis]);
    }
    snprintf(text + length, CLF_I_SHAPE_TEXT - length, "]");
    return text;
}

static clf_status check_dtype(const char *argument, clf_dtype dtype, uint64_t dtypes) {
    if (clf_dtype_bits(dtype) != 0 && (dtypes & CLF_I_DTYPE_BIT(dtype)) != 0) {
        return CLF_SUCCESS;
    }
    clf_i_text accepted = {0};
    for (int candidate = 0; candidate < 64; ++candidate) {
        if ((dtypes & (UINT64_C(1) << candidate)) != 0) {
            clf_i_text_format(&accepted, "%s%s", accepted.length == 0 ? "" : ", ",
                              clf_dtype_name((clf_dtype)candidate));
        }
    }
    const clf_status status =
        clf_i_fail(CLF_ERR_PARAM_INVALID, "%s has dtype %s (%d), accepted: %s", argument,
                   clf_dtype_name(dtype), (int)dtype, accepted.failed ? "?" : accepted.data);
    clf_i_text_clear(&accepted);
    return status;
}

/* Sizes not negative, and their product within int64_t even when empty axes are left out. */
static clf_status check_sizes(const char *argument, const clf_tensor *tensor) {
    char text[CLF_I_SHAPE_TEXT];
    int64_t product = 1;
    for (int32_t axis = 0; axis < tensor->rank; ++axis) {
        const int64_t size = tensor->shape[axis];
        if (size < 0) {
            return clf_i_fail(
                CLF_ERR_PARAM_INVALID,
                "%s has shape %s, but the size of axis %d is negative, accepted: 0 or "
                "more",
                argument, clf_i_shape_text(tensor->rank, tensor->shape, text), (int)axis);
        }
        if (__builtin_mul_overflow(product, size > 0 ? size : 1, &product)) {
            return clf_i_fail(CLF_ERR_PARAM_INVALID,
                              "%s has shape %s, whose element count exceeds 2^63 - 1", argument,
                              clf_i_shape_text(tensor->rank, tensor->shape, text));
        }
    }
    return CLF_SUCCESS;
}

/* Adds (size - 1) * stride to the end of the extent that it moves; false on overflow. */
static bool extend(clf_i_extent *extent, int64_t size, int64_t stride) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(size - 1, stride, &reach)) {
        return false;
    }
    int64_t *const end = reach < 0 ? &extent->lowest : &extent->highest;
    return !__builtin_add_overflow(*end, reach, end);
}

/* Bytes that `elements` of the type take, the last one whole. */
static bool bytes_of(clf_dtype dtype, uint64_t elements, uint64_t *out_bytes) {
    const uint64_t bits = clf_dtype_bits(dtype);
    if (bits < 8) {
        *out_bytes = elements / (8 / bits) + (elements % (8 / bits) != 0);
        return true;
    }
    return !__builtin_mul_overflow(elements, bits / 8, out_bytes);
}

/* Rows of types smaller than a byte are whole bytes, contiguous. */
static clf_status check_packing(const char *argument, const clf_tensor *tensor) {
    const int64_t per_byte = 8 / (int64_t)clf_dtype_bits(tensor->dtype);
    if (per_byte <= 1) {
        return CLF_SUCCESS;
    }
    const int32_t last = tensor->rank - 1;
    bool fits = tensor->offset % (size_t)per_byte == 0 && tensor->shape[last] % per_byte == 0 &&
                tensor->strides[last] == 1;
    for (int32_t axis = 0; axis < last; ++axis) {
        fits &= tensor->shape[axis] == 1 || tensor->strides[axis] % per_byte == 0;
    }
    if (fits) {
        return CLF_SUCCESS;
    }
    char shape[CLF_I_SHAPE_TEXT];
    char strides[CLF_I_SHAPE_TEXT];
    return clf_i_fail(CLF_ERR_PARAM_INVALID,
                      "%s has dtype %s, shape %s, strides %s and offset %zu, accepted: a last axis "
                      "of even size and stride 1, other strides and the offset even",
                      argument, clf_dtype_name(tensor->dtype),
                      clf_i_shape_text(tensor->rank, tensor->shape, shape),
                      clf_i_shape_text(tensor->rank, tensor->strides, strides), tensor->offset);
}

/* Every address, in elements and in bytes, within [0, 2^63). */
static clf_status check_addresses(const char *argument, const clf_tensor *tensor) {
    char shape[CLF_I_SHAPE_TEXT];
    char strides[CLF_I_SHAPE_TEXT];
    clf_i_extent extent = {0, 0};
    bool fits = tensor->offset <= INT64_MAX;
    for (int32_t axis = 0; fits && axis < tensor->rank; ++axis) {
        fits = extend(&extent, tensor->shape[axis], tensor->strides[axis]);
    }
    int64_t end = 0;
    uint64_t bytes = 0;
    fits = fits && !__builtin_add_overflow(extent.highest, (int64_t)tensor->offset, &end) &&
           !__builtin_add_overflow(end, 1, &end) &&
           bytes_of(tensor->dtype, (uint64_t)end, &bytes) && bytes <= INT64_MAX;
    if (!fits) {
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID,
            "%s has shape %s, strides %s and offset %zu, which reach beyond 2^63 bytes", argument,
            clf_i_shape_text(tensor->rank, tensor->shape, shape),
            clf_i_shape_text(tensor->rank, tensor->strides, strides), tensor->offset);
    }
    if (extent.lowest + (int64_t)tensor->offset < 0) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "%s has shape %s, strides %s and offset %zu, which reach %" PRId64
                          " elements before the buffer's start",
                          argument, clf_i_shape_text(tensor->rank, tensor->shape, shape),
                          clf_i_shape_text(tensor->rank, tensor->strides, strides), tensor->offset,
                          -(extent.lowest + (int64_t)tensor->offset));
    }
    return CLF_SUCCESS;
}

clf_status clf_i_view_check(const char *argument, const clf_tensor *tensor, uint64_t dtypes) {
    if (tensor == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, a tensor is required", argument);
    }
    clf_status status = check_dtype(argument, tensor->dtype, dtypes);
    if (status != CLF_SUCCESS) {
        return status;
    }
    if (tensor->rank < 1 || tensor->rank > CLF_MAX_RANK) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "%s has rank %d, accepted: 1 to %d", argument,
                          (int)tensor->rank, CLF_MAX_RANK);
    }
    status = check_sizes(argument, tensor);
    if (status != CLF_SUCCESS || clf_i_view_num_elements(tensor) == 0) {
        return status;
    }
    status = check_addresses(argument, tensor);
    return status == CLF_SUCCESS ? check_packing(argument, tensor) : status;
}

int64_t clf_i_view_num_elements(const clf_tensor *tensor) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < tensor->rank; ++axis) {
        count *= tensor->shape[axis];
    }
    return count;
}

double clf_i_view_bytes(const clf_tensor *tensor) {
    return tensor == NULL ? 0.0
                          : (double)clf_i_view_num_elements(tensor) *
                                (double)clf_dtype_bits(tensor->dtype) / 8.0;
}

double clf_i_views_bytes(const clf_tensor *const *tensors, size_t count) {
    double bytes = 0.0;
    for (size_t i = 0; i < count; ++i) {
        bytes += clf_i_view_bytes(tensors[i]);
    }
    return bytes;
}

clf_i_extent clf_i_view_extent(const clf_tensor *tensor) {
    clf_i_extent extent = {0, 0};
    if (clf_i_view_num_elements(tensor) == 0) {
        return extent;
    }
    for (int32_t axis = 0; axis < tensor->rank; ++axis) {
        extend(&extent, tensor->shape[axis], tensor->strides[axis]);
    }
    return extent;
}

uint64_t clf_i_view_end_bytes(const clf_tensor *tensor, uint64_t offset) {
    if (clf_i_view_num_elements(tensor) == 0) {
        return 0;
    }
    const uint64_t elements = (uint64_t)clf_i_view_extent(tensor).highest + 1;
    uint64_t end = 0;
    if (__builtin_add_overflow(elements, offset, &end) || !bytes_of(tensor->dtype, end, &end)) {
        return UINT64_MAX; /* larger than any buffer: the caller's comparison refuses it */
    }
    return end;
}

bool clf_i_view_is_contiguous(const clf_tensor *tensor) {
    int64_t expected = 1;
    for (int32_t axis = tensor->rank - 1; axis >= 0; --axis) {
        if (tensor->shape[axis] != 1 && tensor->strides[axis] != expected) {
            return false;
        }
        expected *= tensor->shape[axis];
    }
    return true;
}

clf_status clf_i_view_check_same(const char *argument, const clf_tensor *tensor,
                                 const char *other_argument, const clf_tensor *other) {
    if (tensor->dtype != other->dtype) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "%s has dtype %s, accepted: %s, the dtype of %s",
                          argument, clf_dtype_name(tensor->dtype), clf_dtype_name(other->dtype),
                          other_argument);
    }
    bool same = tensor->rank == other->rank;
    for (int32_t axis = 0; same && axis < tensor->rank; ++axis) {
        same = tensor->shape[axis] == other->shape[axis];
    }
    if (!same) {
        char given[CLF_I_SHAPE_TEXT];
        char accepted[CLF_I_SHAPE_TEXT];
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "%s has shape %s, accepted: %s, the shape of %s",
                          argument, clf_i_shape_text(tensor->rank, tensor->shape, given),
                          clf_i_shape_text(other->rank, other->shape, accepted), other_argument);
    }
    return CLF_SUCCESS;
}

clf_status clf_i_view_broadcast(const char *argument, const clf_tensor *tensor, int32_t rank,
                                const int64_t *shape, int64_t strides[CLF_MAX_RANK]) {
    const int32_t missing = rank - tensor->rank;
    bool fits = missing >= 0;
    for (int32_t axis = 0; fits && axis < rank; ++axis) {
        const int32_t own = axis - missing;
        const bool repeated = own < 0 || tensor->shape[own] == 1;
        fits = repeated || tensor->shape[own] == shape[axis];
        strides[axis] = repeated ? 0 : tensor->strides[own];
    }
    if (!fits) {
        char given[CLF_I_SHAPE_TEXT];
        char target[CLF_I_SHAPE_TEXT];
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID,
            "%s has shape %s, accepted: at most %d axes that, matched from the last one "
            "on, each have size 1 or that of %s",
            argument, clf_i_shape_text(tensor->rank, tensor->shape, given), (int)rank,
            clf_i_shape_text(rank, shape, target));
    }
    return CLF_SUCCESS;
}
