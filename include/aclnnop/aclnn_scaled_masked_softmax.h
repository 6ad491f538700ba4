/*
 * aclnnScaledMaskedSoftmax: y = softmax(scale * x) over the last axis, without the masked places.
 * After the operator documents "ScaledMaskedSoftmax" and "aclnnScaledMaskedSoftmax"; the formula, and
 * what happens to rows that are masked altogether, stands in clformer/softmax.h.
 */
#ifndef ACLNNOP_ACLNN_SCALED_MASKED_SOFTMAX_H
#define ACLNNOP_ACLNN_SCALED_MASKED_SOFTMAX_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Phase 1: checks, plans, and tells what phase 2 needs. Everything is copied: the tensors may be
 * destroyed before phase 2, their device memory may not be freed. Safe in any thread.
 *
 *     x            [B,N,H,W], fp16, bf16 or fp32; any strides
 *     mask         bool, nonzero = masked out; [B or 1, N or 1, H, W]; any strides. Not looked at,
 *                  and may be null, with fixTriuMask
 *     scale        any sign; rounded to float first
 *     fixTriuMask  instead of mask, w > h is masked
 *     y            shape and dtype of x; any strides without overlap; may be x itself
 *
 * An empty x is a success. *workspaceSize is 0.
 *
 * 161001: x, mask (without fixTriuMask), y, workspaceSize or executor is null, or a tensor has no
 * address. 161002: a dtype, format, rank, shape or stride is not as above, or the elements do not lie
 * in one allocation of aclrtMalloc; with the strict switch also fixTriuMask, and W outside 1..4096.
 * 361001, 200000, 561003: OpenCL, memory, or the build of a kernel failed. aclGetRecentErrMsg has the
 * sentence, and *executor is null.
 */
CLF_ACL_API aclnnStatus aclnnScaledMaskedSoftmaxGetWorkspaceSize(
    const aclTensor *x, const aclTensor *mask, double scale, bool fixTriuMask, aclTensor *y,
    uint64_t *workspaceSize, aclOpExecutor **executor);

/* Phase 2: enqueues the work on the stream and returns. See aclnn/aclnn_base.h. */
CLF_ACL_API aclnnStatus aclnnScaledMaskedSoftmax(void *workspace, uint64_t workspaceSize,
                                                 aclOpExecutor *executor, aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
