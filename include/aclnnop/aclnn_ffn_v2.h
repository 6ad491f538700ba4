/* aclnnFFNV2: aclnnFFN (aclnn_ffn.h) whose expert tokens may also be cumulative. */
#ifndef ACLNNOP_ACLNN_FFN_V2_H
#define ACLNNOP_ACLNN_FFN_V2_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Phase 1: as aclnnFFNGetWorkspaceSize, but with
 *
 *     tokensIndexFlag  true: expertTokens has the ends of the experts' ranges of tokens, not
 *                      decreasing, the last one M
 */
CLF_ACL_API aclnnStatus aclnnFFNV2GetWorkspaceSize(
    const aclTensor *x, const aclTensor *weight1, const aclTensor *weight2,
    const aclIntArray *expertTokens, const aclTensor *bias1, const aclTensor *bias2,
    const aclTensor *scale, const aclTensor *offset, const aclTensor *deqScale1,
    const aclTensor *deqScale2, const aclTensor *antiquantScale1, const aclTensor *antiquantScale2,
    const aclTensor *antiquantOffset1, const aclTensor *antiquantOffset2, const char *activation,
    int64_t innerPrecise, bool tokensIndexFlag, const aclTensor *y, uint64_t *workspaceSize,
    aclOpExecutor **executor);

/* Phase 2: enqueues the work on the stream and returns. See aclnn/aclnn_base.h. */
CLF_ACL_API aclnnStatus aclnnFFNV2(void *workspace, uint64_t workspaceSize, aclOpExecutor *executor,
                                   aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
