/* See acl_operator.h. */
#include "acl_operator.h"

#include <clformer/ffn.h>
#include <clformer/softmax.h>

aclnnStatus own_softmax_plan(const aclTensor *x, const aclTensor *y, uint64_t *workspaceSize,
                             aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = {
        {"x", x, CLF_SLOT_X, CLF_I_ACL_INPUT},
        {"mask", NULL, CLF_SLOT_MASK, CLF_I_ACL_OPTIONAL_INPUT},
        {"y", y, CLF_SLOT_Y, CLF_I_ACL_OUTPUT},
    };
    clf_i_acl_call call;
    const aclnnStatus status =
        CLF_I_ACL_BEGIN(&call, "own_softmax", operands, workspaceSize, executor);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.x = clf_i_acl_given(&call, 0);
    args.mask = clf_i_acl_given(&call, 1);
    args.y = clf_i_acl_given(&call, 2);
    clf_plan *plan = NULL;
    const clf_status planned = clf_scaled_masked_softmax_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

aclnnStatus own_softmax(void *workspace, uint64_t workspaceSize, aclOpExecutor *executor,
                        aclrtStream stream) {
    return clf_i_acl_run("own_softmax", workspace, workspaceSize, executor, stream);
}

aclnnStatus own_ffn_plan(const aclTensor *x, const aclTensor *weight1, const aclTensor *weight2,
                         const aclIntArray *tokens, const aclTensor *y, uint64_t *workspaceSize,
                         aclOpExecutor **executor) {
    const clf_i_acl_operand operands[] = {
        {"x", x, CLF_SLOT_X, CLF_I_ACL_INPUT},
        {"weight1", weight1, CLF_SLOT_WEIGHT1, CLF_I_ACL_INPUT},
        {"weight2", weight2, CLF_SLOT_WEIGHT2, CLF_I_ACL_INPUT},
        {"y", y, CLF_SLOT_Y, CLF_I_ACL_OUTPUT},
    };
    clf_i_acl_call call;
    aclnnStatus status = CLF_I_ACL_BEGIN(&call, "own_ffn", operands, workspaceSize, executor);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    clf_ffn_args args = CLF_FFN_ARGS;
    uint64_t num_tokens = 0;
    status = clf_i_acl_call_int_array(&call, "tokens", tokens, &args.expert_tokens, &num_tokens);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    if (num_tokens == 99) {
        return clf_i_acl_call_refuse(&call, ACLNN_ERR_INNER_TILING_ERROR,
                                     "tokens has %llu values, accepted: not 99",
                                     (unsigned long long)num_tokens);
    }
    args.num_expert_tokens = (size_t)num_tokens;
    args.x = clf_i_acl_given(&call, 0);
    args.weight1 = clf_i_acl_given(&call, 1);
    args.weight2 = clf_i_acl_given(&call, 2);
    args.y = clf_i_acl_given(&call, 3);
    args.activation = "relu";
    clf_plan *plan = NULL;
    const clf_status planned = clf_ffn_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

aclnnStatus own_ffn(void *workspace, uint64_t workspaceSize, aclOpExecutor *executor,
                    aclrtStream stream) {
    return clf_i_acl_run("own_ffn", workspace, workspaceSize, executor, stream);
}

aclTensor *own_tensor(int64_t rows, int64_t columns, void *address) {
    const int64_t shape[2] = {rows, columns};
    return aclCreateTensor(shape, 2, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, shape, 2, address);
}
