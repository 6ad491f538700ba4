/* Rows of tables of checks: a line of text becomes a first phase, whose status and sentence must be
 * the expected ones. */
#ifndef CLF_TESTS_ACLNN_ROW_H
#define CLF_TESTS_ACLNN_ROW_H

#include "aclnn_bridge.h"

/* Plans what `call` says by one function. */
typedef aclnnStatus (*aclnn_row_plan)(aclnn_bridge *bridge, const void *call);

typedef struct aclnn_tally {
    size_t checked;
    size_t wrong;
    size_t refused_before; /* aclCreateTensor refused a tensor: the row cannot come that far */
} aclnn_tally;

/* Plans without addresses and compares. `message`: contained in the sentence, or NULL. */
void aclnn_row_check(aclnn_bridge *bridge, const char *function, const char *text,
                     aclnn_row_plan plan, const void *call, aclnnStatus expected,
                     const char *message, aclnn_tally *tally);

/* workspaceSize and executor as NULL, and a correct call, whose executor is destroyed. */
void aclnn_row_check_results(aclnn_bridge *bridge, const char *function, aclnn_row_plan plan,
                             const void *call, aclnn_tally *tally);

#endif
