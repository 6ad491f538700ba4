/* aclnnFlashAttentionScore and its versions: one function with a record of what each has. */
#include <aclnnop/aclnn_flash_attention_score.h>

#include "acl/aclnn_attention.h"

/* Operands in the order of the prototypes; softmaxOutOut is none. */
enum {
    QUERY,
    KEY,
    VALUE,
    PSE,
    DROP_MASK,
    PADDING_MASK,
    ATTEN_MASK,
    SOFTMAX_MAX,
    SOFTMAX_SUM,
    ATTENTION_OUT,
    NUM_OPERANDS
};

#define OPERANDS                                                                                   \
    {                                                                                              \
        CLF_I_ACLNN_IN(query, QUERY), CLF_I_ACLNN_IN(key, KEY), CLF_I_ACLNN_IN(value, VALUE),      \
            CLF_I_ACLNN_MAYBE_IN(realShiftOptional, PSE),                                          \
            CLF_I_ACLNN_MAYBE_IN(dropMaskOptional, DROP_MASK),                                     \
            {"paddingMaskOptional", paddingMaskOptional, (clf_slot)0, CLF_I_ACL_OPTIONAL_INPUT},   \
            CLF_I_ACLNN_MAYBE_IN(attenMaskOptional, ATTEN_MASK),                                   \
            CLF_I_ACLNN_OUT(softmaxMaxOut, SOFTMAX_MAX),                                           \
            CLF_I_ACLNN_OUT(softmaxSumOut, SOFTMAX_SUM),                                           \
            CLF_I_ACLNN_OUT(attentionOutOut, ATTENTION_OUT),                                       \
    }

static aclnnStatus plan_attention(const clf_i_aclnn_attention *given,
                                  const clf_i_acl_operand operands[NUM_OPERANDS],
                                  uint64_t *workspace_size, aclOpExecutor **executor) {
    static const clf_i_aclnn_attention_operands places = {
        .query = QUERY,
        .key = KEY,
        .value = VALUE,
        .pse = PSE,
        .drop_mask = DROP_MASK,
        .padding_mask = PADDING_MASK,
        .atten_mask = ATTEN_MASK,
        .softmax_max = SOFTMAX_MAX,
        .softmax_sum = SOFTMAX_SUM,
        .attention = ATTENTION_OUT,
    };
    clf_i_acl_call call;
    clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    clf_plan *plan = NULL;
    aclnnStatus status = clf_i_acl_call_begin(&call, given->function, operands, NUM_OPERANDS,
                                              workspace_size, executor);
    if (status == ACLNN_SUCCESS) {
        status = clf_i_aclnn_attention_convert(&call, given, &places, &args);
    }
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    const clf_status planned = clf_flash_attention_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

aclnnStatus aclnnFlashAttentionScoreGetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, const aclTensor *softmaxMaxOut, const aclTensor *softmaxSumOut,
    const aclTensor *softmaxOutOut, const aclTensor *attentionOutOut, uint64_t *workspaceSize,
    aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {
        .function = "aclnnFlashAttentionScore", .pse_type = 1, CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxOutOut;
    return plan_attention(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionScore)

aclnnStatus aclnnFlashAttentionScoreV2GetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, const aclIntArray *qStartIdxOptional,
    const aclIntArray *kvStartIdxOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, int64_t pseType, const aclTensor *softmaxMaxOut,
    const aclTensor *softmaxSumOut, const aclTensor *softmaxOutOut,
    const aclTensor *attentionOutOut, uint64_t *workspaceSize, aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {.function = "aclnnFlashAttentionScoreV2",
                                         .query_start = qStartIdxOptional,
                                         .key_start = kvStartIdxOptional,
                                         .pse_type = pseType,
                                         CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxOutOut;
    return plan_attention(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionScoreV2)

aclnnStatus aclnnFlashAttentionVarLenScoreGetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, double scaleValue, double keepProb,
    int64_t preTokens, int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, const aclTensor *softmaxMaxOut, const aclTensor *softmaxSumOut,
    const aclTensor *softmaxOutOut, const aclTensor *attentionOutOut, uint64_t *workspaceSize,
    aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {.function = "aclnnFlashAttentionVarLenScore",
                                         .is_varlen = true,
                                         .query_ends = actualSeqQLenOptional,
                                         .key_ends = actualSeqKvLenOptional,
                                         .pse_type = 1,
                                         CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxOutOut;
    return plan_attention(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionVarLenScore)

aclnnStatus aclnnFlashAttentionVarLenScoreV2GetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, const aclIntArray *qStartIdxOptional,
    const aclIntArray *kvStartIdxOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, int64_t pseType, const aclTensor *softmaxMaxOut,
    const aclTensor *softmaxSumOut, const aclTensor *softmaxOutOut,
    const aclTensor *attentionOutOut, uint64_t *workspaceSize, aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {.function = "aclnnFlashAttentionVarLenScoreV2",
                                         .is_varlen = true,
                                         .query_ends = actualSeqQLenOptional,
                                         .key_ends = actualSeqKvLenOptional,
                                         .query_start = qStartIdxOptional,
                                         .key_start = kvStartIdxOptional,
                                         .pse_type = pseType,
                                         CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxOutOut;
    return plan_attention(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionVarLenScoreV2)

aclnnStatus aclnnFlashAttentionVarLenScoreV4GetWorkspaceSize(
    const aclTensor *query, const aclTensor *key, const aclTensor *value,
    const aclTensor *realShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, double scaleValue, double keepProb,
    int64_t preTokens, int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, char *softmaxOutLayout, const aclTensor *softmaxMaxOut,
    const aclTensor *softmaxSumOut, const aclTensor *softmaxOutOut,
    const aclTensor *attentionOutOut, uint64_t *workspaceSize, aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {.function = "aclnnFlashAttentionVarLenScoreV4",
                                         .is_varlen = true,
                                         .query_ends = actualSeqQLenOptional,
                                         .key_ends = actualSeqKvLenOptional,
                                         .pse_type = 1,
                                         .softmax_layout = softmaxOutLayout,
                                         CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxOutOut;
    return plan_attention(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionVarLenScoreV4)
