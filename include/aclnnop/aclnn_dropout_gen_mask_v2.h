/*
 * aclnnDropoutGenMaskV2: the bits of a dropout mask, one per element, as attention's dropMaskOptional
 * takes them. The generator stands in clformer/attention.h (clf_dropout_mask_args).
 */
#ifndef ACLNNOP_ACLNN_DROPOUT_GEN_MASK_V2_H
#define ACLNNOP_ACLNN_DROPOUT_GEN_MASK_V2_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Phase 1: checks, plans, and tells what phase 2 needs. Everything is copied. Safe in any thread.
 *
 *     shape          of the tensor that the mask is for; its product, n, is the number of elements
 *     prob           probability that an element is dropped, in [0, 1)
 *     seed, offset   of the generator; negative numbers count as their two's complement
 *     probDataType   ACL_FLOAT, ACL_FLOAT16 or ACL_BF16: the type that prob is rounded to, and the
 *                    number of random bits per element with it
 *     out            uint8, one axis of ceil(n / 128) * 16 elements or more; contiguous
 *
 * *workspaceSize is 0. 161001: shape, out, workspaceSize or executor is null, or out has no address.
 * 161002: anything else that is not as above. Others as for aclnnScaledMaskedSoftmaxGetWorkspaceSize.
 */
CLF_ACL_API aclnnStatus aclnnDropoutGenMaskV2GetWorkspaceSize(
    const aclIntArray *shape, double prob, int64_t seed, int64_t offset, aclDataType probDataType,
    aclTensor *out, uint64_t *workspaceSize, aclOpExecutor **executor);

/* Phase 2: enqueues the work on the stream and returns. See aclnn/aclnn_base.h. */
CLF_ACL_API aclnnStatus aclnnDropoutGenMaskV2(void *workspace, uint64_t workspaceSize,
                                              aclOpExecutor *executor, aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
