/* aclnnFFNV3: aclnnFFNV2 (aclnn_ffn_v2.h) whose expert tokens lie on the device. */
#ifndef ACLNNOP_ACLNN_FFN_V3_H
#define ACLNNOP_ACLNN_FFN_V3_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Phase 1: as aclnnFFNV2GetWorkspaceSize, but with
 *
 *     expertTokensOptional  int64, [E], or null (or empty): no experts. Its values are read when the
 *                           work runs and cannot be checked: a range begins where the one before ends,
 *                           its end is moved to between there and M, and rows of y in no range are left
 */
CLF_ACL_API aclnnStatus aclnnFFNV3GetWorkspaceSize(
    const aclTensor *x, const aclTensor *weight1, const aclTensor *weight2,
    const aclTensor *expertTokensOptional, const aclTensor *bias1, const aclTensor *bias2,
    const aclTensor *scale, const aclTensor *offset, const aclTensor *deqScale1,
    const aclTensor *deqScale2, const aclTensor *antiquantScale1, const aclTensor *antiquantScale2,
    const aclTensor *antiquantOffset1, const aclTensor *antiquantOffset2, const char *activation,
    int64_t innerPrecise, bool tokensIndexFlag, const aclTensor *y, uint64_t *workspaceSize,
    aclOpExecutor **executor);

/* Phase 2: enqueues the work on the stream and returns. See aclnn/aclnn_base.h. */
CLF_ACL_API aclnnStatus aclnnFFNV3(void *workspace, uint64_t workspaceSize, aclOpExecutor *executor,
                                   aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
