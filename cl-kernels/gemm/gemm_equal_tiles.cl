/*
 * The table of clf_gemm_tiles for `count` groups of `rows` rows each, as batches of products have
 * them: the workspace's head and table of lib/gemm.clh. The table needs room for
 * count * ceil(rows / CLF_GEMM_ROWS) tiles.
 *
 * Work-item i fills tile i; the first one fills the head. Global size: the tiles, rounded up to a
 * multiple of 64.
 */
#include "lib/gemm.clh"

__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void
clf_gemm_equal_tiles(long count, long rows, __global uchar *workspace, long workspace_offset) {
    __global int *head = (__global int *)(workspace + workspace_offset);
    __global clf_gemm_tile *tiles =
        (__global clf_gemm_tile *)(workspace + workspace_offset + CLF_GEMM_HEAD);
    const long tiles_of_group = (rows + CLF_GEMM_ROWS - 1) / CLF_GEMM_ROWS;
    const long tile = (long)get_global_id(0);
    const long group = tile / tiles_of_group;
    if (group < count) {
        const long begin = (tile - group * tiles_of_group) * CLF_GEMM_ROWS;
        tiles[tile].group = group;
        tiles[tile].row_begin = group * rows + begin;
        tiles[tile].row_end = group * rows + min(begin + CLF_GEMM_ROWS, rows);
    }
    if (tile == 0) {
        for (int counter = 0; counter < CLF_GEMM_NUM_TILES; ++counter)
            head[counter] = 0;
        head[CLF_GEMM_NUM_TILES] = (int)(count * tiles_of_group);
    }
}
