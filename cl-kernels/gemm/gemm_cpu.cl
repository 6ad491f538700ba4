/*
 * Grouped matrix product (lib/gemm.clh) for CPU devices.
 *
 * One work-item per work-group; work-groups are persistent and take units, a tile of rows times a
 * block of columns, from a counter; neighbouring units share columns, so that B's block stays in
 * the caches. A unit's sums are added up in one of four ways, then go through the epilogue.
 *
 * Global size: any number of work-groups of one work-item, best one per compute unit. No barriers.
 * Arguments: CLF_GEMM_PARAMETERS; the workspace as clf_gemm_tiles left it. Local memory, bytes:
 *     4 * (R * (D / w + 16) + 64 * (D / w + 1) + R * L)       by panels
 *     4 * (R * (D + 16) + 16 + R * L)                         by stream
 * R = CLF_GEMM_ROWS, D = CLF_GEMM_DEPTH, L = CLF_GEMM_COLUMNS, w = depths in a word.
 *
 *   macro              default  meaning
 *   CLF_GEMM_PRODUCT   0        0 fp32, 1 pairs of bf16, 2 fours of int8 (lib/gemm_panels.clh),
 *                               3 few rows (lib/gemm_stream.clh)
 *   CLF_GEMM_DEPTH     256      depths of a block, a multiple of 64; if 0 and int8, at most 1024
 * CLF_GEMM_ROWS is a multiple of 6 if by panels. Others: lib/gemm.clh, lib/gemm_wide.clh,
 * lib/activation.clh.
 */
#define CLF_GEMM_BY_FLOATS     0
#define CLF_GEMM_BY_BF16_PAIRS 1
#define CLF_GEMM_BY_INT8_QUADS 2
#define CLF_GEMM_BY_STREAM     3
#ifndef CLF_GEMM_PRODUCT
#define CLF_GEMM_PRODUCT CLF_GEMM_BY_FLOATS
#endif
#ifndef CLF_GEMM_DEPTH
#define CLF_GEMM_DEPTH 256
#endif
#include "lib/gemm_panels.clh"
#include "lib/gemm_stream.clh"

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_gemm_cpu(CLF_GEMM_PARAMETERS) {
    __local clf_gemm_word a_block[CLF_GEMM_A_WORDS] CLF_GEMM_ALIGNED;
    __local clf_gemm_word b_panel[CLF_GEMM_B_WORDS] CLF_GEMM_ALIGNED;
    __local clf_gemm_sum sums[CLF_GEMM_ROWS * CLF_GEMM_COLUMNS] CLF_GEMM_ALIGNED;
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
        clf_gemm_add_up(sums, a_block, b_panel, &rows, &operands, &problem, tile->group, column);
        for (int from = 0; from < CLF_GEMM_RESULTS && column + from < problem.columns;
             from += CLF_GEMM_FINISHED)
            clf_gemm_finish(sums, &rows, &operands, &problem, tile->group, from, column + from,
                            min(problem.columns, column + from + CLF_GEMM_FINISHED));
    }
}
