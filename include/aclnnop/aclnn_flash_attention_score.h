/*
 * aclnnFlashAttentionScore and its versions: fused attention that never stores the scores, after the
 * operator document "FlashAttentionScore". The formula, the sparse modes and everything on rows that
 * nothing is computed for stand in clformer/attention.h; the gradient in
 * aclnn_flash_attention_score_grad.h.
 *
 * Each GetWorkspaceSize checks, plans, and tells what the function of the same name without it needs,
 * which enqueues the work on the stream and returns (see aclnn/aclnn_base.h). Everything is copied:
 * tensors, arrays and strings may be destroyed between the two, device memory may not be freed. Safe
 * in any thread.
 *
 *     query, key, value    fp32, fp16 or bf16, all alike; D up to 768; any strides. By inputLayout BSH,
 *                          SBH, BSND, BNSD as [B,Sq,N*D] .. [B,N,Sq,D], or [T,N,D] with TND
 *     realShiftOptional    position bias (pse), or null. pseType 0, 1: query's dtype, [B or 1, N, Sq or
 *                          1, Skv], or the last 1024 rows under a causal mode; 2, 3: fp32 slopes, [N] or
 *                          [B,N]
 *     dropMaskOptional     uint8, one bit per score (aclnn_dropout_gen_mask_v2.h), or null; without it
 *                          keepProb has no effect
 *     paddingMaskOptional  reserved; must be null
 *     attenMaskOptional    bool or uint8, nonzero = masked out: [B,N,Sq,Skv], [B,1,Sq,Skv],
 *                          [1,1,Sq,Skv], [Sq,Skv]; with sparse modes 2 to 4, 7, 8 [2048,2048], with 6
 *                          [3072,2048]; or null: sparseMode, preTokens and nextTokens have no effect
 *     prefixOptional       sparse modes 5 and 6: one number per batch element
 *     actualSeqQLenOptional, actualSeqKvLenOptional
 *                          the ends of the sequences in T, cumulative; required
 *     qStartIdxOptional, kvStartIdxOptional
 *                          pseType 2, 3: where this slice begins, one value; null or empty: 0
 *     scaleValue           factor of the scores, usually 1 / sqrt(D)
 *     keepProb             in (0, 1]
 *     preTokens, nextTokens  bounds of the window of sparse modes 0, 4, 7, 8; 2147483647: none
 *     headNum              N
 *     inputLayout          in capitals. TND with the VarLen functions only, and only that
 *     innerPrecise         2: rows that nothing is computed for give 0; 0 and 1 are alike
 *     sparseMode           0 to 6; VarLen functions 0 to 4, 6, 7, 8
 *     pseType              0: pse is added after scaling; 1: before; 2, 3: slopes
 *     softmaxOutLayout     order of the statistics in memory. "" or null: batch elements one after the
 *                          other, each [N,Sq,8]; "same_as_input": [T,N,8]
 *     softmaxMaxOut, softmaxSumOut
 *                          fp32, 8 equal copies: [B,N,Sq,8]; VarLen functions [T,N,8], contiguous, and,
 *                          unless softmaxOutLayout says otherwise, also [N,T,8]: the same memory
 *     softmaxOutOut        reserved; not written, may be null
 *     attentionOutOut      query's dtype and layout, with value's head dimension
 *
 * An optional tensor that has no elements counts as null. Outputs without elements: nothing is done,
 * successfully. Outputs must not overlap inputs.
 *
 * 161001: query, key, value, inputLayout, softmaxMaxOut, softmaxSumOut, attentionOutOut, workspaceSize
 * or executor is null, or a tensor has no address. 161002: dtype, format, layout, rank, headNum, head
 * dimension, paddingMaskOptional, or elements that do not lie in one allocation of aclrtMalloc. 561002:
 * shapes, lengths, tokens, prefix or modes that break the document's rules; with the strict switch also
 * its limits (docs/coming-from-cann.md). 361001, 200000, 561003: OpenCL, memory, or the build of a
 * kernel failed. aclGetRecentErrMsg has the sentence, and *executor is null.
 */
#ifndef ACLNNOP_ACLNN_FLASH_ATTENTION_SCORE_H
#define ACLNNOP_ACLNN_FLASH_ATTENTION_SCORE_H

#include <aclnn/aclnn_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Batch elements of one length; pseType 1. */
CLF_ACL_API aclnnStatus aclnnFlashAttentionScoreGetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, const aclTensor *softmaxMaxOut, const aclTensor *softmaxSumOut,
    const aclTensor *softmaxOutOut, const aclTensor *attentionOutOut, uint64_t *workspaceSize,
    aclOpExecutor **executor);
CLF_ACL_API aclnnStatus aclnnFlashAttentionScore(void *workspace, uint64_t workspaceSize,
                                                 aclOpExecutor *executor, aclrtStream stream);

/* The same with pseType. */
CLF_ACL_API aclnnStatus aclnnFlashAttentionScoreV2GetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, const aclIntArray *qStartIdxOptional,
    const aclIntArray *kvStartIdxOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, int64_t pseType, const aclTensor *softmaxMaxOut,
    const aclTensor *softmaxSumOut, const aclTensor *softmaxOutOut,
    const aclTensor *attentionOutOut, uint64_t *workspaceSize, aclOpExecutor **executor);
CLF_ACL_API aclnnStatus aclnnFlashAttentionScoreV2(void *workspace, uint64_t workspaceSize,
                                                   aclOpExecutor *executor, aclrtStream stream);

/* Sequences of different lengths, layout TND; pseType 1. */
CLF_ACL_API aclnnStatus aclnnFlashAttentionVarLenScoreGetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, double scaleValue, double keepProb,
    int64_t preTokens, int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, const aclTensor *softmaxMaxOut, const aclTensor *softmaxSumOut,
    const aclTensor *softmaxOutOut, const aclTensor *attentionOutOut, uint64_t *workspaceSize,
    aclOpExecutor **executor);
CLF_ACL_API aclnnStatus aclnnFlashAttentionVarLenScore(void *workspace, uint64_t workspaceSize,
                                                       aclOpExecutor *executor, aclrtStream stream);

/* The same with pseType. */
CLF_ACL_API aclnnStatus aclnnFlashAttentionVarLenScoreV2GetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, const aclIntArray *qStartIdxOptional,
    const aclIntArray *kvStartIdxOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, int64_t pseType, const aclTensor *softmaxMaxOut,
    const aclTensor *softmaxSumOut, const aclTensor *softmaxOutOut,
    const aclTensor *attentionOutOut, uint64_t *workspaceSize, aclOpExecutor **executor);
CLF_ACL_API aclnnStatus aclnnFlashAttentionVarLenScoreV2(void *workspace, uint64_t workspaceSize,
                                                         aclOpExecutor *executor,
                                                         aclrtStream stream);

/* VarLenScore with the order of the statistics. */
CLF_ACL_API aclnnStatus aclnnFlashAttentionVarLenScoreV4GetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, double scaleValue, double keepProb,
    int64_t preTokens, int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, char *softmaxOutLayout, const aclTensor *softmaxMaxOut,
    const aclTensor *softmaxSumOut, const aclTensor *softmaxOutOut,
    const aclTensor *attentionOutOut, uint64_t *workspaceSize, aclOpExecutor **executor);
CLF_ACL_API aclnnStatus aclnnFlashAttentionVarLenScoreV4(void *workspace, uint64_t workspaceSize,
                                                         aclOpExecutor *executor,
                                                         aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
