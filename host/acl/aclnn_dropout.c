/* aclnnDropoutGenMaskV2: a shape becomes a number of elements. */
#include <aclnnop/aclnn_dropout_gen_mask_v2.h>
#include <clformer/attention.h>

#include "acl/aclnn_checks.h"

static const char function_name[] = "aclnnDropoutGenMaskV2";

/* The product of the sizes. */
static aclnnStatus multiply(clf_i_acl_call *call, const int64_t *sizes, uint64_t count,
                            int64_t *out_product) {
    int64_t product = 1;
    for (uint64_t i = 0; i < count; i++) {
        if (sizes[i] < 0) {
            return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                         "shape[%d] is %lld, accepted: 0 or more", (int)i,
                                         (long long)sizes[i]);
        }
        if (__builtin_mul_overflow(product, sizes[i], &product)) {
            return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                         "shape has more than 2^63 - 1 elements, accepted: less");
        }
    }
    *out_product = product;
    return ACLNN_SUCCESS;
}

aclnnStatus aclnnDropoutGenMaskV2GetWorkspaceSize(const aclIntArray *shape, double prob,
                                                  int64_t seed, int64_t offset,
                                                  aclDataType probDataType, aclTensor *out,
                                                  uint64_t *workspaceSize,
                                                  aclOpExecutor **executor) {
    enum { OUT };
    const clf_i_acl_operand operands[] = {CLF_I_ACLNN_OUT(out, DROP_MASK)};
    clf_i_acl_call call;
    clf_dropout_mask_args args = CLF_DROPOUT_MASK_ARGS;
    clf_plan *plan = NULL;
    const int64_t *sizes = NULL;
    uint64_t rank = 0;
    aclnnStatus status = CLF_I_ACL_BEGIN(&call, function_name, operands, workspaceSize, executor);
    if (status == ACLNN_SUCCESS && shape == NULL) {
        status = clf_i_acl_call_refuse(&call, ACLNN_ERR_PARAM_NULLPTR,
                                       "shape is NULL, an aclIntArray is required");
    }
    if (status == ACLNN_SUCCESS) {
        status = clf_i_acl_call_int_array(&call, "shape", shape, &sizes, &rank);
    }
    if (status == ACLNN_SUCCESS) {
        status = multiply(&call, sizes, rank, &args.num_elements);
    }
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    args.mask = clf_i_acl_given(&call, OUT);
    args.drop_probability = prob;
    args.probability_dtype = (clf_dtype)probDataType;
    args.seed = (uint64_t)seed;
    args.offset = (uint64_t)offset;
    const clf_status planned = clf_dropout_mask_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

CLF_I_ACL_SECOND_PHASE(aclnnDropoutGenMaskV2)
