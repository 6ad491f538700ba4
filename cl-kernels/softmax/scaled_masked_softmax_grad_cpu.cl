/*
 * ScaledMaskedSoftmax, gradient, for CPU devices.
 *
 *     grad_x[w] = masked[w] ? 0 : (g[w] - s) * y[w] * scale
 *     s = sum of g * y over unmasked places
 *
 * with g the gradient of the forward's output y. Masked places are never looked at.
 *
 * One work-item per work-group walks `rows_per_group` neighbouring rows:
 *
 *     work-group g:  rows [g * rows_per_group, (g + 1) * rows_per_group)
 *     row:           |---- 16 ----|---- 16 ----| ... |- rest -|          float16 lanes
 *
 * Two sweeps over each row, whatever its width: the sum, then the result; the second finds g and
 * y in the caches. grad_x may be g or y itself: a place is written after its last read. Stores
 * bypass the caches where rows are aligned. Local memory: none. Barriers: none.
 *
 *   macro                     default  meaning
 *   CLF_DTYPE                 fp32     storage type, lib/dtype.clh
 *   CLF_SOFTMAX_MASKING       none     lib/softmax.clh; the mask's two arguments exist for
 *                                      _TENSOR only
 *
 * Operands of the row space: 0 grad_output, 1 y, 2 mask, 3 grad_x.
 */
#include "lib/dtype.clh"
#include "lib/row_space.clh"
#include "lib/softmax.clh"
#include "lib/softmax_wide.clh"
#include "lib/wide.clh"

#pragma OPENCL FP_CONTRACT OFF

/* One row: addresses of its first elements. */
typedef struct clf_softmax_grad_row {
    __global const clf_storage *grad_output;
    __global const clf_storage *y;
    __global const clf_storage *next_grad_output; /* the next row, which may not exist */
    __global const clf_storage *next_y;
    __global clf_storage *grad_x;
    clf_softmax_mask mask;
    long width;
    long grad_output_stride;
    long y_stride;
    long grad_x_stride;
} clf_softmax_grad_row;

/* Up to 16 columns of a row. */
typedef struct clf_softmax_grad_lanes {
    float16 grad_output;
    float16 y;
    int16 out; /* -1: does not take part */
} clf_softmax_grad_lanes;

/* `count` = 16 and `contiguous` are literals where speed matters. */
static inline void clf_row_load(const clf_softmax_grad_row *row, long column, int count,
                                bool contiguous, clf_softmax_grad_lanes *lanes) {
    const bool whole = contiguous && (count == CLF_WIDE || column + CLF_WIDE <= row->width);
    __global const clf_storage *grad_output = row->grad_output + column * row->grad_output_stride;
    __global const clf_storage *y = row->y + column * row->y_stride;
    lanes->grad_output =
        clf_wide_widen(whole ? clf_wide_load(row->grad_output + column)
                             : clf_wide_gather(grad_output, row->grad_output_stride, count));
    lanes->y = clf_wide_widen(whole ? clf_wide_load(row->y + column)
                                    : clf_wide_gather(y, row->y_stride, count));
    const uchar16 mask = clf_softmax_mask_load(&row->mask, column, count, whole);
    lanes->out = clf_softmax_lanes_out(mask, count);
}

/* `sum` plus the products of up to 16 columns. */
static inline float16 clf_row_add(const clf_softmax_grad_row *row, long column, int count,
                                  bool contiguous, float16 sum) {
    clf_softmax_grad_lanes lanes;
    clf_row_load(row, column, count, contiguous, &lanes);
    return lanes.out ? sum : fma(lanes.grad_output, lanes.y, sum);
}

static inline clf_wide_storage clf_row_result(const clf_softmax_grad_row *row, long column,
                                              int count, bool contiguous, float sum, float scale) {
    clf_softmax_grad_lanes lanes;
    clf_row_load(row, column, count, contiguous, &lanes);
    const float16 result = (lanes.grad_output - sum) * lanes.y * scale;
    return clf_wide_narrow(lanes.out ? (float16)(0.0f) : result);
}

/* Two accumulators, since one would wait for itself. */
static inline float clf_row_sum(const clf_softmax_grad_row *row) {
    const long whole = row->mask.live & -(long)(2 * CLF_WIDE);
    float16 even = (float16)(0.0f);
    float16 odd = (float16)(0.0f);
    for (long column = 0; column < whole; column += 2 * CLF_WIDE) {
        even = clf_row_add(row, column, CLF_WIDE, true, even);
        odd = clf_row_add(row, column + CLF_WIDE, CLF_WIDE, true, odd);
    }
    for (long column = whole; column < row->mask.live; column += CLF_WIDE) {
        const int count = clf_softmax_count(&row->mask, column);
        even = clf_row_add(row, column, count, true, even);
    }
    return clf_wide_sum(even + odd);
}

static inline clf_wide_storage clf_row_full_result(const clf_softmax_grad_row *row, long column,
                                                   float sum, float scale) {
    clf_wide_prefetch(row->next_grad_output + column);
    clf_wide_prefetch(row->next_y + column);
    return clf_row_result(row, column, CLF_WIDE, true, sum, scale);
}

static void clf_row_contiguous(const clf_softmax_grad_row *row, float scale, bool streaming) {
    const bool is_aligned = clf_is_aligned(row->grad_x, sizeof(clf_wide_storage));
    const long whole = row->mask.live & -(long)CLF_WIDE;
    const float sum = clf_row_sum(row);
    if (streaming && is_aligned) {
        for (long column = 0; column < whole; column += CLF_WIDE)
            clf_wide_stream(clf_row_full_result(row, column, sum, scale), row->grad_x + column);
    } else {
        for (long column = 0; column < whole; column += CLF_WIDE)
            clf_wide_store(clf_row_full_result(row, column, sum, scale), row->grad_x + column);
    }
    if (whole < row->mask.live) {
        /* The lanes behind the live columns are zeros, which belong there within the row. */
        const clf_wide_storage rest =
            clf_row_result(row, whole, clf_softmax_count(&row->mask, whole), true, sum, scale);
        clf_wide_finish(row->grad_x, rest, whole, row->width, streaming);
    } else {
        clf_wide_fill(row->grad_x, 1, whole, row->width, 0.0f, streaming);
    }
}

/* Any column strides. */
static void clf_row_general(const clf_softmax_grad_row *row, float scale) {
    float16 sums = (float16)(0.0f);
    for (long column = 0; column < row->mask.live; column += CLF_WIDE) {
        const int count = clf_softmax_count(&row->mask, column);
        sums = clf_row_add(row, column, count, false, sums);
    }
    const float sum = clf_wide_sum(sums);
    for (long column = 0; column < row->mask.live; column += CLF_WIDE) {
        const int count = clf_softmax_count(&row->mask, column);
        clf_wide_scatter(clf_row_result(row, column, count, false, sum, scale),
                         row->grad_x + column * row->grad_x_stride, row->grad_x_stride, count);
    }
    clf_wide_fill(row->grad_x, row->grad_x_stride, row->mask.live, row->width, 0.0f, false);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
clf_scaled_masked_softmax_grad_cpu(__global const clf_storage *grad_output, long grad_output_offset,
                                   __global const clf_storage *y, long y_offset,
#if CLF_SOFTMAX_MASKING == CLF_SOFTMAX_MASKING_TENSOR
                                   __global const uchar *mask, long mask_offset,
#endif
                                   __global clf_storage *grad_x, long grad_x_offset,
                                   clf_row_space space, float scale, long rows_per_group,
                                   int streaming) {
#if CLF_SOFTMAX_MASKING != CLF_SOFTMAX_MASKING_TENSOR
    __global const uchar *mask = 0;
    const long mask_offset = 0;
#endif
    const bool is_contiguous = space.column_strides[0] == 1 && space.column_strides[1] == 1 &&
                               space.column_strides[2] <= 1 && space.column_strides[2] >= 0 &&
                               space.column_strides[3] == 1;
    const long first = (long)get_group_id(0) * rows_per_group;
    const long last = min(first + rows_per_group, space.num_rows);
    clf_row_cursor cursor;
    clf_row_locate(&space, first, &cursor);
    const int last_axis = space.num_axes - 1;
    for (long index = first; index < last; ++index) {
        clf_softmax_grad_row row;
        row.grad_output = grad_output + grad_output_offset + cursor.offset[0];
        row.y = y + y_offset + cursor.offset[1];
        row.next_grad_output = row.grad_output + space.strides[0][last_axis];
        row.next_y = row.y + space.strides[1][last_axis];
        row.grad_x = grad_x + grad_x_offset + cursor.offset[3];
        clf_softmax_mask_set(&row.mask, &space, &cursor, 2, mask + mask_offset);
        row.width = space.width;
        row.grad_output_stride = space.column_strides[0];
        row.y_stride = space.column_strides[1];
        row.grad_x_stride = space.column_strides[3];
        if (is_contiguous)
            clf_row_contiguous(&row, scale, streaming != 0);
        else
            clf_row_general(&row, scale);
        clf_row_advance(&space, &cursor);
    }
}
