/*
 * The front of batched products (gemm_batch.h), as gemm_plan.h is that of grouped ones: chooses for
 * each product of a plan whether our own tiles or the library compute it, and adds the steps.
 *
 *     clf_i_gemm_batches_begin -> clf_i_gemm_batches_decide for each product
 *         -> clf_i_gemm_batches_add, any number of times
 */
#ifndef CLF_GEMM_GEMM_BATCH_PLAN_H
#define CLF_GEMM_GEMM_BATCH_PLAN_H

#include "gemm/gemm_batch.h"
#include "gemm/own_tiles.h"

#define CLF_I_GEMM_MAX_BATCHES 12

typedef struct clf_i_gemm_batches {
    clf_plan *plan;
    clf_variant variant;
    size_t num_products;
    bool is_own[CLF_I_GEMM_MAX_BATCHES];
    clf_i_own_batch own[CLF_I_GEMM_MAX_BATCHES];
} clf_i_gemm_batches;

/* At most as many bytes of workspace as deciding on a product takes. */
size_t clf_i_gemm_batch_workspace(int64_t count, int64_t rows);

void clf_i_gemm_batches_begin(clf_i_gemm_batches *batches, clf_plan *plan, clf_variant variant);

/*
 * Who computes the plan's next product, `*out_index`, and workspace for it. `largest` has the
 * largest sizes and the places furthest from their operands' beginnings of those that will be added.
 * CLF_ERR_UNSUPPORTED: CLFORMER_GEMM wants the library, which cannot.
 */
clf_status clf_i_gemm_batches_decide(clf_i_gemm_batches *batches, const clf_i_gemm_batch *largest,
                                     size_t *out_index);

clf_status clf_i_gemm_batches_add(clf_i_gemm_batches *batches, size_t index,
                                  const clf_i_gemm_batch *batch);

#endif
