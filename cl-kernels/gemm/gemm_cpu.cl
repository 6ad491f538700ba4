/*
 * Grouped matrix product (lib/gemm.clh) for CPU devices.
 *
 * One work-item per work-group; work-groups are persistent and take units, a tile of rows times a
 * block of columns, from a counter. In a unit (Goto and van de Geijn, Anatomy of high-performance
 * matrix multiplication, 2008):
 *
 *     for each block of D depths
 *         A's rows to local memory, as fp32                                 [R][D]
 *         for each panel of 64 columns of the block
 *             B's panel to local memory, as fp32, dequantised               [D][64]
 *             for each 6 rows: 24 vectors of sums in registers, added to    [R][columns]
 *     epilogue
 *
 * Neighbouring units share columns, so that B's block stays in the caches. int8 by int8: the sums
 * of a block are whole numbers below 2^24, exact in fp32, and are added up in int32.
 *
 * Global size: any number of work-groups of one work-item, best one per compute unit. No barriers.
 * Arguments: CLF_GEMM_PARAMETERS; the workspace as clf_gemm_tiles left it. Local memory, bytes:  4 * (R * (D + 16) + 64 * D + R * L),  R = CLF_GEMM_ROWS, D = CLF_GEMM_DEPTH,
 * L = CLF_GEMM_COLUMNS
 *
 *   macro              default  meaning
 *   CLF_GEMM_COLUMNS   256      columns of sums in a unit, a multiple of 64, with GLU of 128
 *   CLF_GEMM_DEPTH     256      a multiple of 16, at most 1024
 * CLF_GEMM_ROWS is a multiple of 6. Others: lib/gemm.clh, lib/activation.clh.
 */
#include "lib/gemm.clh"

#define CLF_EXP2_DEGREE (CLF_GEMM_C == 0 ? 6 : 5)
#include "lib/activation.clh"
#include "lib/elements_wide.clh"
#include "lib/exp2_wide.clh"

#ifndef CLF_GEMM_COLUMNS
#define CLF_GEMM_COLUMNS 256
#endif
#ifndef CLF_GEMM_DEPTH
#define CLF_GEMM_DEPTH 256
#endif

#define CLF_GEMM_MICRO_ROWS 6
#define CLF_GEMM_VECTORS    4
#define CLF_GEMM_PANEL      (16 * CLF_GEMM_VECTORS)
#define CLF_GEMM_PITCH      (CLF_GEMM_DEPTH + 16) /* rows of A do not all meet in the same cache sets */
#define CLF_GEMM_RESULTS    (CLF_GEMM_GLU ? CLF_GEMM_COLUMNS / 2 : CLF_GEMM_COLUMNS)
#define CLF_GEMM_ALIGNED    __attribute__((aligned(64)))
#define CLF_UNROLL          _Pragma("unroll")

#if CLF_GEMM_IS_WHOLE
typedef int clf_gemm_sum;
typedef int16 clf_gemm_sums;
#define CLF_GEMM_TO_SUMS(values) convert_int16(values)
#else
typedef float clf_gemm_sum;
typedef float16 clf_gemm_sums;
#define CLF_GEMM_TO_SUMS(values) (values)
#endif

CLF_ACTIVATION_DEFINE(clf_gemm_activate, float16, clf_exp2_wide)

/* Where a unit's rows begin. */
typedef struct clf_gemm_rows {
    long a[CLF_GEMM_ROWS];
    long c[CLF_GEMM_ROWS];
    int count;
} clf_gemm_rows;

static inline void clf_gemm_find_rows(clf_gemm_rows *rows, const clf_gemm_operands *operands,
                                      const clf_gemm_problem *problem,
                                      __global const clf_gemm_tile *tile) {
    clf_row_cursor cursor;
    clf_row_locate(&problem->rows, tile->row_begin, &cursor);
    rows->count = (int)(tile->row_end - tile->row_begin);
    for (int row = 0; row < rows->count; ++row) {
        rows->a[row] = operands->a_offset + problem->a_base + cursor.offset[0];
        rows->c[row] = operands->c_offset + problem->c_base + cursor.offset[1];
        clf_row_advance(&problem->rows, &cursor);
    }
}

/* The rows' depths [begin, begin + depth) as fp32, zeros in the rows that fill up the last six. */
static inline void clf_gemm_pack_a(__local float *packed, const clf_gemm_rows *rows,
                                   const clf_gemm_operands *operands,
                                   const clf_gemm_problem *problem, long begin, int depth) {
    const long stride = problem->rows.column_strides[0];
    for (int row = 0; row < rows->count; ++row) {
        __local float *to = packed + row * CLF_GEMM_PITCH;
        const long from = rows->a[row] + begin * stride;
        int k = 0;
        if (stride == 1)
            for (; k + 16 <= depth; k += 16)
                *(__local float16 *)(to + k) =
                    CLF_OF(clf_elements_load, CLF_GEMM_A)(operands->a, from + k);
        for (; k < depth; ++k)
            to[k] = CLF_OF(clf_element_load, CLF_GEMM_A)(operands->a, from + k * stride);
    }
    for (int row = rows->count; row % CLF_GEMM_MICRO_ROWS != 0; ++row)
        for (int k = 0; k < depth; k += 16)
            *(__local float16 *)(packed + row * CLF_GEMM_PITCH + k) = (float16)(0.0f);
}

/* `count` <= 16 elements of a row of B, zeros behind them. int4 may begin within a byte. */
static inline float16 clf_gemm_fetch_b(__global const void *b, long place, long stride, int count) {
    const bool is_whole = (place & (CLF_GEMM_B == CLF_DTYPE_INT4)) == 0;
    if (stride == 1 && count == 16 && is_whole)
        return CLF_OF(clf_elements_load, CLF_GEMM_B)(b, place);
    float lanes[16] CLF_GEMM_ALIGNED;
    for (int lane = 0; lane < 16; ++lane)
        lanes[lane] =
            lane < count ? CLF_OF(clf_element_load, CLF_GEMM_B)(b, place + lane * stride) : 0.0f;
    return vload16(0, lanes);
}

#if CLF_GEMM_ANTIQUANT
/* Offset and scale of `count` <= 16 columns; their type is that of A. */
static inline float16 clf_gemm_fetch_antiquant(__global const void *base, long place, long stride,
                                               int count) {
    if (stride == 1 && count == 16)
        return CLF_OF(clf_elements_load, CLF_GEMM_A)(base, place);
    float lanes[16] CLF_GEMM_ALIGNED;
    for (int lane = 0; lane < 16; ++lane)
        lanes[lane] =
            lane < count ? CLF_OF(clf_element_load, CLF_GEMM_A)(base, place + lane * stride) : 0.0f;
    return vload16(0, lanes);
}

/* fp16 rounds after each step, bf16 once. */
static inline float16 clf_gemm_antiquant(float16 weights, float16 offset, float16 scale) {
#if CLF_GEMM_A == 1
    return clf_rounds_1(clf_rounds_1(weights + offset) * scale);
#else
    return clf_rounds_27((weights + offset) * scale);
#endif
}
#endif

/* 16 of a panel's columns, of which `count` exist, depths [begin, begin + depth). */
static inline void clf_gemm_pack_columns(__local float *packed, const clf_gemm_operands *operands,
                                         const clf_gemm_problem *problem, long group, long begin,
                                         int depth, long column, int count) {
    const long stride = problem->b_strides[2];
    const long first = operands->b_offset + group * problem->b_strides[0] + column * stride;
#if CLF_GEMM_ANTIQUANT
    const long scale_place = operands->antiquant_scale_offset +
                             group * problem->antiquant_scale_strides[0] +
                             column * problem->antiquant_scale_strides[2];
    const long offset_place = operands->antiquant_offset_offset +
                              group * problem->antiquant_offset_strides[0] +
                              column * problem->antiquant_offset_strides[2];
    float16 scale = (float16)(0.0f), offset = (float16)(0.0f);
    long next = 0; /* the first depth of another group of rows */
#endif
    for (int k = 0; k < depth; ++k) {
        float16 values = clf_gemm_fetch_b(operands->b, first + (begin + k) * problem->b_strides[1],
                                          stride, count);
#if CLF_GEMM_ANTIQUANT
        if (k == 0 || begin + k == next) {
            const long part = (begin + k) / problem->antiquant_depth;
            next = (part + 1) * problem->antiquant_depth;
            scale = clf_gemm_fetch_antiquant(
                operands->antiquant_scale, scale_place + part * problem->antiquant_scale_strides[1],
                problem->antiquant_scale_strides[2], count);
            offset =
                clf_gemm_fetch_antiquant(operands->antiquant_offset,
                                         offset_place + part * problem->antiquant_offset_strides[1],
                                         problem->antiquant_offset_strides[2], count);
        }
        values = clf_gemm_antiquant(values, offset, scale);
#endif
        *(__local float16 *)(packed + k * CLF_GEMM_PANEL) = values;
    }
}

/* A panel of B from `column` on; beyond `end`, zeros. */
static inline void clf_gemm_pack_b(__local float *packed, const clf_gemm_operands *operands,
                                   const clf_gemm_problem *problem, long group, long begin,
                                   int depth, long column, long end) {
    for (int v = 0; v < CLF_GEMM_VECTORS; ++v) {
        const int count = (int)clamp(end - column - 16 * v, 0L, 16L);
        if (count == 16) /* a literal: the inner loop is then one load */
            clf_gemm_pack_columns(packed + 16 * v, operands, problem, group, begin, depth,
                                  column + 16 * v, 16);
        else if (count > 0)
            clf_gemm_pack_columns(packed + 16 * v, operands, problem, group, begin, depth,
                                  column + 16 * v, count);
        else
            for (int k = 0; k < depth; ++k)
                *(__local float16 *)(packed + k * CLF_GEMM_PANEL + 16 * v) = (float16)(0.0f);
    }
}

/* Six rows times a panel, added to their sums, or, of the first block, stored. */
static inline void clf_gemm_micro(__local clf_gemm_sum *sums, __local const float *a,
                                  __local const float *b, int depth, bool is_first) {
    float16 added[CLF_GEMM_MICRO_ROWS][CLF_GEMM_VECTORS];
    CLF_UNROLL for (int row = 0; row < CLF_GEMM_MICRO_ROWS; ++row) {
        CLF_UNROLL for (int v = 0; v < CLF_GEMM_VECTORS; ++v) {
            added[row][v] = (float16)(0.0f);
        }
    }
    for (int k = 0; k < depth; ++k) {
        float16 columns[CLF_GEMM_VECTORS];
        CLF_UNROLL for (int v = 0; v < CLF_GEMM_VECTORS; ++v) {
            columns[v] = *(__local const float16 *)(b + k * CLF_GEMM_PANEL + 16 * v);
        }
        CLF_UNROLL for (int row = 0; row < CLF_GEMM_MICRO_ROWS; ++row) {
            const float16 value = (float16)(a[row * CLF_GEMM_PITCH + k]);
            CLF_UNROLL for (int v = 0; v < CLF_GEMM_VECTORS; ++v) {
                added[row][v] = fma(value, columns[v], added[row][v]);
            }
        }
    }
    CLF_UNROLL for (int row = 0; row < CLF_GEMM_MICRO_ROWS; ++row) {
        CLF_UNROLL for (int v = 0; v < CLF_GEMM_VECTORS; ++v) {
            __local clf_gemm_sums *sum =
                (__local clf_gemm_sums *)(sums + row * CLF_GEMM_COLUMNS + 16 * v);
            const clf_gemm_sums block = CLF_GEMM_TO_SUMS(added[row][v]);
            *sum = is_first ? block : *sum + block;
        }
    }
}

/* ---- Epilogue ---- */

/* What is the same for all rows of 16 columns of B. */
typedef struct clf_gemm_columns {
    clf_gemm_sums bias;
    float16 dequant;
} clf_gemm_columns;

static inline void clf_gemm_find_columns(clf_gemm_columns *columns,
                                         const clf_gemm_operands *operands,
                                         const clf_gemm_problem *problem, long group, long column,
                                         int count) {
    clf_gemm_sum bias[16] CLF_GEMM_ALIGNED;
    float dequant[16] CLF_GEMM_ALIGNED;
    for (int lane = 0; lane < 16; ++lane) {
        bias[lane] = 0;
        dequant[lane] = 1.0f;
        if (lane < count) {
#if CLF_GEMM_BIAS >= 0
            bias[lane] = CLF_OF(clf_element_load, CLF_GEMM_BIAS)(
                operands->bias, operands->bias_offset + group * problem->bias_strides[0] +
                                    (column + lane) * problem->bias_strides[1]);
#endif
#if CLF_GEMM_DEQUANT >= 0
            dequant[lane] = CLF_OF(clf_scale_load, CLF_GEMM_DEQUANT)(
                operands->dequant, operands->dequant_offset + group * problem->dequant_strides[0] +
                                       (column + lane) * problem->dequant_strides[1]);
#endif
        }
    }
    columns->bias = vload16(0, bias);
    columns->dequant = vload16(0, dequant);
}

static inline float16 clf_gemm_value(__local const clf_gemm_sum *sums,
                                     const clf_gemm_columns *columns) {
    const clf_gemm_sums sum = *(__local const clf_gemm_sums *)sums + columns->bias;
#if CLF_GEMM_IS_WHOLE
    float16 value = convert_float16(sum);
#else
    float16 value = sum;
#endif
#if CLF_GEMM_DEQUANT >= 0
    value *= columns->dequant;
#endif
#if CLF_GEMM_ROUND
    value = clf_rounds_1(value);
#endif
    return value;
}

#if CLF_GEMM_QUANT
/* A NaN becomes 0. */
static inline float16 clf_gemm_quantise(float16 value, float16 scale, float offset) {
    value = clf_rounds_1(clf_rounds_1(clf_rounds_1(value) * scale) + offset);
    value = value > (float16)(127.0f) ? (float16)(127.0f) : value;
    value = value < (float16)(-128.0f) ? (float16)(-128.0f) : value;
    /* To even: 2^23 * 1.5 leaves no fraction. */
    return value == value ? (value + 12582912.0f) - 12582912.0f : (float16)(0.0f);
}

static inline float16 clf_gemm_find_scale(const clf_gemm_operands *operands,
                                          const clf_gemm_problem *problem, long group, long column,
                                          int count) {
    float scale[16] CLF_GEMM_ALIGNED;
    for (int lane = 0; lane < 16; ++lane)
        scale[lane] = lane < count
                          ? operands->quant_scale[group * problem->quant_scale_strides[0] +
                                                  (column + lane) * problem->quant_scale_strides[1]]
                          : 0.0f;
    return clf_rounds_1(vload16(0, scale));
}
#endif

static inline void clf_gemm_store(float16 values, __global void *c, long place, long stride,
                                  int count) {
    if (stride == 1 && count == 16) {
        CLF_OF(clf_elements_store, CLF_GEMM_C)(values, c, place);
        return;
    }
    float lanes[16] CLF_GEMM_ALIGNED;
    vstore16(values, 0, lanes);
    for (int lane = 0; lane < count; ++lane)
        CLF_OF(clf_element_store, CLF_GEMM_C)(lanes[lane], c, place + lane * stride);
}

/* 16 columns of C from `column` on, of which `count` exist; their sums are in the unit's columns
 * from `from` on. */
static inline void clf_gemm_finish(__local const clf_gemm_sum *sums, const clf_gemm_rows *rows,
                                   const clf_gemm_operands *operands,
                                   const clf_gemm_problem *problem, long group, int from,
                                   long column, int count) {
    const long stride = problem->rows.column_strides[1];
    clf_gemm_columns left;
    clf_gemm_find_columns(&left, operands, problem, group, column, count);
#if CLF_GEMM_GLU
    clf_gemm_columns right;
    clf_gemm_find_columns(&right, operands, problem, group, problem->columns + column, count);
#endif
#if CLF_GEMM_QUANT
    const float16 scale = clf_gemm_find_scale(operands, problem, group, column, count);
    const float offset = clf_round_1(operands->quant_offset[group * problem->quant_offset_stride]);
#endif
    for (int row = 0; row < rows->count; ++row) {
        __local const clf_gemm_sum *sum = sums + row * CLF_GEMM_COLUMNS + from;
#if CLF_GEMM_GLU
        float16 value = clf_gemm_value(sum, &left) *
                        clf_gemm_activate(clf_gemm_value(sum + CLF_GEMM_RESULTS, &right));
#else
        float16 value = clf_gemm_activate(clf_gemm_value(sum, &left));
#endif
#if CLF_GEMM_QUANT
        value = clf_gemm_quantise(value, scale, offset);
#endif
        clf_gemm_store(value, operands->c, rows->c[row] + column * stride, stride, count);
    }
}

typedef struct clf_gemm_buffers {
    __local float *a;
    __local float *b;
    __local clf_gemm_sum *sums;
} clf_gemm_buffers;

/* All sums of a unit that begins at column `column` of C. */
static inline void clf_gemm_add_up(const clf_gemm_buffers *buffers, const clf_gemm_rows *rows,
                                   const clf_gemm_operands *operands,
                                   const clf_gemm_problem *problem, long group, long column) {
    for (long begin = 0; begin < problem->depth; begin += CLF_GEMM_DEPTH) {
        const int depth = (int)min((long)CLF_GEMM_DEPTH, problem->depth - begin);
        clf_gemm_pack_a(buffers->a, rows, operands, problem, begin, depth);
        for (int from = 0; from < CLF_GEMM_COLUMNS; from += CLF_GEMM_PANEL) {
            const bool is_right = from >= CLF_GEMM_RESULTS;
            const long of_c = column + (is_right ? from - CLF_GEMM_RESULTS : from);
            const long half_begin = is_right ? problem->columns : 0;
            if (of_c >= problem->columns)
                continue;
            clf_gemm_pack_b(buffers->b, operands, problem, group, begin, depth, half_begin + of_c,
                            half_begin + problem->columns);
            for (int row = 0; row < rows->count; row += CLF_GEMM_MICRO_ROWS)
                clf_gemm_micro(buffers->sums + row * CLF_GEMM_COLUMNS + from,
                               buffers->a + row * CLF_GEMM_PITCH, buffers->b, depth, begin == 0);
        }
    }
}

static inline void clf_gemm_clear(__local clf_gemm_sum *sums, int num_rows) {
    for (int i = 0; i < num_rows * CLF_GEMM_COLUMNS; i += 16)
        *(__local clf_gemm_sums *)(sums + i) = (clf_gemm_sums)(0);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_gemm_cpu(CLF_GEMM_PARAMETERS) {
    __local float a_block[CLF_GEMM_ROWS * CLF_GEMM_PITCH] CLF_GEMM_ALIGNED;
    __local float b_panel[CLF_GEMM_DEPTH * CLF_GEMM_PANEL] CLF_GEMM_ALIGNED;
    __local clf_gemm_sum sums[CLF_GEMM_ROWS * CLF_GEMM_COLUMNS] CLF_GEMM_ALIGNED;
    const clf_gemm_buffers buffers = {a_block, b_panel, sums};
    CLF_GEMM_GATHER_OPERANDS(operands);
    volatile __global int *next =
        (volatile __global int *)(workspace + workspace_offset) + problem.counter;
    const long num_tiles =
        ((__global const int *)(workspace + workspace_offset))[CLF_GEMM_NUM_TILES];
    __global const clf_gemm_tile *tiles =
        (__global const clf_gemm_tile *)(workspace + workspace_offset + CLF_GEMM_HEAD);
    const long num_blocks = (problem.columns + CLF_GEMM_RESULTS - 1) / CLF_GEMM_RESULTS;
    clf_gemm_rows rows;
    for (long unit = atomic_inc(next); unit < num_tiles * num_blocks; unit = atomic_inc(next)) {
        const long block = unit / num_tiles;
        __global const clf_gemm_tile *tile = tiles + (unit - block * num_tiles);
        const long column = block * CLF_GEMM_RESULTS;
        clf_gemm_find_rows(&rows, &operands, &problem, tile);
        if (problem.depth == 0)
            clf_gemm_clear(sums, rows.count);
        clf_gemm_add_up(&buffers, &rows, &operands, &problem, tile->group, column);
        for (int from = 0; from < CLF_GEMM_RESULTS && column + from < problem.columns; from += 16)
            clf_gemm_finish(sums, &rows, &operands, &problem, tile->group, from, column + from,
                            (int)min(16L, problem.columns - column - from));
    }
}
