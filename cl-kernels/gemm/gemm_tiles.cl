/*
 * Cuts the rows [first_row, end_row) of a grouped matrix product into tiles, and sets the counters
 * of the products that follow to zero: the workspace's head and table of lib/gemm.clh.
 *
 * `ranges` holds one value for each group, counts of rows or, with `is_index`, the ends of the
 * ranges. They may come from anywhere: ranges are cut to [0, num_rows), never overlap, and rows in
 * none of them are in no tile. The table needs room for (end_row - first_row) / CLF_GEMM_ROWS + 1 +
 * num_groups tiles.
 *
 * One work-item.
 */
#include "lib/gemm.clh"

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
clf_gemm_tiles(__global const long *ranges, long ranges_offset, long ranges_stride, int num_groups,
               int is_index, long num_rows, long first_row, long end_row, __global uchar *workspace,
               long workspace_offset) {
    __global int *head = (__global int *)(workspace + workspace_offset);
    __global clf_gemm_tile *tiles =
        (__global clf_gemm_tile *)(workspace + workspace_offset + CLF_GEMM_HEAD);
    int num_tiles = 0;
    long begin = 0;
    for (int group = 0; group < num_groups; ++group) {
        const long value = ranges[ranges_offset + group * ranges_stride];
        const long end =
            is_index ? clamp(value, begin, num_rows) : begin + clamp(value, 0L, num_rows - begin);
        const long last = min(end, end_row);
        for (long row = max(begin, first_row); row < last; row += CLF_GEMM_ROWS) {
            tiles[num_tiles].group = group;
            tiles[num_tiles].row_begin = row;
            tiles[num_tiles].row_end = min(row + CLF_GEMM_ROWS, last);
            ++num_tiles;
        }
        begin = end;
    }
    for (int counter = 0; counter < CLF_GEMM_NUM_TILES; ++counter)
        head[counter] = 0;
    head[CLF_GEMM_NUM_TILES] = num_tiles;
}
