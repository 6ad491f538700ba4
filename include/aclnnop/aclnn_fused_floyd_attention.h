/*
 * aclnnFusedFloydAttention: attention over the edges of a graph with pivot k, after the operator
 * document of that name; the formula stands in clformer/floyd.h.
 */
#ifndef ACLNNOP_ACLNN_FUSED_FLOYD_ATTENTION_H
#define ACLNNOP_ACLNN_FUSED_FLOYD_ATTENTION_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Phase 1: checks, plans, and tells what phase 2 needs. Everything is copied: the tensors may be
 * destroyed before phase 2, their device memory may not be freed. Safe in any thread.
 *
 *     query              [B,H,N,M,D], fp16 or bf16; D 1..256; any strides, as for all tensors
 *     key1, value1       [B,H,N,K,D], query's dtype
 *     key2, value2       [B,H,K,M,D], query's dtype
 *     attenMaskOptional  bool or uint8, nonzero = masked out; [B,H,N,M,K], any axes of it 1, such as
 *                        the document's [B,1,N,1,K]; null = nothing is masked
 *     scaleValue         any sign; rounded to float first
 *     softmaxMaxOut      [B,H,N,M,8], fp32: 8 equal copies
 *     softmaxSumOut      [B,H,N,M,8], fp32: 8 equal copies
 *     attentionOutOut    [B,H,N,M,D], query's dtype, or fp32
 *
 * Without elements in the outputs nothing is done, successfully.
 *
 * 161001: a required tensor, workspaceSize or executor is null, or a tensor has no address. 161002: a
 * dtype or format is not as above, outputs overlap, or elements do not lie in one allocation of
 * aclrtMalloc. 561002: ranks, shapes and sizes; with the strict switch also the document's limits: B up
 * to 2048, H up to 256, N a multiple of 16, M and K multiples of 128, all up to 1048576, and D 32, 64
 * or 128. 361001, 200000, 561003: OpenCL, memory, or the build of a kernel failed. aclGetRecentErrMsg
 * has the sentence, and *executor is null.
 */
CLF_ACL_API aclnnStatus aclnnFusedFloydAttentionGetWorkspaceSize(
    const aclTensor *query, const aclTensor *key1, const aclTensor *value1, const aclTensor *key2,
    const aclTensor *value2, const aclTensor *attenMaskOptional, double scaleValue,
    const aclTensor *softmaxMaxOut, const aclTensor *softmaxSumOut,
    const aclTensor *attentionOutOut, uint64_t *workspaceSize, aclOpExecutor **executor);

/* Phase 2: enqueues the work on the stream and returns. See aclnn/aclnn_base.h. */
CLF_ACL_API aclnnStatus aclnnFusedFloydAttention(void *workspace, uint64_t workspaceSize,
                                                 aclOpExecutor *executor, aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
