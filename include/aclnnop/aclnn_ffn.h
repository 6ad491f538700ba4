/*
 * aclnnFFN: two matrix products with an activation between them, also as a mixture of experts; after
 * the operator document "FFN". The formulas, and the table of data types, stand in clformer/ffn.h.
 * Later versions: aclnn_ffn_v2.h, aclnn_ffn_v3.h.
 */
#ifndef ACLNNOP_ACLNN_FFN_H
#define ACLNNOP_ACLNN_FFN_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Phase 1: checks, plans, and tells what phase 2 needs. Everything is copied: tensors, arrays and the
 * string may be destroyed before phase 2, device memory may not be freed. Safe in any thread.
 *
 * Axes: M tokens, E experts, K1 N1 and K2 N2 rows and columns of the weights, G groups of rows.
 *
 *     x                 [..., K1], rank 2..8; fp16, bf16 or int8; any strides, as for all tensors
 *     weight1, weight2  [K1,N1] and [K2,N2], with experts [E,K1,N1] and [E,K2,N2]; x's dtype, or, for
 *                       fp16 and bf16 x, int8 or int4 (the last axis even and contiguous). N2 = K1 but
 *                       for the halving activations
 *     expertTokens      null or empty: no experts; else the number of tokens of each of E experts,
 *                       1 <= E <= 256, in sum M
 *     bias1, bias2      null, or [N1] and [N2], with experts [E,N1] and [E,N2]; fp16 x: fp16; bf16 x:
 *                       fp32; int8 x: int32
 *     scale, offset     int8 x only: fp32; [1], with experts [E]; scale also for each column
 *     deqScale1, deqScale2
 *                       int8 x only: [N1] and [N2], with experts [E,N1] and [E,N2]; y bf16: bf16; y
 *                       fp16: uint64, int64, or, if scale is not for each column, fp32
 *     antiquantScale1 .. antiquantOffset2
 *                       int8 or int4 weights of fp16 or bf16 x only: x's dtype; [N] or [E,N]; int4 also
 *                       [G,N] or [E,G,N] with G a divisor of K
 *     activation        "relu", "silu", "gelu", "fastgelu": K2 = N1. "geglu", "swiglu", "reglu": K2 =
 *                       N1 / 2, only with fp16 throughout, innerPrecise 1 and no experts. Any case
 *     innerPrecise      fp16 x and weights: 0 or 1; bf16 x and weights: 0. Computes the same
 *     y                 x's shape but for the last axis, N2; fp16 or bf16, as x; for int8 x either
 *
 * M = 0: nothing is done, successfully.
 *
 * 161001: x, weight1, weight2, activation, y, workspaceSize or executor is null, or a tensor has no
 * address. 161002: anything else that is not as above, K1 or K2 above 65535, and elements that do not
 * lie in one allocation of aclrtMalloc. 361001, 200000, 561003: OpenCL, memory, or the build of a
 * kernel failed. aclGetRecentErrMsg has the sentence, and *executor is null.
 */
CLF_ACL_API aclnnStatus aclnnFFNGetWorkspaceSize(
    const aclTensor *x, const aclTensor *weight1, const aclTensor *weight2,
    const aclIntArray *expertTokens, const aclTensor *bias1, const aclTensor *bias2,
    const aclTensor *scale, const aclTensor *offset, const aclTensor *deqScale1,
    const aclTensor *deqScale2, const aclTensor *antiquantScale1, const aclTensor *antiquantScale2,
    const aclTensor *antiquantOffset1, const aclTensor *antiquantOffset2, const char *activation,
    int64_t innerPrecise, const aclTensor *y, uint64_t *workspaceSize, aclOpExecutor **executor);

/* Phase 2: enqueues the work on the stream and returns. See aclnn/aclnn_base.h. */
CLF_ACL_API aclnnStatus aclnnFFN(void *workspace, uint64_t workspaceSize, aclOpExecutor *executor,
                                 aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
