/* Row spaces: leading axes of several operands, merged where all of them step evenly. */
#include "shape/row_space.h"

#include <string.h>

/* Drops into the last axis of `space` the axis `axis` of the operands. */
static void append_axis(clf_i_row_space *space, int32_t axis, int64_t size, int32_t num_operands,
                        const int64_t *const *strides) {
    const int32_t last = space->num_axes++;
    space->shape[last] = size;
    for (int32_t operand = 0; operand < num_operands; ++operand) {
        space->strides[operand][last] = strides[operand][axis];
    }
}

/* Whether the axis continues the space's last axis evenly in every operand. The products cannot
 * overflow: both are addresses within a checked view. */
static bool continues_evenly(const clf_i_row_space *space, int32_t axis, int64_t size,
                             int32_t num_operands, const int64_t *const *strides) {
    const int32_t last = space->num_axes - 1;
    for (int32_t operand = 0; operand < num_operands; ++operand) {
        int64_t step = 0;
        if (__builtin_mul_overflow(strides[operand][axis], size, &step) ||
            space->strides[operand][last] != step) {
            return false;
        }
    }
    return true;
}

static void merge_axis(clf_i_row_space *space, int32_t axis, int64_t size, int32_t num_operands,
                       const int64_t *const *strides) {
    const int32_t last = space->num_axes - 1;
    space->shape[last] *= size;
    for (int32_t operand = 0; operand < num_operands; ++operand) {
        space->strides[operand][last] = strides[operand][axis];
    }
}

clf_i_row_space clf_i_row_space_make(int32_t rank, const int64_t *shape, int32_t num_operands,
                                     const int64_t *const *strides, bool keep_row_axis) {
    clf_i_row_space space;
    memset(&space, 0, sizeof space);
    space.width = shape[rank - 1];
    space.num_rows = 1;
    for (int32_t operand = 0; operand < num_operands; ++operand) {
        space.column_strides[operand] = strides[operand][rank - 1];
    }
    const int32_t row_axis = keep_row_axis ? rank - 2 : -1;
    for (int32_t axis = 0; axis < rank - 1; ++axis) {
        space.num_rows *= shape[axis];
        if (axis == row_axis) {
            append_axis(&space, axis, shape[axis], num_operands, strides);
        } else if (shape[axis] == 1) {
            continue;
        } else if (space.num_axes > 0 &&
                   continues_evenly(&space, axis, shape[axis], num_operands, strides)) {
            merge_axis(&space, axis, shape[axis], num_operands, strides);
        } else {
            append_axis(&space, axis, shape[axis], num_operands, strides);
        }
    }
    if (space.num_axes == 0) {
        space.num_axes = 1;
        space.shape[0] = 1;
    }
    return space;
}
