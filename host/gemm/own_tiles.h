/* The provider of our own tiles: products with everything an epilogue can do. */
#ifndef CLF_GEMM_OWN_TILES_H
#define CLF_GEMM_OWN_TILES_H

#include "gemm/gemm.h"
#include "gemm/gemm_batch.h"

/* How products are cut; those that share a table of tiles share these sizes. */
typedef struct clf_i_gemm_tiling {
    clf_variant variant;
    bool is_stream; /* cpu: few rows, lib/gemm_stream.clh */
    int64_t rows;
    int64_t columns; /* at most */
    int64_t depth;
    int64_t likely_tiles;
    int64_t most_tiles;   /* that the table has room for */
    size_t workspace;     /* where the table begins */
    int64_t num_counters; /* products that use the table so far */
} clf_i_gemm_tiling;

/* Tile sizes for products of at most `num_rows` rows and about `columns` columns, and room for their
 * table in the workspace. */
void clf_i_own_tiles_choose(clf_plan *plan, clf_variant variant, int64_t num_rows, int64_t columns,
                            int64_t num_groups, clf_i_gemm_tiling *tiling);

/* The step that fills the table for rows [first_row, end_row) of all `num_rows`. Before the products
 * that use it. */
clf_status clf_i_own_tiles_add_table(clf_plan *plan, clf_i_gemm_tiling *tiling,
                                     const clf_i_gemm_ranges *ranges, int64_t num_rows,
                                     int64_t first_row, int64_t end_row);

clf_status clf_i_own_tiles_add_product(clf_plan *plan, clf_i_gemm_tiling *tiling,
                                       const clf_i_gemm_request *request);

/* Batched products: groups of equal ranges, with a table of their own. */
typedef struct clf_i_own_batch {
    clf_i_gemm_tiling tiling;
    int64_t count; /* what is in the table; 0: nothing */
    int64_t rows;
} clf_i_own_batch;

/* At most as many bytes as the next function takes. */
size_t clf_i_own_batch_workspace(int64_t count, int64_t rows);

/* Tile sizes for products no larger than this, and room for their table in the workspace. */
void clf_i_own_batch_choose(clf_plan *plan, clf_variant variant, const clf_i_gemm_batch *largest,
                            clf_i_own_batch *own);

clf_status clf_i_own_batch_add(clf_plan *plan, clf_i_own_batch *own, const clf_i_gemm_batch *batch);

#endif
