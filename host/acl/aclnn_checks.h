/* Checks that CANN makes beyond the native functions, for the first phases: each ends the call with
 * a sentence, and returns the status, if something is wrong. */
#ifndef CLF_ACL_ACLNN_CHECKS_H
#define CLF_ACL_ACLNN_CHECKS_H

#include "acl/acl_executor.h"

/* Every slot and role that is usual for a tensor of the name. */
#define CLF_I_ACLNN_IN(name, slot)                                                                 \
    { #name, name, CLF_SLOT_##slot, CLF_I_ACL_INPUT }
#define CLF_I_ACLNN_MAYBE_IN(name, slot)                                                           \
    { #name, name, CLF_SLOT_##slot, CLF_I_ACL_OPTIONAL_INPUT }
#define CLF_I_ACLNN_OUT(name, slot)                                                                \
    { #name, name, CLF_SLOT_##slot, CLF_I_ACL_OUTPUT }

/* 161002 unless the operand has one of the data types, a list ended by -1. */
aclnnStatus clf_i_aclnn_expect_dtype(clf_i_acl_call *call, size_t operand, const int *accepted);

/* `status` unless lowest <= value <= highest. Asked only where the strict switch is on. */
aclnnStatus clf_i_aclnn_limit(clf_i_acl_call *call, aclnnStatus status, const char *name,
                              int64_t value, int64_t lowest, int64_t highest);

/* NULL also for a tensor without elements, which CANN takes for no tensor. */
const clf_tensor *clf_i_aclnn_present(const clf_i_acl_call *call, size_t operand);

int64_t clf_i_aclnn_num_elements(const clf_tensor *tensor);

#endif
