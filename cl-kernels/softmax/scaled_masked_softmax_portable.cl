/*
 * ScaledMaskedSoftmax, forward, for any OpenCL 1.2 device: no extensions, no sub-groups.
 *
 *     y[w] = masked[w] ? 0 : 2^((v[w] - m) * magnitude * log2 e) / sum      v = sign(scale) * x
 *     m = max of v, sum = sum of the powers, both over unmasked places;  1/W in fully masked rows
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
 * be wider than LANES * PACKETS * CLF_PACKET_SIZE. With PACKETS = 0 a row may have any width: the
 * online softmax (Milakov and Gimelshein, 2018), one maximum and sum per lane, and a second read.
 *
 * y may be x itself: each work-item writes only columns that it alone reads, after its last read.
 * Rows beyond the last are computed as the last one and not stored, so that all work-items meet
 * the barriers.
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
 *   CLF_EXP2_NATIVE               0        lib/exp2.clh
 *
 * Operands of the row space: 0 x, 1 mask, 2 y.
 */
#include "lib/dtype.clh"
#include "lib/exp2.clh"
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

CLF_EXP2_DEFINE_CHOSEN(clf_exp2, float, int)

/* The row of this work-item. */
typedef struct clf_softmax_row {
    __global const clf_storage *x;
    __global const uchar *mask; /* NULL: no tensor masks single columns */
    __global clf_storage *y;
    long x_stride;
    long mask_stride;
    long y_stride;
    long width;
    long live; /* columns from here on are masked, and nothing of them is read */
    bool is_packed;
    bool is_stored;
} clf_softmax_row;

/* Lets the values that do not take part be -infinity; returns how many do. */
static inline int clf_packet_values(const clf_softmax_row *row, long packet, float sign,
                                    float *values) {
    const uint out = clf_packet_out(row->mask, row->mask_stride, row->is_packed, packet, row->live);
    clf_packet_load(row->x, row->x_stride, row->is_packed, packet, row->live, values);
    int num_live = 0;
    for (int element = 0; element < CLF_PACKET_SIZE; ++element) {
        const bool is_live = (out >> element & 1) == 0;
        values[element] = is_live ? values[element] * sign : -INFINITY;
        num_live += is_live;
    }
    return num_live;
}

static inline float clf_packet_max(const float *values, float maximum) {
    for (int element = 0; element < CLF_PACKET_SIZE; ++element)
        maximum = CLF_REDUCE_GREATER(maximum, values[element]);
    return maximum;
}

/* 2^((value - maximum) * magnitude * log2 e); 0 for -infinity, also where the maximum is that. */
static inline float clf_power(float value, float maximum, float magnitude) {
    const float reference = maximum > -INFINITY ? maximum : 0.0f;
    const float product = (value - reference) * magnitude * CLF_EXP2_LOG2E;
    return clf_exp2(product, 1.0f, CLF_EXP2_LOWEST);
}

/* Replaces values by their powers; returns the sum of both arguments' powers. */
static inline float clf_packet_powers(float *values, float maximum, float magnitude, float sum) {
    for (int element = 0; element < CLF_PACKET_SIZE; ++element) {
        values[element] = clf_power(values[element], maximum, magnitude);
        sum += values[element];
    }
    return sum;
}

/* A row's sum from its lanes' sums. Where the maximum is not finite it tells fully masked rows
 * (0) from those that IEEE arithmetic turns to NaN. */
static inline float clf_row_sum(__local float *scratch, float lane_sum, float maximum,
                                int num_live) {
    const bool is_invalid = !isfinite(maximum) && num_live > 0;
    return clf_reduce_sum(scratch, is_invalid ? CLF_QUIET_NAN : lane_sum);
}

static inline void clf_packet_finish(const clf_softmax_row *row, long packet, float sum,
                                     float *values) {
    const float inverse = 1.0f / sum;
    const float uniform = 1.0f / (float)row->width;
    for (int element = 0; element < CLF_PACKET_SIZE; ++element)
        values[element] = sum == 0.0f ? uniform : values[element] * inverse;
    if (row->is_stored)
        clf_packet_store(values, row->y, row->y_stride, row->is_packed, packet, row->width);
}

#if CLF_SOFTMAX_PACKETS > 0

static inline void clf_row_resident(const clf_softmax_row *row, const clf_softmax_scale *scale,
                                    __local float *scratch) {
    float values[CLF_SOFTMAX_PACKETS][CLF_PACKET_SIZE];
    float lane_maximum = -INFINITY;
    int num_live = 0;
#pragma unroll
    for (int packet = 0; packet < CLF_SOFTMAX_PACKETS; ++packet) {
        num_live += clf_packet_values(row, packet, scale->sign, values[packet]);
        lane_maximum = clf_packet_max(values[packet], lane_maximum);
    }
    const float maximum = clf_reduce_max(scratch, lane_maximum);
    float lane_sum = 0.0f;
#pragma unroll
    for (int packet = 0; packet < CLF_SOFTMAX_PACKETS; ++packet)
        lane_sum = clf_packet_powers(values[packet], maximum, scale->magnitude, lane_sum);
    const float sum = clf_row_sum(scratch, lane_sum, maximum, num_live);
#pragma unroll
    for (int packet = 0; packet < CLF_SOFTMAX_PACKETS; ++packet)
        clf_packet_finish(row, packet, sum, values[packet]);
}

#else

static inline void clf_row_online(const clf_softmax_row *row, const clf_softmax_scale *scale,
                                  __local float *scratch) {
    const long num_packets = clf_packet_count(row->width);
    float values[CLF_PACKET_SIZE];
    float lane_maximum = -INFINITY;
    float lane_sum = 0.0f;
    int num_live = 0;
    for (long packet = 0; packet < num_packets; ++packet) {
        num_live = clf_packet_values(row, packet, scale->sign, values) > 0 ? 1 : num_live;
        const float maximum = clf_packet_max(values, lane_maximum);
        lane_sum *= clf_power(lane_maximum, maximum, scale->magnitude);
        lane_maximum = maximum;
        lane_sum = clf_packet_powers(values, maximum, scale->magnitude, lane_sum);
    }
    const float maximum = clf_reduce_max(scratch, lane_maximum);
    lane_sum *= clf_power(lane_maximum, maximum, scale->magnitude);
    const float sum = clf_row_sum(scratch, lane_sum, maximum, num_live);
    for (long packet = 0; packet < num_packets; ++packet) {
        clf_packet_values(row, packet, scale->sign, values);
        clf_packet_powers(values, maximum, scale->magnitude, 0.0f);
        clf_packet_finish(row, packet, sum, values);
    }
}

#endif

__kernel __attribute__((reqd_work_group_size(CLF_REDUCE_LANES, CLF_SOFTMAX_ROWS, 1))) void
clf_scaled_masked_softmax_portable(__global const clf_storage *x, long x_offset,
#if CLF_SOFTMAX_MASKING == CLF_SOFTMAX_MASKING_TENSOR
                                   __global const uchar *mask, long mask_offset,
#endif
                                   __global clf_storage *y, long y_offset, clf_row_space space,
                                   float scale) {
    __local float scratch[CLF_SOFTMAX_ROWS][CLF_REDUCE_SCRATCH];
    const long index = (long)get_group_id(0) * CLF_SOFTMAX_ROWS + (long)get_local_id(1);
    clf_row_cursor cursor;
    clf_row_locate(&space, min(index, space.num_rows - 1), &cursor);
    clf_softmax_row row;
    row.x = x + x_offset + cursor.offset[0];
    row.mask = 0;
    row.y = y + y_offset + cursor.offset[2];
    row.x_stride = space.column_strides[0];
    row.mask_stride = space.column_strides[1];
    row.y_stride = space.column_strides[2];
    row.width = space.width;
    row.live = space.width;
#if CLF_SOFTMAX_MASKING == CLF_SOFTMAX_MASKING_TENSOR
    row.mask = mask + mask_offset + cursor.offset[1];
#elif CLF_SOFTMAX_MASKING == CLF_SOFTMAX_MASKING_TRIANGLE
    row.live = min(space.width, clf_row_in_matrix(&space, &cursor) + 1);
#endif
    row.is_packed = clf_packet_fits(row.x, row.x_stride) && clf_packet_fits(row.y, row.y_stride);
    row.is_stored = index < space.num_rows;
    clf_softmax_scale parts;
    clf_softmax_scale_split(scale, &parts);
#if CLF_SOFTMAX_PACKETS > 0
    clf_row_resident(&row, &parts, scratch[get_local_id(1)]);
#else
    clf_row_online(&row, &parts, scratch[get_local_id(1)]);
#endif
}
