/*
 * ScaledMaskedSoftmax, gradient, for any OpenCL 1.2 device: no extensions, no sub-groups.
 *
 *     grad_x[w] = masked[w] ? 0 : (g[w] - s) * y[w] * scale
 *     s = sum of g * y over unmasked places
 *
 * with g the gradient of the forward's output y. Masked places are never looked at.
 *
 * LANES work-items share a row, ROWS rows share a work-group:
 *
 *     dimension 0:  lane of the row, and the work-groups
 *     dimension 1:  row of the work-group
 *
 *     row 0   | lane 0 | lane 1 | ... | lane LANES-1 |      columns in packets of 16 bytes:
 *     row 1   | lane 0 | lane 1 | ... | lane LANES-1 |      lib/packet_row.clh
 *      ...
 *
 * With PACKETS > 0 a row stays in registers between its only read and its only write; it must not
 * be wider than LANES * PACKETS * CLF_PACKET_SIZE. With PACKETS = 0 a row may have any width and
 * is read twice.
 *
 * grad_x may be g or y itself: each work-item writes only columns that it alone reads, after its
 * last read. Rows beyond the last are computed as the last one and not stored, so that all
 * work-items meet the barriers.
 *
 * Local memory: ROWS * CLF_REDUCE_SCRATCH floats. Barriers: those of lib/reduce.clh.
 *
 *   macro                         default  meaning
 *   CLF_DTYPE                     fp32     storage type, lib/dtype.clh
 *   CLF_SOFTMAX_MASKING           none     lib/softmax.clh; the mask's two arguments exist for
 *                                          _TENSOR only
 *   CLF_REDUCE_LANES              64       work-items per row, a power of two up to 256
 *   CLF_SOFTMAX_ROWS              2        rows per work-group, which has LANES * ROWS items
 *   CLF_SOFTMAX_PACKETS           2        packets per lane in registers, 0..8; 0: any width
 *
 * Operands of the row space: 0 grad_output, 1 y, 2 mask, 3 grad_x.
 */
#include "lib/dtype.clh"
#include "lib/packet_row.clh"
#include "lib/reduce.clh"
#include "lib/row_space.clh"
#include "lib/softmax.clh"

#ifndef CLF_SOFTMAX_ROWS
#define CLF_SOFTMAX_ROWS 2
#endif
#ifndef CLF_SOFTMAX_PACKETS
#define CLF_SOFTMAX_PACKETS 2
#endif

#pragma OPENCL FP_CONTRACT OFF

/* The row of this work-item. */
typedef struct clf_softmax_grad_row {
    __global const clf_storage *grad_output;
    __global const clf_storage *y;
    __global const uchar *mask; /* NULL: no tensor masks single columns */
    __global clf_storage *grad_x;
    long grad_output_stride;
    long y_stride;
    long mask_stride;
    long grad_x_stride;
    long width;
    long live; /* columns from here on are masked, and nothing of them is read */
    bool is_packed;
    bool is_stored;
} clf_softmax_grad_row;

typedef struct clf_softmax_grad_packet {
    float grad_output[CLF_PACKET_SIZE];
    float y[CLF_PACKET_SIZE];
    uint out; /* a bit per element: it does not take part */
} clf_softmax_grad_packet;

/* Loads a packet; returns `sum` plus its products. */
static inline float clf_packet_read(const clf_softmax_grad_row *row, long packet, float sum,
                                    clf_softmax_grad_packet *values) {
    values->out = clf_packet_out(row->mask, row->mask_stride, row->is_packed, packet, row->live);
    clf_packet_load(row->grad_output, row->grad_output_stride, row->is_packed, packet, row->live,
                    values->grad_output);
    clf_packet_load(row->y, row->y_stride, row->is_packed, packet, row->live, values->y);
    for (int element = 0; element < CLF_PACKET_SIZE; ++element) {
        const float added = fma(values->grad_output[element], values->y[element], sum);
        sum = (values->out >> element & 1) != 0 ? sum : added;
    }
    return sum;
}

static inline void clf_packet_finish(const clf_softmax_grad_row *row, long packet, float sum,
                                     float scale, const clf_softmax_grad_packet *values) {
    float results[CLF_PACKET_SIZE];
    for (int element = 0; element < CLF_PACKET_SIZE; ++element) {
        const float result = (values->grad_output[element] - sum) * values->y[element] * scale;
        results[element] = (values->out >> element & 1) != 0 ? 0.0f : result;
    }
    if (row->is_stored)
        clf_packet_store(results, row->grad_x, row->grad_x_stride, row->is_packed, packet,
                         row->width);
}

#if CLF_SOFTMAX_PACKETS > 0

static inline void clf_row_resident(const clf_softmax_grad_row *row, float scale,
                                    __local float *scratch) {
    clf_softmax_grad_packet values[CLF_SOFTMAX_PACKETS];
    float lane_sum = 0.0f;
#pragma unroll
    for (int packet = 0; packet < CLF_SOFTMAX_PACKETS; ++packet)
        lane_sum = clf_packet_read(row, packet, lane_sum, &values[packet]);
    const float sum = clf_reduce_sum(scratch, lane_sum);
#pragma unroll
    for (int packet = 0; packet < CLF_SOFTMAX_PACKETS; ++packet)
        clf_packet_finish(row, packet, sum, scale, &values[packet]);
}

#else

static inline void clf_row_streamed(const clf_softmax_grad_row *row, float scale,
                                    __local float *scratch) {
    const long num_packets = clf_packet_count(row->width);
    clf_softmax_grad_packet values;
    float lane_sum = 0.0f;
    for (long packet = 0; packet < num_packets; ++packet)
        lane_sum = clf_packet_read(row, packet, lane_sum, &values);
    const float sum = clf_reduce_sum(scratch, lane_sum);
    for (long packet = 0; packet < num_packets; ++packet) {
        clf_packet_read(row, packet, 0.0f, &values);
        clf_packet_finish(row, packet, sum, scale, &values);
    }
}

#endif

__kernel __attribute__((reqd_work_group_size(CLF_REDUCE_LANES, CLF_SOFTMAX_ROWS, 1))) void
clf_scaled_masked_softmax_grad_portable(__global const clf_storage *grad_output,
                                        long grad_output_offset, __global const clf_storage *y,
                                        long y_offset,
#if CLF_SOFTMAX_MASKING == CLF_SOFTMAX_MASKING_TENSOR
                                        __global const uchar *mask, long mask_offset,
#endif
                                        __global clf_storage *grad_x, long grad_x_offset,
                                        clf_row_space space, float scale) {
    __local float scratch[CLF_SOFTMAX_ROWS][CLF_REDUCE_SCRATCH];
    const long index = (long)get_group_id(0) * CLF_SOFTMAX_ROWS + (long)get_local_id(1);
    clf_row_cursor cursor;
    clf_row_locate(&space, min(index, space.num_rows - 1), &cursor);
    clf_softmax_grad_row row;
    row.grad_output = grad_output + grad_output_offset + cursor.offset[0];
    row.y = y + y_offset + cursor.offset[1];
    row.mask = 0;
    row.grad_x = grad_x + grad_x_offset + cursor.offset[3];
    row.grad_output_stride = space.column_strides[0];
    row.y_stride = space.column_strides[1];
    row.mask_stride = space.column_strides[2];
    row.grad_x_stride = space.column_strides[3];
    row.width = space.width;
    row.live = space.width;
#if CLF_SOFTMAX_MASKING == CLF_SOFTMAX_MASKING_TENSOR
    row.mask = mask + mask_offset + cursor.offset[2];
#elif CLF_SOFTMAX_MASKING == CLF_SOFTMAX_MASKING_TRIANGLE
    row.live = min(space.width, clf_row_in_matrix(&space, &cursor) + 1);
#endif
    row.is_packed = clf_packet_fits(row.grad_output, row.grad_output_stride) &&
                    clf_packet_fits(row.y, row.y_stride) &&
                    clf_packet_fits(row.grad_x, row.grad_x_stride);
    row.is_stored = index < space.num_rows;
#if CLF_SOFTMAX_PACKETS > 0
    clf_row_resident(&row, scale, scratch[get_local_id(1)]);
#else
    clf_row_streamed(&row, scale, scratch[get_local_id(1)]);
#endif
}
