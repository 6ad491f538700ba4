/* aclnnScaledMaskedSoftmax and its backward: what CANN asks for beyond clformer/softmax.h. */
#include <acl/acl_clformer.h>
#include <aclnnop/aclnn_scaled_masked_softmax.h>
#include <aclnnop/aclnn_scaled_masked_softmax_backward.h>
#include <clformer/softmax.h>

#include "acl/aclnn_checks.h"

#define RANK         4
#define STRICT_WIDTH 4096 /* of the last axis */

static const char forward_name[] = "aclnnScaledMaskedSoftmax";
static const char backward_name[] = "aclnnScaledMaskedSoftmaxBackward";

static aclnnStatus check_rank(clf_i_acl_call *call, size_t operand) {
    const int rank = (int)clf_i_acl_given(call, operand)->rank;
    return rank == RANK ? ACLNN_SUCCESS
                        : clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                                "%s has rank %d, accepted: %d",
                                                call->operands[operand].name, rank, RANK);
}

static aclnnStatus check_mask(clf_i_acl_call *call, const clf_tensor *x, size_t operand) {
    static const int dtypes[] = {CLF_DTYPE_BOOL, -1};
    const clf_tensor *mask = clf_i_acl_given(call, operand);
    aclnnStatus status = clf_i_aclnn_expect_dtype(call, operand, dtypes);
    if (status == ACLNN_SUCCESS) {
        status = check_rank(call, operand);
    }
    for (int axis = 2; axis < RANK && status == ACLNN_SUCCESS; axis++) {
        if (mask->shape[axis] != x->shape[axis]) {
            status = clf_i_acl_call_refuse(
                call, ACLNN_ERR_PARAM_INVALID, "mask has size %lld on axis %d, accepted: %lld",
                (long long)mask->shape[axis], axis, (long long)x->shape[axis]);
        }
    }
    return status;
}

/* Operand 0 is what the mask is for. */
static aclnnStatus check(clf_i_acl_call *call, size_t mask, bool fixed_triu_mask) {
    const clf_tensor *x = clf_i_acl_given(call, 0);
    aclnnStatus status = check_rank(call, 0);
    if (status == ACLNN_SUCCESS && !fixed_triu_mask) {
        status = check_mask(call, x, mask);
    }
    if (status != ACLNN_SUCCESS || !clf_acl_is_strict()) {
        return status;
    }
    if (fixed_triu_mask) {
        return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                     "fixTriuMask is true, accepted with the strict switch: false");
    }
    return clf_i_aclnn_limit(call, ACLNN_ERR_PARAM_INVALID, "the last axis' size",
                             x->shape[RANK - 1], 1, STRICT_WIDTH);
}

aclnnStatus aclnnScaledMaskedSoftmaxGetWorkspaceSize(const aclTensor *x, const aclTensor *mask,
                                                     double scale, bool fixTriuMask, aclTensor *y,
                                                     uint64_t *workspaceSize,
                                                     aclOpExecutor **executor) {
    enum { X, MASK, Y };
    const aclTensor *used_mask = fixTriuMask ? NULL : mask;
    const clf_i_acl_operand operands[] = {
        CLF_I_ACLNN_IN(x, X),
        {"mask", used_mask, CLF_SLOT_MASK,
         fixTriuMask ? CLF_I_ACL_OPTIONAL_INPUT : CLF_I_ACL_INPUT},
        CLF_I_ACLNN_OUT(y, Y),
    };
    clf_i_acl_call call;
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    clf_plan *plan = NULL;
    aclnnStatus status = CLF_I_ACL_BEGIN(&call, forward_name, operands, workspaceSize, executor);
    if (status == ACLNN_SUCCESS) {
        status = check(&call, MASK, fixTriuMask);
    }
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    args.x = clf_i_acl_given(&call, X);
    args.mask = clf_i_acl_given(&call, MASK);
    args.y = clf_i_acl_given(&call, Y);
    args.scale = scale;
    args.fixed_triu_mask = fixTriuMask;
    const clf_status planned = clf_scaled_masked_softmax_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

CLF_I_ACL_SECOND_PHASE(aclnnScaledMaskedSoftmax)

aclnnStatus aclnnScaledMaskedSoftmaxBackwardGetWorkspaceSize(
    const aclTensor *gradOutput, const aclTensor *y, const aclTensor *mask, double scale,
    bool fixTriuMask, aclTensor *out, uint64_t *workspaceSize, aclOpExecutor **executor) {
    enum { GRAD_OUTPUT, Y, MASK, OUT };
    const aclTensor *used_mask = fixTriuMask ? NULL : mask;
    const clf_i_acl_operand operands[] = {
        CLF_I_ACLNN_IN(gradOutput, GRAD_OUTPUT),
        CLF_I_ACLNN_IN(y, Y),
        {"mask", used_mask, CLF_SLOT_MASK,
         fixTriuMask ? CLF_I_ACL_OPTIONAL_INPUT : CLF_I_ACL_INPUT},
        CLF_I_ACLNN_OUT(out, GRAD_X),
    };
    clf_i_acl_call call;
    clf_scaled_masked_softmax_grad_args args = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
    clf_plan *plan = NULL;
    aclnnStatus status = CLF_I_ACL_BEGIN(&call, backward_name, operands, workspaceSize, executor);
    if (status == ACLNN_SUCCESS) {
        status = check(&call, MASK, fixTriuMask);
    }
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    args.grad_output = clf_i_acl_given(&call, GRAD_OUTPUT);
    args.y = clf_i_acl_given(&call, Y);
    args.mask = clf_i_acl_given(&call, MASK);
    args.grad_x = clf_i_acl_given(&call, OUT);
    args.scale = scale;
    args.fixed_triu_mask = fixTriuMask;
    const clf_status planned =
        clf_scaled_masked_softmax_grad_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

CLF_I_ACL_SECOND_PHASE(aclnnScaledMaskedSoftmaxBackward)
