/* How the fused kernels of the Floyd gradient cut a problem. */
#ifndef CLF_FLOYD_FLOYD_GRADIENT_TILING_H
#define CLF_FLOYD_FLOYD_GRADIENT_TILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/plan_builder.h"
#include "floyd/floyd_arguments.h"

typedef struct clf_i_floyd_grad_tiling {
    size_t local_memory; /* bytes */

    /* cpu; the macros of cl-kernels/lib/floyd_chunk.clh and floyd_words.clh, and the places of its kernel's step */
    int64_t key_vectors;
    int64_t panel_vectors;
    int64_t score_rows;
    int64_t depth_vectors;
    int64_t out_rows;
    int64_t chunk;
    bool uses_bf16_dot;
    int64_t slab_n; /* n that the slab holds; 0: the limit is below one */
    int64_t query;  /* floats */
    int64_t scores;
    int64_t dp;
    int64_t keys;
    int64_t head_pitch;
    int64_t heads_per_step; /* as many as the workspace holds */

    /* portable; the macros of cl-kernels/floyd/floyd_attention_grad_portable.cl */
    int64_t side; /* of a work-group's square */
    int64_t work_items;
    int64_t lanes;
    int64_t key_tile;
    int64_t depth_chunk;
} clf_i_floyd_grad_tiling;

/* `workspace_limit`: bytes, 0: none. */
clf_i_floyd_grad_tiling clf_i_floyd_grad_tiling_cpu(const clf_device *device,
                                                    const clf_i_floyd_sizes *sizes, clf_dtype dtype,
                                                    size_t workspace_limit);

clf_i_floyd_grad_tiling clf_i_floyd_grad_tiling_portable(const clf_device *device);

#endif
