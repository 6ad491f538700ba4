/* Plans: one operator on one device for tensors of fixed shapes, ready to run any number of times.
 */
#ifndef CLFORMER_PLAN_H
#define CLFORMER_PLAN_H

#include <stddef.h>

#include <clformer/device.h>
#include <clformer/export.h>
#include <clformer/status.h>
#include <clformer/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Made by an operator's ..._plan function, which checks every argument and does all slow work
 * (kernel choice, program build or cache load, workspace layout). Used by one thread at a time;
 * different plans of one device may be used by different threads.
 */
typedef struct clf_plan clf_plan;

/* The tensors of a plan that can be bound anew; named as the fields of the operators' arguments. */
typedef enum clf_slot {
    CLF_SLOT_X = 1,
    CLF_SLOT_MASK = 2,
    CLF_SLOT_Y = 3,
    CLF_SLOT_GRAD_OUTPUT = 4,
    CLF_SLOT_GRAD_X = 5,
    CLF_SLOT_QUERY = 6,
    CLF_SLOT_KEY = 7,
    CLF_SLOT_VALUE = 8,
    CLF_SLOT_PSE = 9,
    CLF_SLOT_DROP_MASK = 10,
    CLF_SLOT_ATTEN_MASK = 11,
    CLF_SLOT_ATTENTION_OUT = 12,
    CLF_SLOT_SOFTMAX_MAX = 13,
    CLF_SLOT_SOFTMAX_SUM = 14,
    CLF_SLOT_WEIGHT1 = 15,
    CLF_SLOT_WEIGHT2 = 16,
    CLF_SLOT_BIAS1 = 17,
    CLF_SLOT_BIAS2 = 18,
    CLF_SLOT_SCALE = 19,
    CLF_SLOT_OFFSET = 20,
    CLF_SLOT_DEQ_SCALE1 = 21,
    CLF_SLOT_DEQ_SCALE2 = 22,
    CLF_SLOT_ANTIQUANT_SCALE1 = 23,
    CLF_SLOT_ANTIQUANT_SCALE2 = 24,
    CLF_SLOT_ANTIQUANT_OFFSET1 = 25,
    CLF_SLOT_ANTIQUANT_OFFSET2 = 26,
    CLF_SLOT_EXPERT_TOKENS = 27,
    CLF_SLOT_KEY1 = 28,
    CLF_SLOT_VALUE1 = 29,
    CLF_SLOT_KEY2 = 30,
    CLF_SLOT_VALUE2 = 31,
    CLF_SLOT_ATTENTION_IN = 32,
    CLF_SLOT_GRAD_QUERY = 33,
    CLF_SLOT_GRAD_KEY1 = 34,
    CLF_SLOT_GRAD_VALUE1 = 35,
    CLF_SLOT_GRAD_KEY2 = 36,
    CLF_SLOT_GRAD_VALUE2 = 37,
    CLF_SLOT_GRAD_KEY = 38,
    CLF_SLOT_GRAD_VALUE = 39,
    CLF_SLOT_GRAD_PSE = 40
} clf_slot;

/* Which implementation of an operator to use. Every one gives results within the same bounds. */
typedef enum clf_variant {
    CLF_VARIANT_AUTO = 0,     /* $CLFORMER_VARIANT (auto or a name) if set, else the fastest */
    CLF_VARIANT_PORTABLE = 1, /* any OpenCL 1.2 device with 32 KiB of local memory */
    CLF_VARIANT_CPU = 2,      /* CPU devices: one work-item per tile, explicit vectors */
    CLF_VARIANT_NVIDIA = 3    /* NVIDIA GPUs from compute capability 8.0 on: tensor cores */
} clf_variant;

/* Bytes of device memory that an enqueue needs as workspace; 0 is common. 0 for NULL. */
CLF_API size_t clf_plan_workspace_size(const clf_plan *plan);

/*
 * Enqueues the operator and returns without waiting for it. `queue` must belong to the plan's
 * context and device; in-order and out-of-order queues both work. The operator begins after the
 * `num_wait` events of `wait` (NULL with 0); `*done`, if `done` is not NULL, receives an event of
 * the whole operator that the caller releases.
 *
 * `workspace` is a buffer of at least clf_plan_workspace_size bytes, or NULL: then the plan uses
 * one of its own, allocated at the first such call and kept. Two enqueues of one plan that may run
 * at the same time need two workspaces; two that write the same output need an order given by the
 * caller.
 *
 * CLF_ERR_PARAM_NULLPTR: plan or queue is NULL, a slot is unbound, or wait is NULL with num_wait >
 * 0. CLF_ERR_PARAM_INVALID: the queue or an event is of another context or device, the workspace is
 * too small or of another context, wait is not NULL with num_wait 0, tensors bound since the last
 * enqueue overlap, or the device was destroyed. CLF_ERR_RUNTIME, CLF_ERR_OUT_OF_MEMORY: an OpenCL
 * call failed; outputs are then undefined.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_plan_enqueue(clf_plan *plan, cl_command_queue queue,
                                                     cl_mem workspace, cl_uint num_wait,
                                                     const cl_event *wait, cl_event *done);

/*
 * Replaces the buffer and offset (in elements) of one tensor; shape, strides and dtype stay. The
 * plan retains the buffer and releases the one before. Work already enqueued keeps its buffers. The
 * buffer's size, context and access flags are checked here, and on an error the former binding
 * stays. Overlap of outputs with other tensors is checked by the next enqueue, so that several
 * tensors can be moved one by one.
 *
 * CLF_ERR_PARAM_NULLPTR: plan or buffer is NULL. CLF_ERR_PARAM_INVALID: the plan has no such slot,
 * a check failed, or the device was destroyed. CLF_ERR_RUNTIME.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_plan_bind(clf_plan *plan, clf_slot slot, cl_mem buffer,
                                                  size_t offset);

/*
 * The plan as a JSON object: operator, variant and why the other variants were not taken, tensors,
 * parameters (tile sizes), steps (kernel, global and local size; or library, routine and figures),
 * what computes each matrix product and why the other provider does not, flops, bytes moved, local
 * memory, workspace. Sizes as in clf_device_describe.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_plan_describe(const clf_plan *plan, char *json,
                                                      size_t *size);

/* Releases the plan and what it holds; NULL is allowed. Work already enqueued completes. */
CLF_API void clf_plan_destroy(clf_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
