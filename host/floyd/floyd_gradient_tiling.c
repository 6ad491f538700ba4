/* Tile sizes. The formulas of local memory and workspace are those of the kernels' head comments. */
#include "floyd/floyd_gradient_tiling.h"

/* ---- portable ---- */

#define PORTABLE_SIDE  8
#define PORTABLE_LANES 16 /* at most */

clf_i_floyd_grad_tiling clf_i_floyd_grad_tiling_portable(const clf_device *device) {
    const clf_i_capabilities *capabilities = clf_i_device_capabilities(device);
    const int64_t squares = PORTABLE_SIDE / 2 * PORTABLE_SIDE / 2;
    const int64_t rows = PORTABLE_SIDE * PORTABLE_SIDE;
    clf_i_floyd_grad_tiling tiling = {
        .side = PORTABLE_SIDE, .lanes = PORTABLE_LANES, .key_tile = 16, .depth_chunk = 16};
    while (tiling.lanes > 1 &&
           (uint64_t)(squares * tiling.lanes) > capabilities->max_work_group_size) {
        tiling.lanes /= 2;
    }
    tiling.work_items = squares * tiling.lanes;
    tiling.local_memory =
        sizeof(float) *
        (size_t)((tiling.depth_chunk + 1) * (rows + 2 * PORTABLE_SIDE * tiling.key_tile) +
                 2 * rows * (tiling.key_tile + 1) + 3 * PORTABLE_SIDE * tiling.key_tile);
    return tiling;
}
