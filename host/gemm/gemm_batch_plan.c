/* Which provider computes batched products, and their steps. */
#include "gemm/gemm_batch_plan.h"

#include <string.h>

#include "core/failure.h"
#include "gemm/gemm_choice.h"
#include "gemm/gemm_library.h"

size_t clf_i_gemm_batch_workspace(int64_t count, int64_t rows) {
    return clf_i_own_batch_workspace(count, rows);
}

void clf_i_gemm_batches_begin(clf_i_gemm_batches *batches, clf_plan *plan, clf_variant variant) {
    memset(batches, 0, sizeof *batches);
    batches->plan = plan;
    batches->variant = variant;
}

/* ---- The choice ---- */

static clf_status take_own(clf_i_gemm_batches *batches, size_t index,
                           const clf_i_gemm_batch *largest, const char *reason) {
    batches->is_own[index] = true;
    clf_i_own_batch_choose(batches->plan, batches->variant, largest, &batches->own[index]);
    return clf_i_plan_add_product(batches->plan, clf_i_gemm_own_name, clf_i_gemm_the_library.name,
                                  reason);
}

clf_status clf_i_gemm_batches_decide(clf_i_gemm_batches *batches, const clf_i_gemm_batch *largest,
                                     size_t *out_index) {
    const size_t index = batches->num_products;
    const clf_i_gemm_mode mode = clf_i_gemm_mode_of_environment();
    if (index == CLF_I_GEMM_MAX_BATCHES) {
        return clf_i_fail(CLF_ERR_INTERNAL, "one batched product too many in a plan");
    }
    batches->num_products = index + 1;
    *out_index = index;
    if (mode == CLF_I_GEMM_OWN) {
        return take_own(batches, index, largest, "CLFORMER_GEMM wants ours");
    }
    const char *refusal = clf_i_gemm_the_batch_library.refuse(largest);
    if (refusal != NULL) {
        return mode == CLF_I_GEMM_AUTO
                   ? take_own(batches, index, largest, refusal)
                   : clf_i_fail(CLF_ERR_UNSUPPORTED,
                                "CLFORMER_GEMM is %s, which cannot compute matrix product %zu: %s",
                                clf_i_gemm_the_library.name, index + 1, refusal);
    }
    if (mode == CLF_I_GEMM_AUTO && !clf_i_gemm_prefers_library(batches->plan)) {
        return take_own(batches, index, largest, "slower on this device");
    }
    const clf_status status = clf_i_gemm_the_batch_library.prepare(batches->plan, largest);
    if (status != CLF_SUCCESS) {
        return mode == CLF_I_GEMM_AUTO ? take_own(batches, index, largest, clf_last_error())
                                       : status;
    }
    return clf_i_plan_add_product(batches->plan, clf_i_gemm_the_library.name, clf_i_gemm_own_name,
                                  mode == CLF_I_GEMM_AUTO ? "slower on this device"
                                                          : "CLFORMER_GEMM wants the library");
}

/* ---- Steps ---- */

clf_status clf_i_gemm_batches_add(clf_i_gemm_batches *batches, size_t index,
                                  const clf_i_gemm_batch *batch) {
    return batches->is_own[index] ? clf_i_own_batch_add(batches->plan, &batches->own[index], batch)
                                  : clf_i_gemm_the_batch_library.add(batches->plan, batch);
}
