/*
 * Grouped matrix product (lib/gemm.clh) for any device.
 *
 * A work-group of 16 x 16 work-items computes a unit, a tile of 64 rows times 64 columns; A and B
 * pass through local memory as fp32 in steps of 16 depths. Work-item (y, x) owns the rows y, y + 16,
 * ... and the columns x, x + 16, ...; with GLU also the columns of the right half:
 *
 *                   16 depths          64 columns, x
 *                  +--------+         +-------------+
 *     64 rows, y   |   A    |    x    |      B      |  16 depths       4 x 4 sums each
 *                  +--------+         +-------------+
 *
 * int8 by int8 is summed in int32, anything else in fp32.
 *
 * Global size: 256 work-items for each unit the table could hold; units beyond its tiles do nothing.
 * Arguments: CLF_GEMM_PARAMETERS. Macros: lib/gemm.clh; CLF_GEMM_ROWS is 64.
 * Local memory, bytes:  4 * 16 * (65 + 64 * (1 + CLF_GEMM_GLU))
 */
#define CLF_DTYPE       0
#define CLF_EXP2_DEGREE 6
#include "lib/activation.clh"
#include "lib/dtype.clh"
#include "lib/exp2.clh"
#include "lib/gemm.clh"

#define CLF_GEMM_SIDE    16
#define CLF_GEMM_ITEM    4
#define CLF_GEMM_COLUMNS (CLF_GEMM_SIDE * CLF_GEMM_ITEM)
#define CLF_GEMM_HALVES  (1 + CLF_GEMM_GLU)
#define CLF_GEMM_PITCH   (CLF_GEMM_COLUMNS + 1) /* rows, transposed: no two in one bank */
#if CLF_GEMM_ROWS != CLF_GEMM_COLUMNS
#error "CLF_GEMM_ROWS must be 64"
#endif

#if CLF_GEMM_IS_WHOLE
typedef int clf_gemm_sum;
#define CLF_GEMM_ADD(a, b, sum) ((sum) + (a) * (b))
#else
typedef float clf_gemm_sum;
#define CLF_GEMM_ADD(a, b, sum) fma(a, b, sum)
#endif

CLF_EXP2_DEFINE(clf_gemm_exp2, float, int)
CLF_ACTIVATION_DEFINE(clf_gemm_activate, float, clf_gemm_exp2, CLF_ACTIVATION_DIVIDE)

/* An element of B, dequantised. */
static inline float clf_gemm_load_b(const clf_gemm_operands *operands,
                                    const clf_gemm_problem *problem, long group, long k,
                                    long column) {
    float value = CLF_OF(clf_element_load, CLF_GEMM_B)(
        operands->b, operands->b_offset + group * problem->b_strides[0] +
                         k * problem->b_strides[1] + column * problem->b_strides[2]);
#if CLF_GEMM_ANTIQUANT
    const long part = k / problem->antiquant_depth;
    const float scale = CLF_OF(clf_element_load, CLF_GEMM_A)(
        operands->antiquant_scale, operands->antiquant_scale_offset +
                                       group * problem->antiquant_scale_strides[0] +
                                       part * problem->antiquant_scale_strides[1] +
                                       column * problem->antiquant_scale_strides[2]);
    const float offset = CLF_OF(clf_element_load, CLF_GEMM_A)(
        operands->antiquant_offset, operands->antiquant_offset_offset +
                                        group * problem->antiquant_offset_strides[0] +
                                        part * problem->antiquant_offset_strides[1] +
                                        column * problem->antiquant_offset_strides[2]);
#if CLF_GEMM_A == 1
    value = clf_round_1(clf_round_1(value + offset) * scale);
#else
    value = clf_round_27((value + offset) * scale);
#endif
#endif
    return value;
}

/* The sum with bias and scale, of column `column` of B. */
static inline float clf_gemm_value(clf_gemm_sum sum, const clf_gemm_operands *operands,
                                   const clf_gemm_problem *problem, long group, long column) {
#if CLF_GEMM_BIAS >= 0
    sum += CLF_OF(clf_element_load, CLF_GEMM_BIAS)(
        operands->bias, operands->bias_offset + group * problem->bias_strides[0] +
                            column * problem->bias_strides[1]);
#endif
    float value = (float)sum;
#if CLF_GEMM_DEQUANT >= 0
    value *= CLF_OF(clf_scale_load, CLF_GEMM_DEQUANT)(
        operands->dequant, operands->dequant_offset + group * problem->dequant_strides[0] +
                               column * problem->dequant_strides[1]);
#endif
#if CLF_GEMM_ROUND
    value = clf_round_1(value);
#endif
    return value;
}

#if CLF_GEMM_QUANT
/* A NaN becomes 0. */
static inline float clf_gemm_quantise(float value, const clf_gemm_operands *operands,
                                      const clf_gemm_problem *problem, long group, long column) {
    const float scale =
        clf_round_1(operands->quant_scale[group * problem->quant_scale_strides[0] +
                                          column * problem->quant_scale_strides[1]]);
    const float offset = clf_round_1(operands->quant_offset[group * problem->quant_offset_stride]);
    value = clf_round_1(clf_round_1(clf_round_1(value) * scale) + offset);
    return isnan(value) ? 0.0f : rint(clamp(value, -128.0f, 127.0f));
}
#endif

/* Depths [begin, begin + 16) of the tile's rows, [depth][row]; zeros beyond the last depth. */
static inline void clf_gemm_stage_a(__local clf_gemm_sum *staged, const clf_gemm_operands *operands,
                                    const clf_gemm_problem *problem,
                                    const long places[CLF_GEMM_ITEM], long begin, int x, int y) {
    const long k = begin + x;
    for (int i = 0; i < CLF_GEMM_ITEM; ++i) {
        float value = 0.0f;
        if (k < problem->depth)
            value = CLF_OF(clf_element_load, CLF_GEMM_A)(
                operands->a, operands->a_offset + problem->a_base + places[i] +
                                 k * problem->rows.column_strides[0]);
        staged[x * CLF_GEMM_PITCH + y + i * CLF_GEMM_SIDE] = (clf_gemm_sum)value;
    }
}

/* The same depths of the columns from `column` on, [depth][column]. */
static inline void clf_gemm_stage_b(__local clf_gemm_sum *staged, const clf_gemm_operands *operands,
                                    const clf_gemm_problem *problem, long group, long begin,
                                    long column, long end, int x, int y) {
    const long k = begin + y;
    for (int i = 0; i < CLF_GEMM_ITEM; ++i) {
        const int at = x + i * CLF_GEMM_SIDE;
        const bool is_there = k < problem->depth && column + at < end;
        staged[y * CLF_GEMM_COLUMNS + at] =
            (clf_gemm_sum)(is_there ? clf_gemm_load_b(operands, problem, group, k, column + at)
                                    : 0.0f);
    }
}

static inline void clf_gemm_add_step(clf_gemm_sum sums[CLF_GEMM_ITEM][CLF_GEMM_ITEM],
                                     __local const clf_gemm_sum *a, __local const clf_gemm_sum *b,
                                     int x, int y) {
    for (int k = 0; k < CLF_GEMM_SIDE; ++k)
        for (int i = 0; i < CLF_GEMM_ITEM; ++i) {
            const clf_gemm_sum row = a[k * CLF_GEMM_PITCH + y + i * CLF_GEMM_SIDE];
            for (int j = 0; j < CLF_GEMM_ITEM; ++j)
                sums[i][j] =
                    CLF_GEMM_ADD(row, b[k * CLF_GEMM_COLUMNS + x + j * CLF_GEMM_SIDE], sums[i][j]);
        }
}

__kernel __attribute__((reqd_work_group_size(CLF_GEMM_SIDE * CLF_GEMM_SIDE, 1, 1))) void
clf_gemm_portable(CLF_GEMM_PARAMETERS) {
    __local clf_gemm_sum a_block[CLF_GEMM_SIDE * CLF_GEMM_PITCH];
    __local clf_gemm_sum b_block[CLF_GEMM_HALVES][CLF_GEMM_SIDE * CLF_GEMM_COLUMNS];
    CLF_GEMM_GATHER_OPERANDS(operands);
    const long num_tiles =
        ((__global const int *)(workspace + workspace_offset))[CLF_GEMM_NUM_TILES];
    const long num_blocks = (problem.columns + CLF_GEMM_COLUMNS - 1) / CLF_GEMM_COLUMNS;
    const long unit = (long)get_group_id(0);
    const long block = num_tiles > 0 ? unit / num_tiles : num_blocks;
    if (block >= num_blocks)
        return;
    __global const clf_gemm_tile *tile =
        (__global const clf_gemm_tile *)(workspace + workspace_offset + CLF_GEMM_HEAD) + unit -
        block * num_tiles;
    const long column = block * CLF_GEMM_COLUMNS;
    const int y = (int)get_local_id(0) / CLF_GEMM_SIDE;
    const int x = (int)get_local_id(0) - y * CLF_GEMM_SIDE;

    long a_places[CLF_GEMM_ITEM], c_places[CLF_GEMM_ITEM];
    clf_gemm_sum sums[CLF_GEMM_HALVES][CLF_GEMM_ITEM][CLF_GEMM_ITEM];
    for (int i = 0; i < CLF_GEMM_ITEM; ++i) {
        const long row = tile->row_begin + y + i * CLF_GEMM_SIDE;
        clf_row_cursor cursor;
        clf_row_locate(&problem.rows, min(row, tile->row_end - 1), &cursor);
        a_places[i] = cursor.offset[0];
        c_places[i] =
            row < tile->row_end ? operands.c_offset + problem.c_base + cursor.offset[1] : -1;
        for (int half_index = 0; half_index < CLF_GEMM_HALVES; ++half_index)
            for (int j = 0; j < CLF_GEMM_ITEM; ++j)
                sums[half_index][i][j] = 0;
    }
    for (long begin = 0; begin < problem.depth; begin += CLF_GEMM_SIDE) {
        clf_gemm_stage_a(a_block, &operands, &problem, a_places, begin, x, y);
        for (int half_index = 0; half_index < CLF_GEMM_HALVES; ++half_index)
            clf_gemm_stage_b(b_block[half_index], &operands, &problem, tile->group, begin,
                             half_index * problem.columns + column,
                             (half_index + 1) * problem.columns, x, y);
        /* The step is staged. */
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int half_index = 0; half_index < CLF_GEMM_HALVES; ++half_index)
            clf_gemm_add_step(sums[half_index], a_block, b_block[half_index], x, y);
        /* It has been read. */
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0; i < CLF_GEMM_ITEM; ++i)
        for (int j = 0; j < CLF_GEMM_ITEM; ++j) {
            const long n = column + x + j * CLF_GEMM_SIDE;
            if (c_places[i] < 0 || n >= problem.columns)
                continue;
#if CLF_GEMM_GLU
            float value = clf_gemm_value(sums[0][i][j], &operands, &problem, tile->group, n) *
                          clf_gemm_activate(clf_gemm_value(sums[1][i][j], &operands, &problem,
                                                           tile->group, problem.columns + n));
#else
            float value = clf_gemm_activate(
                clf_gemm_value(sums[0][i][j], &operands, &problem, tile->group, n));
#endif
#if CLF_GEMM_QUANT
            value = clf_gemm_quantise(value, &operands, &problem, tile->group, n);
#endif
            const long place = c_places[i] + n * problem.rows.column_strides[1];
#if CLF_GEMM_ACCUMULATE
            value += ((__global const float *)operands.c)[place];
#endif
            CLF_OF(clf_element_store, CLF_GEMM_C)(value, operands.c, place);
        }
}
