/* aclnnFusedFloydAttention and its gradient: what CANN asks for beyond clformer/floyd.h. */
#include <acl/acl_clformer.h>
#include <aclnnop/aclnn_fused_floyd_attention.h>
#include <aclnnop/aclnn_fused_floyd_attention_grad.h>
#include <clformer/floyd.h>

#include "acl/aclnn_checks.h"

#define RANK 5

static const char forward_name[] = "aclnnFusedFloydAttention";
static const char gradient_name[] = "aclnnFusedFloydAttentionGrad";

/* The document's limits of B, H, N, M, D (query's axes) and K. */
static const struct {
    const char *name;
    int64_t lowest;
    int64_t highest;
    int64_t multiple;
} strict_limits[RANK + 1] = {
    {"query's axis 0 (B)", 1, 2048, 1},      {"query's axis 1 (H)", 1, 256, 1},
    {"query's axis 2 (N)", 16, 1048576, 16}, {"query's axis 3 (M)", 128, 1048576, 128},
    {"query's axis 4 (D)", 32, 128, 32},     {"key1's axis 3 (K)", 128, 1048576, 128},
};

static aclnnStatus check_limits(clf_i_acl_call *call, const clf_tensor *query,
                                const clf_tensor *key1) {
    aclnnStatus status = ACLNN_SUCCESS;
    for (int i = 0; i <= RANK && status == ACLNN_SUCCESS; i++) {
        const int64_t size = i < RANK ? query->shape[i] : key1->shape[3];
        status = clf_i_aclnn_limit(call, ACLNN_ERR_INNER_TILING_ERROR, strict_limits[i].name, size,
                                   strict_limits[i].lowest, strict_limits[i].highest);
        if (status == ACLNN_SUCCESS && size % strict_limits[i].multiple != 0) {
            status = clf_i_acl_call_refuse(
                call, ACLNN_ERR_INNER_TILING_ERROR,
                "%s is %lld, accepted with the strict switch: multiples of %lld",
                strict_limits[i].name, (long long)size, (long long)strict_limits[i].multiple);
        }
    }
    if (status == ACLNN_SUCCESS && query->shape[4] == 96) {
        status = clf_i_acl_call_refuse(
            call, ACLNN_ERR_INNER_TILING_ERROR,
            "query's axis 4 (D) is 96, accepted with the strict switch: 32, 64, 128");
    }
    return status;
}

/* The gradient's mask, which CANN takes in one form only. */
static aclnnStatus check_grad_mask(clf_i_acl_call *call, const clf_tensor *mask) {
    for (int axis = 1; axis <= 3; axis += 2) {
        if (mask->rank == RANK && mask->shape[axis] != 1) {
            return clf_i_acl_call_refuse(call, ACLNN_ERR_INNER_TILING_ERROR,
                                         "attenMaskOptional has size %lld on axis %d, accepted "
                                         "with the strict switch: 1",
                                         (long long)mask->shape[axis], axis);
        }
    }
    return ACLNN_SUCCESS;
}

/* Operands of both functions that come first, in the order of the prototypes. */
enum { QUERY, KEY1, VALUE1, KEY2, VALUE2 };

static aclnnStatus check(clf_i_acl_call *call, const clf_tensor *grad_mask) {
    static const int dtypes[] = {CLF_DTYPE_FP16, CLF_DTYPE_BF16, -1};
    const clf_tensor *query = clf_i_acl_given(call, QUERY);
    const clf_tensor *key1 = clf_i_acl_given(call, KEY1);
    aclnnStatus status = clf_i_aclnn_expect_dtype(call, QUERY, dtypes);
    if (clf_acl_is_strict()) {
        if (status == ACLNN_SUCCESS && query->rank == RANK && key1->rank == RANK) {
            status = check_limits(call, query, key1);
        }
        if (status == ACLNN_SUCCESS && grad_mask != NULL) {
            status = check_grad_mask(call, grad_mask);
        }
    }
    return status;
}

aclnnStatus aclnnFusedFloydAttentionGetWorkspaceSize(
    const aclTensor *query, const aclTensor *key1, const aclTensor *value1, const aclTensor *key2,
    const aclTensor *value2, const aclTensor *attenMaskOptional, double scaleValue,
    const aclTensor *softmaxMaxOut, const aclTensor *softmaxSumOut,
    const aclTensor *attentionOutOut, uint64_t *workspaceSize, aclOpExecutor **executor) {
    enum { ATTEN_MASK = VALUE2 + 1, SOFTMAX_MAX, SOFTMAX_SUM, ATTENTION_OUT };
    const clf_i_acl_operand operands[] = {
        CLF_I_ACLNN_IN(query, QUERY),
        CLF_I_ACLNN_IN(key1, KEY1),
        CLF_I_ACLNN_IN(value1, VALUE1),
        CLF_I_ACLNN_IN(key2, KEY2),
        CLF_I_ACLNN_IN(value2, VALUE2),
        CLF_I_ACLNN_MAYBE_IN(attenMaskOptional, ATTEN_MASK),
        CLF_I_ACLNN_OUT(softmaxMaxOut, SOFTMAX_MAX),
        CLF_I_ACLNN_OUT(softmaxSumOut, SOFTMAX_SUM),
        CLF_I_ACLNN_OUT(attentionOutOut, ATTENTION_OUT),
    };
    clf_i_acl_call call;
    clf_floyd_attention_args args = CLF_FLOYD_ATTENTION_ARGS;
    clf_plan *plan = NULL;
    aclnnStatus status = CLF_I_ACL_BEGIN(&call, forward_name, operands, workspaceSize, executor);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    args.query = clf_i_acl_given(&call, QUERY);
    args.key1 = clf_i_acl_given(&call, KEY1);
    args.value1 = clf_i_acl_given(&call, VALUE1);
    args.key2 = clf_i_acl_given(&call, KEY2);
    args.value2 = clf_i_acl_given(&call, VALUE2);
    args.atten_mask = clf_i_aclnn_present(&call, ATTEN_MASK);
    args.softmax_max = clf_i_acl_given(&call, SOFTMAX_MAX);
    args.softmax_sum = clf_i_acl_given(&call, SOFTMAX_SUM);
    args.attention_out = clf_i_acl_given(&call, ATTENTION_OUT);
    args.scale_value = scaleValue;
    if (clf_i_aclnn_num_elements(args.softmax_max) == 0 &&
        clf_i_aclnn_num_elements(args.softmax_sum) == 0 &&
        clf_i_aclnn_num_elements(args.attention_out) == 0) {
        return clf_i_acl_call_finish(&call, CLF_SUCCESS, NULL); /* nothing to do */
    }
    status = check(&call, NULL);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    const clf_status planned = clf_floyd_attention_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

CLF_I_ACL_SECOND_PHASE(aclnnFusedFloydAttention)

aclnnStatus aclnnFusedFloydAttentionGradGetWorkspaceSize(
    const aclTensor *query, const aclTensor *key1, const aclTensor *value1, const aclTensor *key2,
    const aclTensor *value2, const aclTensor *dy, const aclTensor *attenMaskOptional,
    const aclTensor *softmaxMax, const aclTensor *softmaxSum, const aclTensor *attentionIn,
    double scaleValue, const aclTensor *dqOut, const aclTensor *dk1Out, const aclTensor *dv1Out,
    const aclTensor *dk2Out, const aclTensor *dv2Out, uint64_t *workspaceSize,
    aclOpExecutor **executor) {
    enum { DY = VALUE2 + 1, ATTEN_MASK, SOFTMAX_MAX, SOFTMAX_SUM, ATTENTION_IN };
    enum { DQ = ATTENTION_IN + 1, DK1, DV1, DK2, DV2 };
    const clf_i_acl_operand operands[] = {
        CLF_I_ACLNN_IN(query, QUERY),
        CLF_I_ACLNN_IN(key1, KEY1),
        CLF_I_ACLNN_IN(value1, VALUE1),
        CLF_I_ACLNN_IN(key2, KEY2),
        CLF_I_ACLNN_IN(value2, VALUE2),
        CLF_I_ACLNN_IN(dy, GRAD_OUTPUT),
        CLF_I_ACLNN_MAYBE_IN(attenMaskOptional, ATTEN_MASK),
        CLF_I_ACLNN_IN(softmaxMax, SOFTMAX_MAX),
        CLF_I_ACLNN_IN(softmaxSum, SOFTMAX_SUM),
        CLF_I_ACLNN_IN(attentionIn, ATTENTION_IN),
        CLF_I_ACLNN_OUT(dqOut, GRAD_QUERY),
        CLF_I_ACLNN_OUT(dk1Out, GRAD_KEY1),
        CLF_I_ACLNN_OUT(dv1Out, GRAD_VALUE1),
        CLF_I_ACLNN_OUT(dk2Out, GRAD_KEY2),
        CLF_I_ACLNN_OUT(dv2Out, GRAD_VALUE2),
    };
    clf_i_acl_call call;
    clf_floyd_attention_grad_args args = CLF_FLOYD_ATTENTION_GRAD_ARGS;
    clf_plan *plan = NULL;
    aclnnStatus status = CLF_I_ACL_BEGIN(&call, gradient_name, operands, workspaceSize, executor);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    args.query = clf_i_acl_given(&call, QUERY);
    args.key1 = clf_i_acl_given(&call, KEY1);
    args.value1 = clf_i_acl_given(&call, VALUE1);
    args.key2 = clf_i_acl_given(&call, KEY2);
    args.value2 = clf_i_acl_given(&call, VALUE2);
    args.grad_output = clf_i_acl_given(&call, DY);
    args.atten_mask = clf_i_aclnn_present(&call, ATTEN_MASK);
    args.softmax_max = clf_i_acl_given(&call, SOFTMAX_MAX);
    args.softmax_sum = clf_i_acl_given(&call, SOFTMAX_SUM);
    args.attention_in = clf_i_acl_given(&call, ATTENTION_IN);
    args.grad_query = clf_i_acl_given(&call, DQ);
    args.grad_key1 = clf_i_acl_given(&call, DK1);
    args.grad_value1 = clf_i_acl_given(&call, DV1);
    args.grad_key2 = clf_i_acl_given(&call, DK2);
    args.grad_value2 = clf_i_acl_given(&call, DV2);
    args.scale_value = scaleValue;
    status = check(&call, args.atten_mask);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    const clf_status planned = clf_floyd_attention_grad_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

CLF_I_ACL_SECOND_PHASE(aclnnFusedFloydAttentionGrad)
