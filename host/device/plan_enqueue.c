/* Running a plan: checks, kernel arguments that changed, launches in order. */
#include "core/failure.h"
#include "core/log.h"
#include "device/opencl.h"
#include "device/plan_internal.h"

static clf_status check_alive(const clf_plan *plan) {
    return atomic_load(&plan->device->closed)
               ? clf_i_fail(CLF_ERR_PARAM_INVALID,
                            "plan's device was destroyed, accepted: a plan whose device is alive")
               : CLF_SUCCESS;
}

size_t clf_plan_workspace_size(const clf_plan *plan) {
    return plan != NULL ? plan->workspace_size : 0;
}

clf_status clf_plan_bind(clf_plan *plan, clf_slot slot, cl_mem buffer, size_t offset) {
    if (plan == NULL || buffer == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, a %s is required",
                          plan == NULL ? "plan" : "buffer", plan == NULL ? "plan" : "buffer");
    }
    clf_status status = check_alive(plan);
    if (status != CLF_SUCCESS) {
        return status;
    }
    clf_i_binding *binding = clf_i_plan_find_binding(plan, slot);
    if (binding == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "slot is %d, which this plan of %s does not have, accepted: the slots of "
                          "the tensors it was planned with",
                          (int)slot, plan->operator_name);
    }
    status = clf_i_binding_set(plan, binding, buffer, offset);
    if (status == CLF_SUCCESS) {
        plan->overlap_is_checked = false;
        plan->arguments_are_set = false;
    }
    return status;
}

/* ---- Checks of an enqueue ---- */

static clf_status check_queue(const clf_plan *plan, cl_command_queue queue, bool *out_is_in_order) {
    cl_context context = NULL;
    cl_device_id id = NULL;
    cl_command_queue_properties properties = 0;
    cl_int code = clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL);
    if (code == CL_SUCCESS) {
        code = clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof id, &id, NULL);
    }
    if (code == CL_SUCCESS) {
        code =
            clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
    }
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clGetCommandQueueInfo", code);
    }
    if (context != plan->device->context || id != plan->device->id) {
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID,
            "queue is of another %s, accepted: a queue of the plan's context and device",
            context != plan->device->context ? "context" : "device");
    }
    *out_is_in_order = (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) == 0;
    return CLF_SUCCESS;
}

/* Not every driver refuses an event of another context itself. */
static clf_status check_event(const clf_plan *plan, cl_uint index, cl_event event) {
    if (event == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "wait[%u] is NULL, an event is required",
                          (unsigned)index);
    }
    cl_context context = NULL;
    const cl_int code = clGetEventInfo(event, CL_EVENT_CONTEXT, sizeof context, &context, NULL);
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clGetEventInfo", code);
    }
    if (context != plan->device->context) {
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID,
            "wait[%u] is of another context, accepted: an event of the plan's context",
            (unsigned)index);
    }
    return CLF_SUCCESS;
}

static clf_status check_wait_list(const clf_plan *plan, cl_uint num_wait, const cl_event *wait) {
    if (num_wait > 0 && wait == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "wait is NULL, %u events are required by num_wait",
                          (unsigned)num_wait);
    }
    if (num_wait == 0 && wait != NULL) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "num_wait is 0 but wait is not NULL, accepted: NULL with 0");
    }
    clf_status status = CLF_SUCCESS;
    for (cl_uint i = 0; i < num_wait && status == CLF_SUCCESS; ++i) {
        status = check_event(plan, i, wait[i]);
    }
    return status;
}

static clf_status check_bindings(clf_plan *plan) {
    for (size_t i = 0; i < plan->num_bindings; ++i) {
        if (plan->bindings[i].tensor.buffer == NULL && plan->num_launches > 0) {
            return clf_i_fail(
                CLF_ERR_PARAM_NULLPTR,
                "the buffer of %s is NULL, one must be bound with clf_plan_bind first",
                plan->bindings[i].argument);
        }
    }
    return plan->overlap_is_checked ? CLF_SUCCESS : clf_i_plan_check_overlap(plan);
}

/* ---- The workspace ---- */

static clf_status check_workspace(const clf_plan *plan, cl_mem workspace) {
    cl_context context = NULL;
    size_t size = 0;
    cl_int code = clGetMemObjectInfo(workspace, CL_MEM_CONTEXT, sizeof context, &context, NULL);
    if (code == CL_SUCCESS) {
        code = clGetMemObjectInfo(workspace, CL_MEM_SIZE, sizeof size, &size, NULL);
    }
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clGetMemObjectInfo", code);
    }
    if (context != plan->device->context) {
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID,
            "workspace is of another context, accepted: a buffer of the plan's context");
    }
    if (size < plan->workspace_size) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "workspace has %zu bytes, accepted: %zu or more",
                          size, plan->workspace_size);
    }
    return CLF_SUCCESS;
}

static clf_status own_workspace(clf_plan *plan) {
    if (plan->own_workspace != NULL) {
        return CLF_SUCCESS;
    }
    cl_int code = CL_SUCCESS;
    plan->own_workspace =
        clCreateBuffer(plan->device->context, CL_MEM_READ_WRITE, plan->workspace_size, NULL, &code);
    if (code != CL_SUCCESS) {
        plan->own_workspace = NULL;
        return clf_i_cl_fail("clCreateBuffer", code);
    }
    return CLF_SUCCESS;
}

static clf_status choose_workspace(clf_plan *plan, cl_mem given) {
    if (given != NULL) {
        const clf_status status = check_workspace(plan, given);
        if (status != CLF_SUCCESS) {
            return status;
        }
    }
    cl_mem chosen = NULL;
    if (plan->workspace_size > 0) {
        const clf_status status = given != NULL ? CLF_SUCCESS : own_workspace(plan);
        if (status != CLF_SUCCESS) {
            return status;
        }
        chosen = given != NULL ? given : plan->own_workspace;
    }
    if (chosen != plan->workspace || given != NULL) {
        /* A given buffer may be a new one at a former one's address: its arguments are set anew. */
        plan->workspace = chosen;
        plan->arguments_are_set = plan->arguments_are_set && chosen == NULL;
    }
    return CLF_SUCCESS;
}

/* ---- Launching ---- */

static clf_status set_moving(clf_plan *plan, const clf_i_launch *launch,
                             const clf_i_moving_argument *argument) {
    cl_mem buffer = plan->workspace;
    cl_long offset = (cl_long)argument->offset;
    if (argument->kind == CLF_I_ARGUMENT_TENSOR) {
        const clf_i_binding *binding = clf_i_plan_find_binding(plan, argument->slot);
        if (binding == NULL) {
            return clf_i_fail(CLF_ERR_INTERNAL,
                              "kernel %s uses slot %d, which the plan does not have", launch->name,
                              (int)argument->slot);
        }
        buffer = binding->tensor.buffer;
        offset = (cl_long)binding->tensor.offset;
    }
    cl_int code = clSetKernelArg(launch->kernel, argument->index, sizeof buffer, &buffer);
    if (code == CL_SUCCESS) {
        code = clSetKernelArg(launch->kernel, argument->index + 1, sizeof offset, &offset);
    }
    return clf_i_cl_check("clSetKernelArg", code);
}

static clf_status set_arguments(clf_plan *plan) {
    for (size_t i = 0; i < plan->num_launches; ++i) {
        const clf_i_launch *launch = &plan->launches[i];
        for (size_t j = 0; j < launch->num_moving; ++j) {
            const clf_status status = set_moving(plan, launch, &launch->moving[j]);
            if (status != CLF_SUCCESS) {
                return status;
            }
        }
    }
    plan->arguments_are_set = true;
    return CLF_SUCCESS;
}

static clf_status launch_one(clf_plan *plan, const clf_i_launch *launch, cl_command_queue queue,
                             cl_uint num_wait, const cl_event *wait, cl_event *done) {
    if (launch->foreign != NULL) {
        return clf_i_foreign_run(plan, launch->foreign, queue, num_wait, wait, done);
    }
    return clf_i_cl_check("clEnqueueNDRangeKernel",
                          clEnqueueNDRangeKernel(queue, launch->kernel, launch->dimensions, NULL,
                                                 launch->global, launch->local, num_wait, wait,
                                                 done));
}

/* On an out-of-order queue each step waits for the one before. */
static clf_status launch_all(clf_plan *plan, cl_command_queue queue, bool is_in_order,
                             cl_uint num_wait, const cl_event *wait, cl_event *done) {
    cl_event previous = NULL;
    for (size_t i = 0; i < plan->num_launches; ++i) {
        const bool is_last = i + 1 == plan->num_launches;
        const bool chains = i > 0 && !is_in_order;
        cl_event current = NULL;
        cl_event *const wanted = is_last ? done : is_in_order ? NULL : &current;
        const clf_status status = launch_one(plan, &plan->launches[i], queue,
                                             i == 0   ? num_wait
                                             : chains ? 1
                                                      : 0,
                                             i == 0   ? wait
                                             : chains ? &previous
                                                      : NULL,
                                             wanted);
        if (previous != NULL) {
            clReleaseEvent(previous);
        }
        if (status != CLF_SUCCESS) {
            return status;
        }
        previous = current;
    }
    return CLF_SUCCESS;
}

static clf_status launch(clf_plan *plan, cl_command_queue queue, bool is_in_order, cl_uint num_wait,
                         const cl_event *wait, cl_event *done) {
    if (plan->num_launches == 0) {
        /* Nothing to do, but the order of events holds. */
        return clf_i_cl_check("clEnqueueMarkerWithWaitList",
                              clEnqueueMarkerWithWaitList(queue, num_wait, wait, done));
    }
    const clf_status status = plan->arguments_are_set ? CLF_SUCCESS : set_arguments(plan);
    return status != CLF_SUCCESS ? status
                                 : launch_all(plan, queue, is_in_order, num_wait, wait, done);
}

clf_status clf_plan_enqueue(clf_plan *plan, cl_command_queue queue, cl_mem workspace,
                            cl_uint num_wait, const cl_event *wait, cl_event *done) {
    if (done != NULL) {
        *done = NULL;
    }
    if (plan == NULL || queue == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, a %s is required",
                          plan == NULL ? "plan" : "queue", plan == NULL ? "plan" : "command queue");
    }
    bool is_in_order = true;
    clf_status status = check_alive(plan);
    if (status == CLF_SUCCESS) {
        status = check_queue(plan, queue, &is_in_order);
    }
    if (status == CLF_SUCCESS) {
        status = check_wait_list(plan, num_wait, wait);
    }
    if (status == CLF_SUCCESS) {
        status = check_bindings(plan);
    }
    if (status == CLF_SUCCESS) {
        status = choose_workspace(plan, workspace);
    }
    if (status == CLF_SUCCESS) {
        status = launch(plan, queue, is_in_order, num_wait, wait, done);
    }
    if (status == CLF_SUCCESS) {
        clf_i_log(CLF_LOG_EXEC, "%s,%s,%s", plan->operator_name, clf_i_variant_name(plan->variant),
                  plan->problem.data != NULL ? plan->problem.data : "");
    }
    return status;
}
