/* How a problem is cut: tile sizes, splits of the keys, local memory and workspace, for each
 * variant. */
#ifndef CLF_ATTENTION_ATTENTION_TILING_H
#define CLF_ATTENTION_ATTENTION_TILING_H

#include <stdbool.h>

#include "attention/attention_arguments.h"
#include "attention/attention_tables.h"
#include "device/plan_builder.h"

typedef struct clf_i_attention_tile_sizes {
    const char *kernel; /* a name of the manifest */
    clf_i_attention_tiling tiling;
    bool merges;           /* the kernel leaves partial results, also of a single split */
    int64_t row_vectors;   /* cpu: vectors of 16 rows in a panel */
    int64_t panels;        /* cpu: panels of a tile that share what is staged of the keys */
    bool is_staged;        /* cpu: keys and values go through local memory as fp32 */
    bool uses_bf16_dot;    /* cpu: the products by lib/dot_products.clh */
    int64_t depth_chunk;   /* portable: depths in local memory at a time */
    int64_t group_rows;    /* portable: work-items of a work-group along the rows */
    int64_t group_columns; /* portable: ... along keys and depths */
    int64_t padded_depth;  /* nvidia: depths of a row in local memory */
    int64_t warps;         /* nvidia: of a work-group */
    int64_t row_blocks;    /* nvidia: of 16 rows, of a warp */
    int64_t softmax_keys;  /* nvidia: keys whose scores are in registers at a time */
    size_t local_memory;   /* bytes */
} clf_i_attention_tile_sizes;

/* Which of the variant's kernels fits the problem, and its tiles. */
clf_i_attention_tile_sizes clf_i_attention_choose_tiles(const clf_plan *plan, clf_variant variant,
                                                        const clf_i_attention_request *request);

/* The portable kernel's, keys not split. */
clf_i_attention_tile_sizes clf_i_attention_portable_tiles(const clf_device *device,
                                                          const clf_i_attention_request *request);

/* Why the nvidia variant cannot compute the problem; NULL if it can. The sequences are made. */
const char *clf_i_attention_nvidia_refusal(const clf_i_attention_request *request,
                                           const clf_i_attention_tables *tables);

/* Units of work: tiles times the heads that each is done for. */
int64_t clf_i_attention_num_unit_heads(const clf_i_attention_request *request,
                                       const clf_i_attention_tiling *tiling);

/* Bytes: a counter, and partial results if the keys are split. */
size_t clf_i_attention_workspace_size(const clf_i_attention_request *request,
                                      const clf_i_attention_tile_sizes *sizes, size_t num_tiles);

#endif
