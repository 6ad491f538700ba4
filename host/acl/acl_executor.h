/*
 * What the aclnn functions are written with. A first phase is
 *
 *     const clf_i_acl_operand operands[] = {{"x", x, CLF_SLOT_X, CLF_I_ACL_INPUT}, ...};
 *     clf_i_acl_call call;
 *     aclnnStatus status = CLF_I_ACL_BEGIN(&call, "aclnnXxx", operands, workspaceSize, executor);
 *     if (status != ACLNN_SUCCESS) {
 *         return status;
 *     }
 *     ... own checks: return clf_i_acl_call_refuse(&call, ACLNN_ERR_PARAM_INVALID, "...", ...);
 *     args.x = clf_i_acl_given(&call, 0); ...
 *     clf_plan *plan = NULL;
 *     const clf_status planned = clf_xxx_plan(call.native_device, &args, &plan);
 *     return clf_i_acl_call_finish(&call, planned, plan);
 *
 * and the second, whole
 *
 *     CLF_I_ACL_SECOND_PHASE(aclnnXxx)
 */
#ifndef CLF_ACL_EXECUTOR_H
#define CLF_ACL_EXECUTOR_H

#include <aclnn/aclnn_base.h>
#include <clformer/device.h>
#include <clformer/plan.h>
#include <clformer/tensor.h>

#include "acl/acl_failure.h"
#include "acl/acl_objects.h"

#define CLF_I_ACL_MAX_OPERANDS 32
#define CLF_I_ACL_MAX_ARRAYS   8

typedef enum clf_i_acl_role {
    CLF_I_ACL_INPUT,           /* NULL: ACLNN_ERR_PARAM_NULLPTR */
    CLF_I_ACL_OPTIONAL_INPUT,  /* may be NULL */
    CLF_I_ACL_OUTPUT,          /* NULL: ACLNN_ERR_PARAM_NULLPTR */
    CLF_I_ACL_OPTIONAL_OUTPUT, /* may be NULL */
} clf_i_acl_role;

/* A tensor of a first phase, in the order of the prototype. */
typedef struct clf_i_acl_operand {
    const char *name; /* as the prototype spells it; static storage */
    const aclTensor *tensor;
    clf_slot slot; /* of the native plan; 0: it has none */
    clf_i_acl_role role;
} clf_i_acl_operand;

/* A first phase under way; begin fills it, finish or refuse ends it. */
typedef struct clf_i_acl_call {
    const char *operator_name;
    struct clf_i_acl_device *device; /* of the tensors' memory; the thread's if none has any */
    clf_device *native_device;
    size_t num_operands;
    clf_i_acl_operand operands[CLF_I_ACL_MAX_OPERANDS];
    clf_tensor tensors[CLF_I_ACL_MAX_OPERANDS]; /* whose operand is NULL: unset */
    size_t starts[CLF_I_ACL_MAX_OPERANDS];      /* of the address in its buffer, in elements */
    cl_mem buffers[CLF_I_ACL_MAX_OPERANDS];     /* retained; NULL: no address */
    size_t num_arrays;
    clf_i_acl_array *arrays[CLF_I_ACL_MAX_ARRAYS];
    uint64_t *workspace_size;
    aclOpExecutor **executor;
} clf_i_acl_call;

/*
 * Checks, in this order: workspaceSize, executor and the operands that must not be NULL (161001);
 * that handles are live tensors, formats plain, data types native ones (161002); that addresses lie
 * in device memory of one device, aligned for their type (161002). A tensor without an address has a
 * NULL buffer. All but the shapes, which the native function checks. On an error the call is over
 * and *executor is NULL.
 */
aclnnStatus clf_i_acl_call_begin(clf_i_acl_call *call, const char *operator_name,
                                 const clf_i_acl_operand *operands, size_t num_operands,
                                 uint64_t *workspace_size, aclOpExecutor **executor);
#define CLF_I_ACL_BEGIN(call, operator_name, operands, workspace_size, executor)                   \
    clf_i_acl_call_begin((call), (operator_name), (operands),                                      \
                         sizeof(operands) / sizeof((operands)[0]), (workspace_size), (executor))

/* The native tensor of operand `index`, or NULL if none was given. Lives as long as the call; may
 * be changed by its function (a copy in call->tensors[index]). */
const clf_tensor *clf_i_acl_given(const clf_i_acl_call *call, size_t index);

/* The values of an array, valid until the call ends; NULL and 0 for NULL. On an error (161002, not
 * a live array) the call is over. */
aclnnStatus clf_i_acl_call_int_array(clf_i_acl_call *call, const char *name,
                                     const aclIntArray *array, const int64_t **out_values,
                                     uint64_t *out_count);

/* Ends the call with a sentence, which the operator's name is put before, and returns `status`. */
aclnnStatus clf_i_acl_call_refuse(clf_i_acl_call *call, aclnnStatus status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the call: the plan becomes an executor, or the native failure the call's. Takes the plan. */
aclnnStatus clf_i_acl_call_finish(clf_i_acl_call *call, clf_status planned, clf_plan *plan);

/* The second phase of every operator. `operator_name`: as at begin. */
aclnnStatus clf_i_acl_run(const char *operator_name, void *workspace, uint64_t workspace_size,
                          aclOpExecutor *executor, aclrtStream stream);

#define CLF_I_ACL_SECOND_PHASE(function)                                                           \
    aclnnStatus function(void *workspace, uint64_t workspaceSize, aclOpExecutor *executor,         \
                         aclrtStream stream) {                                                     \
        return clf_i_acl_run(#function, workspace, workspaceSize, executor, stream);               \
    }

#endif
