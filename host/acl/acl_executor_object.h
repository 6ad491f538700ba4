/* Executors behind their handles. */
#ifndef CLF_ACL_EXECUTOR_OBJECT_H
#define CLF_ACL_EXECUTOR_OBJECT_H

#include <pthread.h>

#include "acl/acl_executor.h"
#include "acl/acl_memory.h"

/* A tensor of the plan that can be moved. */
typedef struct clf_i_acl_moving {
    clf_i_acl_operand operand;
    size_t bits;         /* of an element */
    int64_t view_offset; /* in elements, from the address */
} clf_i_acl_moving;

typedef struct clf_i_acl_executor {
    clf_i_acl_object object;
    pthread_mutex_t lock; /* a plan is used by one thread at a time */
    const char *operator_name;
    clf_plan *plan; /* NULL: nothing to do */
    bool is_repeatable;
    bool has_run;
    size_t num_given; /* tensors that are not NULL, in the prototype's order */
    clf_i_acl_moving given[CLF_I_ACL_MAX_OPERANDS];
} clf_i_acl_executor;

/* Makes the call's executor and workspace size. Takes the plan. */
aclnnStatus clf_i_acl_executor_create(clf_i_acl_call *call, clf_plan *plan);

/* An address as a buffer and elements of `bits` from its start; the caller ends the place. */
aclnnStatus clf_i_acl_resolve(const char *function, const char *name, const void *address,
                              size_t bits, clf_i_acl_place *out_place, size_t *out_start);

#endif
