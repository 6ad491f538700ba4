/*
 * aclnnFusedFloydAttentionGrad: the five gradients of aclnnFusedFloydAttention, after the operator
 * document of that name; the formulas stand in clformer/floyd.h. (The document divides by sqrt(D),
 * which is right only for that scaleValue: the factor is scaleValue, as in CANN's kernel.)
 */
#ifndef ACLNNOP_ACLNN_FUSED_FLOYD_ATTENTION_GRAD_H
#define ACLNNOP_ACLNN_FUSED_FLOYD_ATTENTION_GRAD_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Phase 1: checks, plans, and tells what phase 2 needs. Everything is copied: the tensors may be
 * destroyed before phase 2, their device memory may not be freed. Safe in any thread.
 *
 *     query .. value2         the forward's
 *     dy                      gradient of the forward's output: [B,H,N,M,D], query's dtype
 *     attenMaskOptional       the forward's
 *     softmaxMax, softmaxSum  the forward's results; the first of 8 copies is read
 *     attentionIn             the forward's result: [B,H,N,M,D], query's dtype
 *     scaleValue              the forward's
 *     dqOut, dk1Out, dv1Out, dk2Out, dv2Out
 *                             shape and dtype of what each is the gradient of; any strides without
 *                             overlap
 *
 * Statuses as for the forward, but any axis of size 0 is 561002, and with the strict switch the mask is
 * [B,1,N,1,K]. Deterministic, which CANN's is not.
 */
CLF_ACL_API aclnnStatus aclnnFusedFloydAttentionGradGetWorkspaceSize(
    const aclTensor *query, const aclTensor *key1, const aclTensor *value1, const aclTensor *key2,
    const aclTensor *value2, const aclTensor *dy, const aclTensor *attenMaskOptional,
    const aclTensor *softmaxMax, const aclTensor *softmaxSum, const aclTensor *attentionIn,
    double scaleValue, const aclTensor *dqOut, const aclTensor *dk1Out, const aclTensor *dv1Out,
    const aclTensor *dk2Out, const aclTensor *dv2Out, uint64_t *workspaceSize,
    aclOpExecutor **executor);

/* Phase 2: enqueues the work on the stream and returns. See aclnn/aclnn_base.h. */
CLF_ACL_API aclnnStatus aclnnFusedFloydAttentionGrad(void *workspace, uint64_t workspaceSize,
                                                     aclOpExecutor *executor, aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
