/*
 * aclnnScaledMaskedSoftmaxBackward: the gradient of aclnnScaledMaskedSoftmax with respect to x, after
 * the operator document of that name; the formula stands in clformer/softmax.h.
 */
#ifndef ACLNNOP_ACLNN_SCALED_MASKED_SOFTMAX_BACKWARD_H
#define ACLNNOP_ACLNN_SCALED_MASKED_SOFTMAX_BACKWARD_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Phase 1: checks, plans, and tells what phase 2 needs. Everything is copied: the tensors may be
 * destroyed before phase 2, their device memory may not be freed. Safe in any thread.
 *
 *     gradOutput   [B,N,H,W], fp16, bf16 or fp32; any strides
 *     y            shape and dtype of gradOutput: the forward's output
 *     mask         as in the forward; fully masked rows get gradient 0
 *     scale        the forward's
 *     fixTriuMask  the forward's
 *     out          shape and dtype of gradOutput; any strides without overlap; may be gradOutput or
 *                  y itself
 *
 * Empty tensors are a success. *workspaceSize is 0. Statuses as for the forward; 161001 also for
 * gradOutput, y, mask (without fixTriuMask) and out.
 */
CLF_ACL_API aclnnStatus aclnnScaledMaskedSoftmaxBackwardGetWorkspaceSize(
    const aclTensor *gradOutput, const aclTensor *y, const aclTensor *mask, double scale,
    bool fixTriuMask, aclTensor *out, uint64_t *workspaceSize, aclOpExecutor **executor);

/* Phase 2: enqueues the work on the stream and returns. See aclnn/aclnn_base.h. */
CLF_ACL_API aclnnStatus aclnnScaledMaskedSoftmaxBackward(void *workspace, uint64_t workspaceSize,
                                                         aclOpExecutor *executor,
                                                         aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
