/* How the fused kernels of the Floyd gradient cut a problem. */
#ifndef CLF_FLOYD_FLOYD_GRADIENT_TILING_H
#define CLF_FLOYD_FLOYD_GRADIENT_TILING_H

#include <stddef.h>
#include <stdint.h>

#include "device/plan_builder.h"

typedef struct clf_i_floyd_grad_tiling {
    size_t local_memory; /* bytes */

    /* portable; the macros of cl-kernels/floyd/floyd_attention_grad_portable.cl */
    int64_t side; /* of a work-group's square */
    int64_t work_items;
    int64_t lanes;
    int64_t key_tile;
    int64_t depth_chunk;
} clf_i_floyd_grad_tiling;

clf_i_floyd_grad_tiling clf_i_floyd_grad_tiling_portable(const clf_device *device);

#endif
