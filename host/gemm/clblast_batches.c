/*
 * Batched products by CLBlast's SgemmStridedBatched, where it computes them directly. Else it would
 * copy the matrices into memory that it cannot be given: it allocates some, ends the process if there
 * is none, and ignores offsets and steps of matrices that it need not copy.
 */
#include "gemm/gemm_library.h"

#ifdef CLFORMER_HAS_CLBLAST

#include <limits.h>

#include "core/failure.h"
#include "gemm/blas_call.h"
#include "gemm/clblast_call.h"

/* Elements from the buffer's beginning, or the tensor's. */
static bool is_countable(const clf_i_gemm_matrix *matrix, int64_t extent) {
    const int64_t begin = (int64_t)(matrix->operand.offset / sizeof(float)) + matrix->first;
    return begin >= 0 && begin <= INT_MAX - extent;
}

static const char *refuse(const clf_i_gemm_batch *batch) {
    clf_i_blas_call call;
    if (batch->depth == 0) {
        return "CLBlast has no empty sums";
    }
    const char *refusal = clf_i_blas_call_make_batch(batch, &call);
    if (refusal != NULL) {
        return refusal;
    }
    const int64_t extents[] = {clf_i_blas_a_extent(&call), clf_i_blas_b_extent(&call),
                               clf_i_blas_c_extent(&call)};
    if (extents[0] > INT_MAX || extents[1] > INT_MAX || extents[2] > INT_MAX ||
        !is_countable(&batch->a, extents[0]) || !is_countable(&batch->b, extents[1]) ||
        !is_countable(&batch->c, extents[2])) {
        return "CLBlast counts elements in 32 bits";
    }
    return NULL;
}

static clf_status make_call(const clf_i_gemm_batch *batch, clf_i_blas_call *call) {
    const char *refusal = clf_i_blas_call_make_batch(batch, call);
    return refusal == NULL
               ? CLF_SUCCESS
               : clf_i_fail(CLF_ERR_INTERNAL, "batched products for CLBlast: %s", refusal);
}

static clf_status check_memory(clf_plan *plan, const clf_i_blas_call *call) {
    size_t bytes = 0;
    const clf_status status = clf_i_clblast_find_region(clf_i_plan_device(plan), call, &bytes);
    return status == CLF_SUCCESS && bytes > 0
               ? clf_i_fail(CLF_ERR_UNSUPPORTED,
                            "CLBlast copies matrices of this size, for batches into memory of its "
                            "own, and ends the process where there is none; accepted: less than "
                            "its parameter XGEMM_MIN_INDIRECT_SIZE")
               : status;
}

static clf_status prepare(clf_plan *plan, const clf_i_gemm_batch *batch) {
    const clf_i_gemm_operand *const operands[] = {&batch->a.operand, &batch->b.operand,
                                                  &batch->c.operand};
    clf_i_blas_call call;
    clf_status status = make_call(batch, &call);
    if (status == CLF_SUCCESS) {
        status = clf_i_clblast_apply_tuning(plan);
    }
    if (status == CLF_SUCCESS) {
        status = check_memory(plan, &call);
    }
    return status == CLF_SUCCESS ? clf_i_clblast_try(plan, operands, &call) : status;
}

static clf_status add(clf_plan *plan, const clf_i_gemm_batch *batch) {
    const clf_i_gemm_operand *const operands[] = {&batch->a.operand, &batch->b.operand,
                                                  &batch->c.operand};
    clf_i_blas_call call;
    clf_status status = make_call(batch, &call);
    if (status == CLF_SUCCESS) {
        status = check_memory(plan, &call);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_clblast_try(plan, operands, &call);
    }
    return status == CLF_SUCCESS ? clf_i_clblast_add_call(plan, operands, &call, 0, 0) : status;
}

const clf_i_gemm_batch_library clf_i_gemm_the_batch_library = {
    .refuse = refuse,
    .prepare = prepare,
    .add = add,
};

#else

static const char *refuse(const clf_i_gemm_batch *batch) {
    (void)batch;
    return "clformer was built without CLBlast (CLFORMER_WITH_CLBLAST)";
}

/* Nothing else is called. */
const clf_i_gemm_batch_library clf_i_gemm_the_batch_library = {.refuse = refuse};

#endif
