/* aclnnFlashAttentionScoreGrad and its versions: one function with a record of what each has. */
#include <aclnnop/aclnn_flash_attention_score_grad.h>
#include <clformer/attention_grad.h>

#include "acl/aclnn_attention.h"

/* Operands in the order of the prototypes; softmaxInOptional is none. */
enum {
    QUERY,
    KEY,
    VALUE,
    GRAD_OUTPUT,
    PSE,
    DROP_MASK,
    PADDING_MASK,
    ATTEN_MASK,
    SOFTMAX_MAX,
    SOFTMAX_SUM,
    ATTENTION_IN,
    GRAD_QUERY,
    GRAD_KEY,
    GRAD_VALUE,
    GRAD_PSE,
    NUM_OPERANDS
};

#define OPERANDS                                                                                   \
    {                                                                                              \
        CLF_I_ACLNN_IN(query, QUERY), CLF_I_ACLNN_IN(keyIn, KEY), CLF_I_ACLNN_IN(value, VALUE),    \
            CLF_I_ACLNN_IN(dy, GRAD_OUTPUT), CLF_I_ACLNN_MAYBE_IN(pseShiftOptional, PSE),          \
            CLF_I_ACLNN_MAYBE_IN(dropMaskOptional, DROP_MASK),                                     \
            {"paddingMaskOptional", paddingMaskOptional, (clf_slot)0, CLF_I_ACL_OPTIONAL_INPUT},   \
            CLF_I_ACLNN_MAYBE_IN(attenMaskOptional, ATTEN_MASK),                                   \
            CLF_I_ACLNN_IN(softmaxMaxOptional, SOFTMAX_MAX),                                       \
            CLF_I_ACLNN_IN(softmaxSumOptional, SOFTMAX_SUM),                                       \
            CLF_I_ACLNN_IN(attentionInOptional, ATTENTION_IN), CLF_I_ACLNN_OUT(dqOut, GRAD_QUERY), \
            CLF_I_ACLNN_OUT(dkOut, GRAD_KEY), CLF_I_ACLNN_OUT(dvOut, GRAD_VALUE),                  \
            {"dpseOut", dpseOut, CLF_SLOT_GRAD_PSE, CLF_I_ACL_OPTIONAL_OUTPUT},                    \
    }

/* What the gradient repeats of the forward. */
static void copy_forward(const clf_flash_attention_args *forward,
                         clf_flash_attention_grad_args *args) {
    args->query = forward->query;
    args->key = forward->key;
    args->value = forward->value;
    args->pse = forward->pse;
    args->drop_mask = forward->drop_mask;
    args->padding_mask = forward->padding_mask;
    args->atten_mask = forward->atten_mask;
    args->attention_in = forward->attention_out;
    args->softmax_max = forward->softmax_max;
    args->softmax_sum = forward->softmax_sum;
    args->input_layout = forward->input_layout;
    args->head_num = forward->head_num;
    args->scale = forward->scale;
    args->keep_prob = forward->keep_prob;
    args->pre_tokens = forward->pre_tokens;
    args->next_tokens = forward->next_tokens;
    args->inner_precise = forward->inner_precise;
    args->sparse_mode = forward->sparse_mode;
    args->pse_type = forward->pse_type;
    args->q_start_idx = forward->q_start_idx;
    args->kv_start_idx = forward->kv_start_idx;
    args->prefix = forward->prefix;
    args->num_prefix = forward->num_prefix;
    args->actual_seq_qlen = forward->actual_seq_qlen;
    args->num_actual_seq_qlen = forward->num_actual_seq_qlen;
    args->actual_seq_kvlen = forward->actual_seq_kvlen;
    args->num_actual_seq_kvlen = forward->num_actual_seq_kvlen;
    args->softmax_layout = forward->softmax_layout;
}

/* CANN leaves dpseOut alone without a bias, and where it is fp32 and the bias is not. */
static const clf_tensor *wanted_grad_pse(const clf_i_acl_call *call, const clf_tensor *pse) {
    const clf_tensor *grad_pse = clf_i_aclnn_present(call, GRAD_PSE);
    const bool is_left =
        pse == NULL || (grad_pse != NULL && grad_pse->dtype == CLF_DTYPE_FP32 &&
                        (pse->dtype == CLF_DTYPE_FP16 || pse->dtype == CLF_DTYPE_BF16));
    return is_left ? NULL : grad_pse;
}

static aclnnStatus plan_gradient(const clf_i_aclnn_attention *given,
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
        .attention = ATTENTION_IN,
    };
    clf_i_acl_call call;
    clf_flash_attention_args forward = CLF_FLASH_ATTENTION_ARGS;
    clf_flash_attention_grad_args args = CLF_FLASH_ATTENTION_GRAD_ARGS;
    clf_plan *plan = NULL;
    aclnnStatus status = clf_i_acl_call_begin(&call, given->function, operands, NUM_OPERANDS,
                                              workspace_size, executor);
    if (status == ACLNN_SUCCESS) {
        status = clf_i_aclnn_attention_convert(&call, given, &places, &forward);
    }
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    copy_forward(&forward, &args);
    args.grad_output = clf_i_acl_given(&call, GRAD_OUTPUT);
    args.grad_query = clf_i_acl_given(&call, GRAD_QUERY);
    args.grad_key = clf_i_acl_given(&call, GRAD_KEY);
    args.grad_value = clf_i_acl_given(&call, GRAD_VALUE);
    args.grad_pse = wanted_grad_pse(&call, args.pse);
    if (args.grad_pse == NULL) {
        call.operands[GRAD_PSE].slot = (clf_slot)0;
    }
    const clf_status planned = clf_flash_attention_grad_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

aclnnStatus aclnnFlashAttentionScoreGradGetWorkspaceSize(
    const aclTensor *query, const aclTensor *keyIn, const aclTensor *value, const aclTensor *dy,
    const aclTensor *pseShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclTensor *softmaxMaxOptional, const aclTensor *softmaxSumOptional,
    const aclTensor *softmaxInOptional, const aclTensor *attentionInOptional,
    const aclIntArray *prefixOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, const aclTensor *dqOut, const aclTensor *dkOut, const aclTensor *dvOut,
    const aclTensor *dpseOut, uint64_t *workspaceSize, aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {
        .function = "aclnnFlashAttentionScoreGrad", .pse_type = 1, CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxInOptional;
    return plan_gradient(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionScoreGrad)

aclnnStatus aclnnFlashAttentionScoreGradV2GetWorkspaceSize(
    const aclTensor *query, const aclTensor *keyIn, const aclTensor *value, const aclTensor *dy,
    const aclTensor *pseShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclTensor *softmaxMaxOptional, const aclTensor *softmaxSumOptional,
    const aclTensor *softmaxInOptional, const aclTensor *attentionInOptional,
    const aclIntArray *prefixOptional, const aclIntArray *qStartIdxOptional,
    const aclIntArray *kvStartIdxOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, int64_t pseType, const aclTensor *dqOut, const aclTensor *dkOut,
    const aclTensor *dvOut, const aclTensor *dpseOut, uint64_t *workspaceSize,
    aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {.function = "aclnnFlashAttentionScoreGradV2",
                                         .query_start = qStartIdxOptional,
                                         .key_start = kvStartIdxOptional,
                                         .pse_type = pseType,
                                         CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxInOptional;
    return plan_gradient(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionScoreGradV2)

aclnnStatus aclnnFlashAttentionUnpaddingScoreGradGetWorkspaceSize(
    const aclTensor *query, const aclTensor *keyIn, const aclTensor *value, const aclTensor *dy,
    const aclTensor *pseShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclTensor *softmaxMaxOptional, const aclTensor *softmaxSumOptional,
    const aclTensor *softmaxInOptional, const aclTensor *attentionInOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, double scaleValue, double keepProb,
    int64_t preTokens, int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, const aclTensor *dqOut, const aclTensor *dkOut, const aclTensor *dvOut,
    const aclTensor *dpseOut, uint64_t *workspaceSize, aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {.function = "aclnnFlashAttentionUnpaddingScoreGrad",
                                         .is_varlen = true,
                                         .query_ends = actualSeqQLenOptional,
                                         .key_ends = actualSeqKvLenOptional,
                                         .pse_type = 1,
                                         CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxInOptional;
    return plan_gradient(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionUnpaddingScoreGrad)

aclnnStatus aclnnFlashAttentionUnpaddingScoreGradV2GetWorkspaceSize(
    const aclTensor *query, const aclTensor *keyIn, const aclTensor *value, const aclTensor *dy,
    const aclTensor *pseShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclTensor *softmaxMaxOptional, const aclTensor *softmaxSumOptional,
    const aclTensor *softmaxInOptional, const aclTensor *attentionInOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, const aclIntArray *qStartIdxOptional,
    const aclIntArray *kvStartIdxOptional, double scaleValue, double keepProb, int64_t preTokens,
    int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, int64_t pseType, const aclTensor *dqOut, const aclTensor *dkOut,
    const aclTensor *dvOut, const aclTensor *dpseOut, uint64_t *workspaceSize,
    aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {.function = "aclnnFlashAttentionUnpaddingScoreGradV2",
                                         .is_varlen = true,
                                         .query_ends = actualSeqQLenOptional,
                                         .key_ends = actualSeqKvLenOptional,
                                         .query_start = qStartIdxOptional,
                                         .key_start = kvStartIdxOptional,
                                         .pse_type = pseType,
                                         CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxInOptional;
    return plan_gradient(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionUnpaddingScoreGradV2)

aclnnStatus aclnnFlashAttentionUnpaddingScoreGradV4GetWorkspaceSize(
    const aclTensor *query, const aclTensor *keyIn, const aclTensor *value, const aclTensor *dy,
    const aclTensor *pseShiftOptional, const aclTensor *dropMaskOptional,
    const aclTensor *paddingMaskOptional, const aclTensor *attenMaskOptional,
    const aclTensor *softmaxMaxOptional, const aclTensor *softmaxSumOptional,
    const aclTensor *softmaxInOptional, const aclTensor *attentionInOptional,
    const aclIntArray *prefixOptional, const aclIntArray *actualSeqQLenOptional,
    const aclIntArray *actualSeqKvLenOptional, double scaleValue, double keepProb,
    int64_t preTokens, int64_t nextTokens, int64_t headNum, char *inputLayout, int64_t innerPrecise,
    int64_t sparseMode, const aclTensor *dqOut, const aclTensor *dkOut, const aclTensor *dvOut,
    const aclTensor *dpseOut, char *softmaxInLayout, uint64_t *workspaceSize,
    aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = OPERANDS;
    const clf_i_aclnn_attention given = {.function = "aclnnFlashAttentionUnpaddingScoreGradV4",
                                         .is_varlen = true,
                                         .query_ends = actualSeqQLenOptional,
                                         .key_ends = actualSeqKvLenOptional,
                                         .pse_type = 1,
                                         .softmax_layout = softmaxInLayout,
                                         CLF_I_ACLNN_ATTENTION_COMMON};
    (void)softmaxInOptional;
    return plan_gradient(&given, operands, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFlashAttentionUnpaddingScoreGradV4)
