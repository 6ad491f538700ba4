/* How the fused Floyd kernels cut a problem: tiles, register blocks, local memory, and how many
 * heads the workspace holds at a time. */
#ifndef CLF_FLOYD_FLOYD_TILING_H
#define CLF_FLOYD_FLOYD_TILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/floyd.h>

#include "device/plan_builder.h"
#include "floyd/floyd_records.h"

typedef struct clf_i_floyd_tiling {
    int64_t rows_n; /* of a tile */
    int64_t rows_m;
    size_t local_memory; /* bytes */

    /* cpu; the macros of cl-kernels/lib/floyd_wide.clh, floyd_tile.clh and floyd_words.clh */
    int64_t key_vectors;
    int64_t depth_vectors;
    int64_t score_rows;
    int64_t out_rows;
    bool value1_in_place;
    bool uses_bf16_dot;
    size_t head_workspace;  /* bytes that one head needs */
    int64_t heads_per_step; /* as many as the workspace holds; 0: the limit is below one head */

    /* portable */
    int64_t lanes;
    int64_t key_tile;
    int64_t depth_chunk;
} clf_i_floyd_tiling;

/* `workspace_limit`: bytes, 0: none. */
clf_i_floyd_tiling clf_i_floyd_tiling_cpu(const clf_device *device,
                                          const clf_i_floyd_problem *problem,
                                          const clf_floyd_attention_args *args,
                                          size_t workspace_limit);

/* Vectors of 16 depths in a register block: the least padding, of equal ones the most. */
int64_t clf_i_floyd_depth_vectors(int64_t depth);

clf_i_floyd_tiling clf_i_floyd_tiling_portable(const clf_device *device);

#endif
