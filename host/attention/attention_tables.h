/* The tables that kernels read: one record per batch element, one per unit of work. */
#ifndef CLF_ATTENTION_ATTENTION_TABLES_H
#define CLF_ATTENTION_ATTENTION_TABLES_H

#include <stddef.h>

#include "attention/attention_geometry.h"
#include "attention/attention_pairs.h"
#include "attention/attention_records.h"

typedef struct clf_i_attention_tables {
    clf_i_attention_sequence *sequences;
    size_t num_sequences;
    clf_i_attention_tile *tiles; /* most keys first, so that the last ones to start are short; with
                                    splits by place, the parts of a row tile together */
    size_t num_tiles;
    double num_pairs; /* computed pairs of one head inside band and prefix */
} clf_i_attention_tables;

/* How rows and keys are cut into tiles. */
typedef struct clf_i_attention_tiling {
    int64_t rows;           /* rows of a tile */
    int64_t heads_per_tile; /* 1, or the group: a tile's rows then run over its heads, too */
    int64_t num_splits;     /* parts into which each tile's keys are cut; 1 = not */
    int64_t key_tile;       /* splits begin at multiples of it */
} clf_i_attention_tiling;

/* The sequences only, with room for one more; softmax statistics in the ragged order, or [T, N, 8]
 * if the layout says so. The caller ends with clf_i_attention_tables_clear, also on failure. */
clf_status clf_i_attention_sequences_make(const clf_flash_attention_args *args,
                                          const clf_i_attention_geometry *geometry,
                                          const clf_i_attention_pairs *pairs,
                                          clf_i_attention_tables *tables);

/* The tiles of the sequences, cut as `tiling` says. */
clf_status clf_i_attention_tiles_make(const clf_i_attention_tiling *tiling,
                                      clf_i_attention_tables *tables);

void clf_i_attention_tables_clear(clf_i_attention_tables *tables);

#endif
