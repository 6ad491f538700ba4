/*
 * Row spaces: how operators that work along the last axis see their tensors.
 *
 * All leading axes of up to four operands are walked together; neighbouring axes that every operand
 * steps through evenly are merged, so that kernels see few axes and no rank. The struct is passed
 * to kernels by value and must match clf_row_space in cl-kernels/lib/row_space.clh.
 */
#ifndef CLF_SHAPE_ROW_SPACE_H
#define CLF_SHAPE_ROW_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include <clformer/tensor.h>

#define CLF_I_ROW_AXES     (CLF_MAX_RANK - 1)
#define CLF_I_ROW_OPERANDS 4

typedef struct clf_i_row_space {
    int64_t num_rows;
    int64_t width;                                       /* size of the last axis           */
    int64_t shape[CLF_I_ROW_AXES];                       /* leading axes, outermost first   */
    int64_t strides[CLF_I_ROW_OPERANDS][CLF_I_ROW_AXES]; /* in elements                     */
    int64_t column_strides[CLF_I_ROW_OPERANDS];          /* stride of the last axis         */
    int32_t num_axes;                                    /* >= 1                            */
    int32_t reserved;                                    /* 0; keeps the size a multiple of 8 */
} clf_i_row_space;

/*
 * Builds the space over `rank`, `shape` for operands whose strides (already broadcast) are given.
 * With `keep_row_axis` the axis before the last one stays the last of the leading axes, unmerged,
 * so that its index is the row number within a matrix (size 1 for rank 1).
 */
clf_i_row_space clf_i_row_space_make(int32_t rank, const int64_t *shape, int32_t num_operands,
                                     const int64_t *const *strides, bool keep_row_axis);

#endif
