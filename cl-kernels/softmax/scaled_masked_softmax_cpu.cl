/*
 * ScaledMaskedSoftmax, forward, for CPU devices.
 *
 *     y[w] = masked[w] ? 0 : 2^((v[w] - m) * magnitude * log2 e) / sum      v = sign(scale) * x
 *     m = max of v, sum = sum of the powers, both over unmasked places;  1/W in fully masked rows
 *
 * One work-item per work-group walks `rows_per_group` neighbouring rows:
 *
 *     work-group g:  rows [g * rows_per_group, (g + 1) * rows_per_group)
 *     row:           |---- 16 ----|---- 16 ----| ... |- rest -|          float16 lanes
 *
 * A row whose columns are contiguous and which fits CLF_SOFTMAX_RESIDENT takes three sweeps, the
 * first two over x (which is in the first-level cache by then), the last over a private buffer:
 *     1. maximum (of 16-bit types on their bit patterns as integers, without conversion)
 *     2. powers, into the buffer, and their sum
 *     3. times 1 / sum, narrowed, stored
 * A longer row takes the same sweeps, the last two block by block: its powers are computed once for
 * the sum and again to be stored. Any other row (column strides, an extreme scale) takes the online
 * softmax (Milakov and Gimelshein, 2018) over blocks, then computes the powers again.
 *
 * y may be x itself: a place is written only after its last read. Stores bypass the caches where
 * rows are aligned. Local memory: none. Barriers: none.
 *
 *   macro                        default  meaning
 *   CLF_DTYPE                    fp32     storage type, lib/dtype.clh
 *   CLF_SOFTMAX_MASKING          none     lib/softmax.clh; the mask's two arguments exist for
 *                                         _TENSOR only
 *   CLF_SOFTMAX_NEGATIVE_SCALE   0        1 exactly if scale < 0: the sign then costs nothing
 *   CLF_SOFTMAX_RESIDENT         8192     floats of the private buffer, a multiple of 16
 *   CLF_SOFTMAX_BATCH            2        rows that go through each sweep together, >= 1
 *
 * Operands of the row space: 0 x, 1 mask, 2 y.
 */
#include "lib/dtype.clh"
#include "lib/exp2.clh"
#include "lib/exp2_wide.clh"
#include "lib/row_space.clh"
#include "lib/softmax.clh"
#include "lib/softmax_wide.clh"
#include "lib/wide.clh"

#ifndef CLF_SOFTMAX_NEGATIVE_SCALE
#define CLF_SOFTMAX_NEGATIVE_SCALE 0
#endif
#ifndef CLF_SOFTMAX_RESIDENT
#define CLF_SOFTMAX_RESIDENT 8192
#endif

#ifndef CLF_SOFTMAX_BATCH
#define CLF_SOFTMAX_BATCH 2
#endif

#define CLF_SOFTMAX_BATCH_SIZE 4096 /* floats of all rows of a batch, if the batch has several */
#define CLF_SOFTMAX_BLOCK      1024 /* columns of a block of longer rows, a multiple of 16 */

/* For what short rows call often: left to itself the compiler does not inline a second caller's. */
#define CLF_SOFTMAX_INLINED __attribute__((always_inline))

CLF_EXP2_DEFINE(clf_exp2, float, int)

/* One row: addresses of its first elements. Aligned like clf_row_cursor, for the same reason. */
typedef struct __attribute__((aligned(64))) clf_softmax_row {
    __global const clf_storage *x;
    __global const clf_storage *next_x; /* the same row of the next batch, which may not exist */
    __global clf_storage *y;
    clf_softmax_mask mask;
    long width;
    long x_stride;
    long y_stride;
} clf_softmax_row;

/* Up to 16 columns of a row. */
typedef struct clf_softmax_lanes {
    clf_wide_storage x;
    uchar16 mask;
    int count;
} clf_softmax_lanes;

/* `count` = 16 and `contiguous` are literals where speed matters. */
static inline void clf_row_load(const clf_softmax_row *row, long column, int count, bool contiguous,
                                clf_softmax_lanes *lanes) {
    const bool whole = contiguous && (count == CLF_WIDE || column + CLF_WIDE <= row->width);
    lanes->x = whole ? clf_wide_load(row->x + column)
                     : clf_wide_gather(row->x + column * row->x_stride, row->x_stride, count);
    lanes->mask = clf_softmax_mask_load(&row->mask, column, count, whole);
    lanes->count = count;
}

static inline int16 clf_lanes_out(const clf_softmax_lanes *lanes) {
    return clf_softmax_lanes_out(lanes->mask, lanes->count);
}

/* Rows without a finite maximum: nothing to weigh, or infinities and NaN, which IEEE arithmetic
 * turns to NaN. */
static void clf_row_degenerate(const clf_softmax_row *row) {
    int16 out = (int16)(-1);
    for (long column = 0; column < row->mask.live; column += CLF_WIDE) {
        const int count = clf_softmax_count(&row->mask, column);
        clf_softmax_lanes lanes;
        clf_row_load(row, column, count, false, &lanes);
        out &= clf_lanes_out(&lanes);
    }
    const float value = all(out) ? 1.0f / (float)row->width : CLF_QUIET_NAN;
    clf_wide_fill(row->y, row->y_stride, 0, row->width, value, false);
}

/*
 * ---- Resident rows: contiguous columns, ordinary scale ----
 *
 * Keys order as scale * x does. Those of 16-bit types are integers: the bits, with the magnitude
 * complemented for negative numbers. A NaN may be lost here; the powers keep it.
 */
#if CLF_DTYPE == CLF_DTYPE_FP32
typedef float16 clf_softmax_keys;
#define CLF_SOFTMAX_KEYS_LEAST ((float16)(-INFINITY))

static inline float16 clf_lanes_keys(const clf_softmax_lanes *lanes) {
    const float16 keys = CLF_SOFTMAX_NEGATIVE_SCALE ? -lanes->x : lanes->x;
    return clf_lanes_out(lanes) ? CLF_SOFTMAX_KEYS_LEAST : keys;
}

static inline float clf_keys_extreme(float16 keys) {
    const float greatest = clf_wide_max(keys);
    return CLF_SOFTMAX_NEGATIVE_SCALE ? -greatest : greatest;
}
#else
typedef short16 clf_softmax_keys;
#define CLF_SOFTMAX_KEYS_LEAST   ((short16)(SHRT_MIN)) /* of a NaN: no number's key */
#define CLF_SOFTMAX_KEY(bits, T) ((bits) ^ (((bits) >> 15) & (T)(0x7fff)))

static inline short16 clf_lanes_keys(const clf_softmax_lanes *lanes) {
    const short16 keys = CLF_SOFTMAX_KEY(as_short16(lanes->x), short16);
    const short16 masked = convert_short16(lanes->mask) != (short16)(0);
    const short16 out = lanes->count == CLF_WIDE
                            ? masked
                            : (masked | convert_short16(clf_wide_beyond(lanes->count)));
    return out ? CLF_SOFTMAX_KEYS_LEAST : (CLF_SOFTMAX_NEGATIVE_SCALE ? ~keys : keys);
}

static inline float clf_keys_extreme(short16 keys) {
    const short greatest = clf_wide_max_short(keys);
    const short key = (short)(CLF_SOFTMAX_NEGATIVE_SCALE ? ~greatest : greatest);
    const short bits = (short)CLF_SOFTMAX_KEY(key, short);
    return clf_wide_widen((clf_wide_storage)(as_ushort(bits))).s0;
}
#endif

/* The x whose scale * x is the row's maximum; not finite if there is none (or a NaN came up). */
static inline CLF_SOFTMAX_INLINED float clf_row_extreme(const clf_softmax_row *row) {
    const long whole = row->mask.live & -(long)CLF_WIDE;
    clf_softmax_keys greatest = CLF_SOFTMAX_KEYS_LEAST;
    clf_softmax_lanes lanes;
    for (long column = 0; column < whole; column += CLF_WIDE) {
        clf_row_load(row, column, CLF_WIDE, true, &lanes);
        const clf_softmax_keys keys = clf_lanes_keys(&lanes);
        greatest = keys > greatest ? keys : greatest;
    }
    if (whole < row->mask.live) {
        clf_row_load(row, whole, (int)(row->mask.live - whole), true, &lanes);
        const clf_softmax_keys keys = clf_lanes_keys(&lanes);
        greatest = keys > greatest ? keys : greatest;
    }
    return clf_keys_extreme(greatest);
}

static inline float16 clf_lanes_powers(const clf_softmax_lanes *lanes, float extreme, float factor,
                                       float lowest) {
    const float16 x = clf_wide_widen(lanes->x);
    const float16 distance = CLF_SOFTMAX_NEGATIVE_SCALE ? extreme - x : x - extreme;
    const float16 powers = clf_exp2_wide(distance, factor, lowest);
    return clf_lanes_out(lanes) ? (float16)(0.0f) : powers;
}

/* Fills `powers` (16 lanes for each 16 columns up to `live`), returns their sum. */
static inline CLF_SOFTMAX_INLINED float clf_row_powers(const clf_softmax_row *row, float extreme,
                                                       float factor, float16 *powers) {
    const float lowest = CLF_EXP2_LOWEST / factor;
    const long whole = row->mask.live & -(long)CLF_WIDE;
    float16 sum = (float16)(0.0f);
    clf_softmax_lanes lanes;
    for (long column = 0; column < whole; column += CLF_WIDE) {
        clf_wide_prefetch(row->next_x + column);
        clf_row_load(row, column, CLF_WIDE, true, &lanes);
        const float16 power = clf_lanes_powers(&lanes, extreme, factor, lowest);
        powers[column / CLF_WIDE] = power;
        sum += power;
    }
    if (whole < row->mask.live) {
        clf_row_load(row, whole, (int)(row->mask.live - whole), true, &lanes);
        const float16 power = clf_lanes_powers(&lanes, extreme, factor, lowest);
        powers[whole / CLF_WIDE] = power;
        sum += power;
    }
    return clf_wide_sum(sum);
}

/* Stores powers * inverse, and zeros behind the live columns. */
static inline CLF_SOFTMAX_INLINED void
clf_row_store(const clf_softmax_row *row, const float16 *powers, float inverse, bool streaming) {
    const bool is_aligned = clf_is_aligned(row->y, sizeof(clf_wide_storage));
    const long whole = row->mask.live & -(long)CLF_WIDE;
    if (streaming && is_aligned) {
        for (long column = 0; column < whole; column += CLF_WIDE)
            clf_wide_stream(clf_wide_narrow(powers[column / CLF_WIDE] * inverse), row->y + column);
    } else {
        for (long column = 0; column < whole; column += CLF_WIDE)
            clf_wide_store(clf_wide_narrow(powers[column / CLF_WIDE] * inverse), row->y + column);
    }
    if (whole < row->mask.live)
        clf_wide_finish(row->y, clf_wide_narrow(powers[whole / CLF_WIDE] * inverse), whole,
                        row->width, streaming);
    else
        clf_wide_fill(row->y, 1, whole, row->width, 0.0f, streaming);
}

/* Step by step over all rows of the batch, so that the horizontal reductions and the division of
 * one row overlap with the arithmetic of the next. `stride` lanes of `powers` for each row. */
static void clf_batch_resident(const clf_softmax_row *rows, int num_rows, float scale, long stride,
                               bool streaming) {
    float16 powers[CLF_SOFTMAX_RESIDENT / CLF_WIDE];
    float extremes[CLF_SOFTMAX_BATCH];
    float sums[CLF_SOFTMAX_BATCH];
    for (int index = 0; index < num_rows; ++index)
        extremes[index] = clf_row_extreme(&rows[index]);
    for (int index = 0; index < num_rows; ++index)
        sums[index] = isfinite(extremes[index])
                          ? clf_row_powers(&rows[index], extremes[index],
                                           fabs(scale) * CLF_EXP2_LOG2E, powers + index * stride)
                          : CLF_QUIET_NAN;
    for (int index = 0; index < num_rows; ++index) {
        if (isnan(sums[index]))
            clf_row_degenerate(&rows[index]);
        else
            clf_row_store(&rows[index], powers + index * stride, 1.0f / sums[index], streaming);
    }
}

/* ---- Longer rows: contiguous columns, ordinary scale ---- */

/* The columns [begin, begin + CLF_SOFTMAX_BLOCK) as a row. */
static inline void clf_row_block(const clf_softmax_row *row, long begin, clf_softmax_row *block) {
    *block = *row;
    block->x += begin;
    block->next_x = block->x + CLF_SOFTMAX_BLOCK;
    block->y += begin;
    if (block->mask.bytes != 0)
        block->mask.bytes += begin;
    block->mask.live = clamp(row->mask.live - begin, 0L, (long)CLF_SOFTMAX_BLOCK);
    block->width = min(row->width - begin, (long)CLF_SOFTMAX_BLOCK);
}

static __attribute__((noinline)) void clf_row_long(const clf_softmax_row *row, float scale,
                                                   bool streaming) {
    const float factor = fabs(scale) * CLF_EXP2_LOG2E;
    const float extreme = clf_row_extreme(row);
    float16 powers[CLF_SOFTMAX_BLOCK / CLF_WIDE];
    clf_softmax_row block;
    float sum = isfinite(extreme) ? 0.0f : CLF_QUIET_NAN;
    for (long begin = 0; begin < row->mask.live && !isnan(sum); begin += CLF_SOFTMAX_BLOCK) {
        clf_row_block(row, begin, &block);
        sum += clf_row_powers(&block, extreme, factor, powers);
    }
    if (isnan(sum)) {
        clf_row_degenerate(row);
        return;
    }
    for (long begin = 0; begin < row->width; begin += CLF_SOFTMAX_BLOCK) {
        clf_row_block(row, begin, &block);
        clf_row_powers(&block, extreme, factor, powers);
        clf_row_store(&block, powers, 1.0f / sum, streaming);
    }
}

/* ---- Any row: any strides, width and scale ---- */

static inline float16 clf_lanes_values(const clf_softmax_lanes *lanes, float sign) {
    return clf_lanes_out(lanes) ? (float16)(-INFINITY) : clf_wide_widen(lanes->x) * sign;
}

/* 2^((values - maximum) * magnitude * log2 e); the products may overflow to -infinity. While all
 * values so far were -infinity their powers are 0: a later block may have a finite maximum. */
static inline float16 clf_general_powers(float16 values, float maximum, float magnitude) {
    const float reference = maximum > -INFINITY ? maximum : 0.0f;
    const float16 products = (values - reference) * magnitude * CLF_EXP2_LOG2E;
    return clf_exp2_wide(products, 1.0f, CLF_EXP2_LOWEST);
}

static inline float clf_block_maximum(const clf_softmax_row *row, long begin, long end,
                                      float sign) {
    float16 greatest = (float16)(-INFINITY);
    for (long column = begin; column < end; column += CLF_WIDE) {
        clf_softmax_lanes lanes;
        clf_row_load(row, column, clf_softmax_count(&row->mask, column), false, &lanes);
        const float16 values = clf_lanes_values(&lanes, sign);
        greatest = values > greatest ? values : greatest;
    }
    return clf_wide_max(greatest);
}

static inline float clf_block_sum(const clf_softmax_row *row, long begin, long end, float maximum,
                                  const clf_softmax_scale *scale) {
    float16 sum = (float16)(0.0f);
    for (long column = begin; column < end; column += CLF_WIDE) {
        clf_softmax_lanes lanes;
        clf_row_load(row, column, clf_softmax_count(&row->mask, column), false, &lanes);
        const float16 values = clf_lanes_values(&lanes, scale->sign);
        const float16 powers = clf_general_powers(values, maximum, scale->magnitude);
        sum += clf_lanes_out(&lanes) ? (float16)(0.0f) : powers;
    }
    return clf_wide_sum(sum);
}

static void clf_row_general(const clf_softmax_row *row, const clf_softmax_scale *scale) {
    float maximum = -INFINITY;
    float sum = 0.0f;
    for (long begin = 0; begin < row->mask.live; begin += CLF_SOFTMAX_BLOCK) {
        const long end = min(row->mask.live, begin + CLF_SOFTMAX_BLOCK);
        const float block = clf_block_maximum(row, begin, end, scale->sign);
        if (block > maximum) {
            const float product = (maximum - block) * scale->magnitude * CLF_EXP2_LOG2E;
            sum *= clf_exp2(product, 1.0f, CLF_EXP2_LOWEST);
            maximum = block;
        }
        sum += clf_block_sum(row, begin, end, maximum, scale);
    }
    if (!isfinite(maximum) || isnan(sum)) {
        clf_row_degenerate(row);
        return;
    }
    const float inverse = 1.0f / sum;
    for (long column = 0; column < row->mask.live; column += CLF_WIDE) {
        const int count = clf_softmax_count(&row->mask, column);
        clf_softmax_lanes lanes;
        clf_row_load(row, column, count, false, &lanes);
        const float16 values = clf_lanes_values(&lanes, scale->sign);
        const float16 powers = clf_general_powers(values, maximum, scale->magnitude);
        clf_wide_scatter(clf_wide_narrow(powers * inverse), row->y + column * row->y_stride,
                         row->y_stride, count);
    }
    clf_wide_fill(row->y, row->y_stride, row->mask.live, row->width, 0.0f, false);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
clf_scaled_masked_softmax_cpu(__global const clf_storage *x, long x_offset,
#if CLF_SOFTMAX_MASKING == CLF_SOFTMAX_MASKING_TENSOR
                              __global const uchar *mask, long mask_offset,
#endif
                              __global clf_storage *y, long y_offset, clf_row_space space,
                              float scale, long rows_per_group, int streaming) {
#if CLF_SOFTMAX_MASKING != CLF_SOFTMAX_MASKING_TENSOR
    __global const uchar *mask = 0;
    const long mask_offset = 0;
#endif
    clf_softmax_scale parts;
    clf_softmax_scale_split(scale, &parts);
    const long stride = (space.width + CLF_WIDE - 1) / CLF_WIDE;
    const bool is_contiguous = parts.is_ordinary && space.column_strides[0] == 1 &&
                               space.column_strides[1] <= 1 && space.column_strides[1] >= 0 &&
                               space.column_strides[2] == 1;
    const long batch =
        clamp(CLF_SOFTMAX_BATCH_SIZE / CLF_WIDE / stride, 1L, (long)CLF_SOFTMAX_BATCH);
    const long first = (long)get_group_id(0) * rows_per_group;
    const long last = min(first + rows_per_group, space.num_rows);
    clf_row_cursor cursor;
    clf_row_locate(&space, first, &cursor);
    clf_softmax_row rows[CLF_SOFTMAX_BATCH];
    for (long begin = first; begin < last; begin += batch) {
        const int num_rows = (int)min(batch, last - begin);
        for (int index = 0; index < num_rows; ++index) {
            rows[index].x = x + x_offset + cursor.offset[0];
            rows[index].next_x = rows[index].x + batch * space.strides[0][space.num_axes - 1];
            rows[index].y = y + y_offset + cursor.offset[2];
            clf_softmax_mask_set(&rows[index].mask, &space, &cursor, 1, mask + mask_offset);
            rows[index].width = space.width;
            rows[index].x_stride = space.column_strides[0];
            rows[index].y_stride = space.column_strides[2];
            clf_row_advance(&space, &cursor);
        }
        if (is_contiguous && space.width <= CLF_SOFTMAX_RESIDENT)
            clf_batch_resident(rows, num_rows, scale, stride, streaming != 0);
        else if (is_contiguous)
            clf_row_long(&rows[0], scale, streaming != 0);
        else
            for (int index = 0; index < num_rows; ++index)
                clf_row_general(&rows[index], &parts);
    }
}
