/* How a problem is cut: tile sizes, splits of the keys, local memory and workspace, for each
 * variant. */
#ifndef CLF_ATTENTION_ATTENTION_TILING_H
#define CLF_ATTENTION_ATTENTION_TILING_H

#include "attention/attention_arguments.h"
#include "attention/attention_tables.h"
#include "device/plan_builder.h"

typedef struct clf_i_attention_tile_sizes {
    clf_i_attention_tiling tiling;
    int64_t depth_chunk;   /* portable: depths in local memory at a time */
    int64_t group_rows;    /* portable: work-items of a work-group along the rows */
    int64_t group_columns; /* portable: ... along keys and depths */
    size_t local_memory;   /* bytes */
} clf_i_attention_tile_sizes;

/* `kernel` names the tuned parameters. */
clf_i_attention_tile_sizes clf_i_attention_choose_tiles(const clf_plan *plan, const char *kernel,
                                                        clf_variant variant,
                                                        const clf_i_attention_request *request);

/* Units of work: tiles times the heads that each is done for. */
int64_t clf_i_attention_num_unit_heads(const clf_i_attention_request *request,
                                       const clf_i_attention_tiling *tiling);

/* Bytes: a counter, and partial results if the keys are split. */
size_t clf_i_attention_workspace_size(const clf_i_attention_request *request,
                                      const clf_i_attention_tiling *tiling, size_t num_tiles);

#endif
