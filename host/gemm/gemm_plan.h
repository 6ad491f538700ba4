/*
 * The front of matrix products: an operator describes its products, and this chooses for each
 * whether our own tiles or a library compute it (CLFORMER_GEMM, tuned parameters), lays out the
 * workspace and adds the steps.
 *
 *     clf_i_gemm_begin -> clf_i_gemm_decide for each product -> clf_i_gemm_row_bytes
 *         -> clf_i_gemm_reserve -> for each chunk of rows: clf_i_gemm_begin_rows
 *             -> clf_i_gemm_add for each product
 */
#ifndef CLF_GEMM_GEMM_PLAN_H
#define CLF_GEMM_GEMM_PLAN_H

#include "gemm/gemm.h"
#include "gemm/gemm_library.h"
#include "gemm/own_tiles.h"

#define CLF_I_GEMM_MAX_PRODUCTS 2

/* Products of one plan over the same rows and ranges. */
typedef struct clf_i_gemm {
    clf_plan *plan;
    clf_variant variant;
    clf_i_gemm_ranges ranges;
    int64_t num_rows;
    int64_t num_own;     /* products by our own tiles */
    int64_t own_columns; /* of the widest of them */
    bool is_own[CLF_I_GEMM_MAX_PRODUCTS];
    double row_bytes;
    clf_i_gemm_tiling tiling;
    clf_i_gemm_area area;
} clf_i_gemm;

/* `ranges->ends` must live until the last product is added. */
void clf_i_gemm_begin(clf_i_gemm *gemm, clf_plan *plan, clf_variant variant,
                      const clf_i_gemm_ranges *ranges, int64_t num_rows);

/* Who computes product `index`: its offsets in the workspace may change afterwards, nothing else.
 * CLF_ERR_UNSUPPORTED: CLFORMER_GEMM wants the library, which cannot. */
clf_status clf_i_gemm_decide(clf_i_gemm *gemm, size_t index, const clf_i_gemm_request *product);

/* Bytes of workspace for each row that is worked on at a time, about. */
double clf_i_gemm_row_bytes(const clf_i_gemm *gemm);

/* Takes workspace for `chunk_rows` rows at a time; `products` are the decided ones, in order. */
clf_status clf_i_gemm_reserve(clf_i_gemm *gemm, int64_t chunk_rows,
                              const clf_i_gemm_request *products, size_t num_products);

clf_status clf_i_gemm_begin_rows(clf_i_gemm *gemm, int64_t first_row, int64_t end_row);

clf_status clf_i_gemm_add(clf_i_gemm *gemm, size_t index, const clf_i_gemm_request *product);

#endif
