/*
 * Calls of CLBlast's Sgemm, plain and strided-batched, and what they need around them. CLBlast prints
 * and compiles when it likes: everything is checked before a call, and trial runs while planning
 * compile its kernels. For the other files that name it.
 */
#ifndef CLF_GEMM_CLBLAST_CALL_H
#define CLF_GEMM_CLBLAST_CALL_H

#include "gemm/blas_call.h"
#include "gemm/gemm.h"

/* Gives CLBlast the tuned parameters, which hold for the process. */
clf_status clf_i_clblast_apply_tuning(clf_plan *plan);

/* Bytes that CLBlast needs for its own copies, for each batch; 0: it computes the product directly.
 */
clf_status clf_i_clblast_find_region(clf_device *device, const clf_i_blas_call *call,
                                     size_t *bytes);

/* Small products with the same kernels. Operands: A, B, C. */
clf_status clf_i_clblast_try(clf_plan *plan, const clf_i_gemm_operand *const operands[3],
                             const clf_i_blas_call *full);

/* The step. A plain call has `region_size` bytes for its copies in region `region`. */
clf_status clf_i_clblast_add_call(clf_plan *plan, const clf_i_gemm_operand *const operands[3],
                                  const clf_i_blas_call *call, size_t region, size_t region_size);

#endif
