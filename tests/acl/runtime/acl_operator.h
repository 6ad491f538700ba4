/* Two operators made with the library's own interface, to test it: softmax, which needs no workspace,
 * and FFN, which does. */
#ifndef CLF_TESTS_ACL_OPERATOR_H
#define CLF_TESTS_ACL_OPERATOR_H

#include "acl/acl_executor.h"

aclnnStatus own_softmax_plan(const aclTensor *x, const aclTensor *y, uint64_t *workspaceSize,
                             aclOpExecutor **executor);
aclnnStatus own_softmax(void *workspace, uint64_t workspaceSize, aclOpExecutor *executor,
                        aclrtStream stream);

/* relu(x * weight1) * weight2; `tokens` may be NULL. */
aclnnStatus own_ffn_plan(const aclTensor *x, const aclTensor *weight1, const aclTensor *weight2,
                         const aclIntArray *tokens, const aclTensor *y, uint64_t *workspaceSize,
                         aclOpExecutor **executor);
aclnnStatus own_ffn(void *workspace, uint64_t workspaceSize, aclOpExecutor *executor,
                    aclrtStream stream);

/* Dense fp32 tensors at an address. */
aclTensor *own_tensor(int64_t rows, int64_t columns, void *address);

#endif
