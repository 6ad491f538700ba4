/* See aclnn_checks.h. */
#include "acl/aclnn_checks.h"

#include <stdio.h>

aclnnStatus clf_i_aclnn_expect_dtype(clf_i_acl_call *call, size_t operand, const int *accepted) {
    const clf_tensor *tensor = clf_i_acl_given(call, operand);
    char names[64] = "";
    size_t length = 0;
    for (size_t i = 0; accepted[i] >= 0; i++) {
        if (tensor->dtype == (clf_dtype)accepted[i]) {
            return ACLNN_SUCCESS;
        }
        const int added = snprintf(names + length, sizeof names - length, "%s%s", i > 0 ? ", " : "",
                                   clf_dtype_name((clf_dtype)accepted[i]));
        length += added > 0 ? (size_t)added : 0;
    }
    return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                 "%s has dtype %s (%d), accepted: %s", call->operands[operand].name,
                                 clf_dtype_name(tensor->dtype), (int)tensor->dtype, names);
}

aclnnStatus clf_i_aclnn_limit(clf_i_acl_call *call, aclnnStatus status, const char *name,
                              int64_t value, int64_t lowest, int64_t highest) {
    if (lowest <= value && value <= highest) {
        return ACLNN_SUCCESS;
    }
    return clf_i_acl_call_refuse(call, status,
                                 "%s is %lld, accepted with the strict switch: %lld to %lld", name,
                                 (long long)value, (long long)lowest, (long long)highest);
}

const clf_tensor *clf_i_aclnn_present(const clf_i_acl_call *call, size_t operand) {
    const clf_tensor *tensor = clf_i_acl_given(call, operand);
    return tensor == NULL || clf_i_aclnn_num_elements(tensor) == 0 ? NULL : tensor;
}

int64_t clf_i_aclnn_num_elements(const clf_tensor *tensor) {
    int64_t count = tensor->rank > 0 ? 1 : 0;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        /* Products are only compared with 0: saturation will do. */
        if (tensor->shape[axis] == 0 ||
            __builtin_mul_overflow(count, tensor->shape[axis], &count)) {
            count = tensor->shape[axis] == 0 ? 0 : INT64_MAX;
        }
        if (count == 0) {
            break;
        }
    }
    return count;
}
