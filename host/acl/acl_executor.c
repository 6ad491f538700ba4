/* Executors: made by first phases, run by second ones, once or repeatedly. */
#include "acl/acl_executor_object.h"

#include <string.h>

#include "acl/acl_arrays.h"

static void clear_executor(clf_i_acl_object *object) {
    clf_i_acl_executor *executor = (clf_i_acl_executor *)object;
    clf_plan_destroy(executor->plan);
    pthread_mutex_destroy(&executor->lock);
}

/* Room to begin a workspace at an address that sub-buffers can begin at. */
static uint64_t workspace_to_ask_for(const clf_i_acl_device *device, const clf_plan *plan) {
    const size_t size = clf_plan_workspace_size(plan);
    return size > 0 ? (uint64_t)size + device->sub_buffer_alignment - 1 : 0;
}

aclnnStatus clf_i_acl_executor_create(clf_i_acl_call *call, clf_plan *plan) {
    clf_i_acl_executor *executor = clf_i_acl_object_create(
        call->operator_name, CLF_I_ACL_EXECUTOR, sizeof *executor, call->device, clear_executor);
    if (executor == NULL) {
        clf_plan_destroy(plan);
        return ACLNN_ERR_INNER_CREATE_EXECUTOR;
    }
    pthread_mutex_init(&executor->lock, NULL);
    executor->operator_name = call->operator_name;
    executor->plan = plan;
    for (size_t i = 0; i < call->num_operands; ++i) {
        if (call->operands[i].tensor != NULL) {
            clf_i_acl_moving *moving = &executor->given[executor->num_given++];
            moving->operand = call->operands[i];
            moving->bits = clf_dtype_bits(call->tensors[i].dtype);
            moving->view_offset = (int64_t)call->tensors[i].offset - (int64_t)call->starts[i];
        }
    }
    const uint64_t workspace_size = workspace_to_ask_for(call->device, plan);
    *call->executor = clf_i_acl_object_publish(call->operator_name, executor);
    if (*call->executor == NULL) {
        return ACLNN_ERR_INNER_CREATE_EXECUTOR;
    }
    *call->workspace_size = workspace_size;
    return ACLNN_SUCCESS;
}

/* ---- Running ---- */

/*
 * The workspace as a buffer of its own or NULL, with a reference that the caller releases. A native
 * workspace begins at its buffer's start: an address elsewhere becomes a sub-buffer, from the next
 * place where one can begin.
 */
static aclnnStatus open_workspace(const clf_i_acl_executor *executor, void *address, uint64_t size,
                                  cl_mem *out_buffer) {
    const char *const name = executor->operator_name;
    const clf_i_acl_device *device = executor->object.device;
    const size_t needed = clf_plan_workspace_size(executor->plan);
    *out_buffer = NULL;
    if (needed == 0) {
        return ACLNN_SUCCESS;
    }
    if (address == NULL) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_NULLPTR,
                              "%s: workspace is NULL, %llu bytes of device memory are required",
                              name,
                              (unsigned long long)workspace_to_ask_for(device, executor->plan));
    }
    clf_i_acl_place place;
    size_t offset = 0;
    aclnnStatus status = clf_i_acl_resolve(name, "workspace", address, 8, &place, &offset);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    const size_t alignment = device->sub_buffer_alignment;
    const size_t start = (offset + alignment - 1) / alignment * alignment;
    const size_t room = place.size - offset < size ? place.size - offset : (size_t)size;
    cl_int code = CL_SUCCESS;
    if (place.device != device) {
        status = clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                                "%s: workspace lies on device %d, accepted: memory of device %d",
                                name, (int)place.device->index, (int)device->index);
    } else if (room < start - offset + needed) {
        status = clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                                "%s: workspace has %zu bytes, accepted: the %llu that the first "
                                "phase asked for",
                                name, room,
                                (unsigned long long)workspace_to_ask_for(device, executor->plan));
    } else if (start == 0) {
        *out_buffer = place.buffer;
        place.buffer = NULL;
    } else {
        const cl_buffer_region region = {start, needed};
        *out_buffer = clCreateSubBuffer(place.buffer, CL_MEM_READ_WRITE,
                                        CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
        if (code != CL_SUCCESS) {
            *out_buffer = NULL;
            (void)clf_i_acl_check_cl(name, "clCreateSubBuffer", code);
            status = ACLNN_ERR_RUNTIME_ERROR;
        }
    }
    clf_i_acl_place_done(&place);
    return status;
}

/* The lock is held. */
static aclnnStatus enqueue(clf_i_acl_executor *executor, void *workspace, uint64_t workspace_size,
                           cl_command_queue queue) {
    const char *const name = executor->operator_name;
    if (executor->has_run && !executor->is_repeatable) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                              "%s: executor has run, accepted: one run each, or "
                              "aclSetAclOpExecutorRepeatable before the first",
                              name);
    }
    cl_mem buffer = NULL;
    aclnnStatus status = open_workspace(executor, workspace, workspace_size, &buffer);
    if (status == ACLNN_SUCCESS && executor->plan != NULL) {
        const clf_status enqueued = clf_plan_enqueue(executor->plan, queue, buffer, 0, NULL, NULL);
        status = enqueued == CLF_SUCCESS ? ACLNN_SUCCESS : clf_i_acl_fail_native(name, enqueued);
        if (status == ACLNN_SUCCESS && clFlush(queue) != CL_SUCCESS) {
            status = clf_i_acl_fail(ACLNN_ERR_RUNTIME_ERROR, "%s: clFlush failed", name);
        }
    }
    if (buffer != NULL) {
        clReleaseMemObject(buffer);
    }
    executor->has_run = executor->has_run || status == ACLNN_SUCCESS;
    return status;
}

static aclnnStatus run_on(clf_i_acl_executor *executor, void *workspace, uint64_t workspace_size,
                          aclOpExecutor *handle, const clf_i_acl_queue *queue) {
    if (queue->device != executor->object.device) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                              "%s: stream is of device %d and the tensors of device %d, accepted: "
                              "a stream of the tensors' device",
                              executor->operator_name, (int)queue->device->index,
                              (int)executor->object.device->index);
    }
    pthread_mutex_lock(&executor->lock);
    const aclnnStatus status = enqueue(executor, workspace, workspace_size, queue->queue);
    const bool is_over = status == ACLNN_SUCCESS && !executor->is_repeatable;
    pthread_mutex_unlock(&executor->lock);
    if (is_over) {
        clf_i_acl_release(
            clf_i_acl_withdraw(executor->operator_name, "executor", handle, CLF_I_ACL_EXECUTOR));
    }
    return status;
}

/* Runs the executor, which is of this operator, on a stream. */
static aclnnStatus run_own(clf_i_acl_executor *executor, void *workspace, uint64_t workspace_size,
                           aclOpExecutor *handle, aclrtStream stream) {
    clf_i_acl_queue queue;
    const int opened = clf_i_acl_queue_of(executor->operator_name, stream, &queue);
    if (opened != ACL_SUCCESS) {
        return opened == ACL_ERROR_RT_PARAM_INVALID ? ACLNN_ERR_PARAM_INVALID
                                                    : ACLNN_ERR_RUNTIME_ERROR;
    }
    const aclnnStatus status = run_on(executor, workspace, workspace_size, handle, &queue);
    clf_i_acl_queue_done(&queue);
    return status;
}

aclnnStatus clf_i_acl_run(const char *operator_name, void *workspace, uint64_t workspace_size,
                          aclOpExecutor *executor, aclrtStream stream) {
    if (clf_i_acl_check_initialized(operator_name) != ACL_SUCCESS) {
        return ACLNN_ERR_RUNTIME_ERROR;
    }
    clf_i_acl_executor *object = NULL;
    aclnnStatus status =
        clf_i_acl_open(operator_name, "executor", executor, CLF_I_ACL_EXECUTOR, (void *)&object);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    if (strcmp(object->operator_name, operator_name) != 0) {
        status = clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID, "%s: executor is of %s, accepted: its own",
                                operator_name, object->operator_name);
    } else {
        status = run_own(object, workspace, workspace_size, executor, stream);
    }
    clf_i_acl_release(object);
    return status;
}

/* ---- Life ---- */

aclnnStatus aclSetAclOpExecutorRepeatable(aclOpExecutor *executor) {
    clf_i_acl_executor *object = NULL;
    const aclnnStatus status = clf_i_acl_open("aclSetAclOpExecutorRepeatable", "executor", executor,
                                              CLF_I_ACL_EXECUTOR, (void *)&object);
    if (status == ACLNN_SUCCESS) {
        pthread_mutex_lock(&object->lock);
        object->is_repeatable = true;
        pthread_mutex_unlock(&object->lock);
        clf_i_acl_release(object);
    }
    return status;
}

aclnnStatus aclDestroyAclOpExecutor(aclOpExecutor *executor) {
    return clf_i_acl_destroy("aclDestroyAclOpExecutor", "executor", executor, CLF_I_ACL_EXECUTOR);
}

/* ---- Moving tensors ---- */

static bool is_output(const clf_i_acl_moving *moving) {
    return moving->operand.role == CLF_I_ACL_OUTPUT ||
           moving->operand.role == CLF_I_ACL_OPTIONAL_OUTPUT;
}

typedef enum moving_side { ANY_TENSOR, INPUTS, OUTPUTS } moving_side;

static bool is_on_side(const clf_i_acl_moving *moving, moving_side side) {
    return side == ANY_TENSOR || is_output(moving) == (side == OUTPUTS);
}

/* By handle, else by place. One handle may have been given for several tensors (in place). */
static const clf_i_acl_moving *find_moving(const clf_i_acl_executor *executor, moving_side side,
                                           size_t index, const aclTensor *tensor) {
    for (size_t i = 0; i < executor->num_given && tensor != NULL; ++i) {
        const clf_i_acl_moving *moving = &executor->given[i];
        if (moving->operand.tensor == tensor && is_on_side(moving, side)) {
            return moving;
        }
    }
    size_t place = 0;
    for (int outputs = 0; outputs < 2; ++outputs) { /* the inputs first */
        for (size_t i = 0; i < executor->num_given; ++i) {
            const clf_i_acl_moving *moving = &executor->given[i];
            if (is_output(moving) == (outputs == 1) && is_on_side(moving, side) &&
                place++ == index) {
                return moving;
            }
        }
    }
    return NULL;
}

static aclnnStatus move_to(clf_i_acl_executor *executor, const clf_i_acl_moving *moving,
                           const char *function, const void *address) {
    const char *const name = moving->operand.name;
    clf_i_acl_place place;
    size_t start = 0;
    aclnnStatus status = clf_i_acl_resolve(function, name, address, moving->bits, &place, &start);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    const int64_t offset = (int64_t)start + moving->view_offset;
    if (place.device != executor->object.device || offset < 0) {
        status = clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID, "%s: %s of %s would lie %s, accepted: %s",
                                function, name, executor->operator_name,
                                offset < 0 ? "before its allocation" : "on another device",
                                offset < 0 ? "an address with room for the view's offset"
                                           : "memory of the executor's device");
    } else if (executor->plan != NULL && moving->operand.slot != 0) {
        const clf_status bound =
            clf_plan_bind(executor->plan, moving->operand.slot, place.buffer, (size_t)offset);
        status = bound == CLF_SUCCESS ? ACLNN_SUCCESS : clf_i_acl_fail_native(function, bound);
    }
    clf_i_acl_place_done(&place);
    return status;
}

static aclnnStatus move_tensor(const char *function, aclOpExecutor *executor, moving_side side,
                               size_t index, const aclTensor *tensor, const void *address) {
    if (clf_i_acl_check_initialized(function) != ACL_SUCCESS) {
        return ACLNN_ERR_RUNTIME_ERROR;
    }
    clf_i_acl_executor *object = NULL;
    aclnnStatus status =
        clf_i_acl_open(function, "executor", executor, CLF_I_ACL_EXECUTOR, (void *)&object);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    const clf_i_acl_moving *moving = find_moving(object, side, index, tensor);
    if (moving == NULL) {
        status = clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                                "%s: tensor is none of the executor's and index is %zu, accepted: "
                                "a tensor of the first phase, or its place among the %zu that "
                                "were given",
                                function, index, object->num_given);
    } else {
        pthread_mutex_lock(&object->lock);
        status = move_to(object, moving, function, address);
        pthread_mutex_unlock(&object->lock);
    }
    clf_i_acl_release(object);
    return status;
}

aclnnStatus aclSetInputTensorAddr(aclOpExecutor *executor, size_t index, aclTensor *tensor,
                                  void *addr) {
    return move_tensor("aclSetInputTensorAddr", executor, INPUTS, index, tensor, addr);
}

aclnnStatus aclSetOutputTensorAddr(aclOpExecutor *executor, size_t index, aclTensor *tensor,
                                   void *addr) {
    return move_tensor("aclSetOutputTensorAddr", executor, OUTPUTS, index, tensor, addr);
}

aclnnStatus aclSetTensorAddr(aclOpExecutor *executor, size_t index, aclTensor *tensor, void *addr) {
    return move_tensor("aclSetTensorAddr", executor, ANY_TENSOR, index, tensor, addr);
}
