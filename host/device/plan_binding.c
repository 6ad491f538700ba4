/* Tensors of a plan: checking their buffers, and that outputs overlap nothing. */
#include <inttypes.h>

#include "core/failure.h"
#include "device/opencl.h"
#include "device/plan_internal.h"
#include "shape/view.h"

/* What OpenCL knows about a buffer. */
typedef struct buffer_facts {
    cl_mem_object_type type;
    cl_context context;
    size_t size;
    cl_mem_flags flags;
    cl_mem parent;
    size_t offset;
} buffer_facts;

static clf_status query_buffer(cl_mem buffer, buffer_facts *facts) {
    const struct {
        cl_mem_info what;
        size_t size;
        void *value;
    } fields[] = {
        {CL_MEM_TYPE, sizeof facts->type, &facts->type},
        {CL_MEM_CONTEXT, sizeof facts->context, &facts->context},
        {CL_MEM_SIZE, sizeof facts->size, &facts->size},
        {CL_MEM_FLAGS, sizeof facts->flags, &facts->flags},
        {CL_MEM_ASSOCIATED_MEMOBJECT, sizeof facts->parent, &facts->parent},
        {CL_MEM_OFFSET, sizeof facts->offset, &facts->offset},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && status == CLF_SUCCESS; ++i) {
        status = clf_i_cl_check(
            "clGetMemObjectInfo",
            clGetMemObjectInfo(buffer, fields[i].what, fields[i].size, fields[i].value, NULL));
    }
    return status;
}

static clf_status check_buffer(const clf_plan *plan, const clf_i_binding *binding,
                               const buffer_facts *facts, size_t offset) {
    const char *argument = binding->argument;
    if (facts->type != CL_MEM_OBJECT_BUFFER) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "the buffer of %s is an image or pipe, accepted: a buffer", argument);
    }
    if (facts->context != plan->device->context) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "the buffer of %s is of another context, accepted: one of the device's "
                          "context",
                          argument);
    }
    const bool reads = binding->access == CLF_I_READ;
    if ((facts->flags & (reads ? CL_MEM_WRITE_ONLY : CL_MEM_READ_ONLY)) != 0) {
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID, "the buffer of %s is %s, accepted: one that kernels may %s",
            argument, reads ? "CL_MEM_WRITE_ONLY" : "CL_MEM_READ_ONLY", reads ? "read" : "write");
    }
    clf_tensor placed = binding->tensor;
    placed.offset = offset;
    const uint64_t needed = clf_i_view_end_bytes(&placed, offset);
    if (needed > facts->size) {
        char shape[CLF_I_SHAPE_TEXT];
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "the buffer of %s has %zu bytes, accepted: %" PRIu64
                          " bytes or more for shape %s at offset %zu",
                          argument, facts->size, needed,
                          clf_i_shape_text(placed.rank, placed.shape, shape), offset);
    }
    return clf_i_view_check(argument, &placed, UINT64_MAX); /* no element before the start */
}

clf_status clf_i_binding_set(const clf_plan *plan, clf_i_binding *binding, cl_mem buffer,
                             size_t offset) {
    buffer_facts facts;
    clf_status status = query_buffer(buffer, &facts);
    if (status == CLF_SUCCESS) {
        status = check_buffer(plan, binding, &facts, offset);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_cl_check("clRetainMemObject", clRetainMemObject(buffer));
    }
    if (status != CLF_SUCCESS) {
        return status;
    }
    clf_i_binding_clear(binding);
    binding->tensor.buffer = buffer;
    binding->tensor.offset = offset;
    binding->root = facts.parent != NULL ? facts.parent : buffer;
    binding->root_offset = facts.parent != NULL ? facts.offset : 0;
    return CLF_SUCCESS;
}

void clf_i_binding_clear(clf_i_binding *binding) {
    if (binding->tensor.buffer != NULL) {
        clReleaseMemObject(binding->tensor.buffer);
        binding->tensor.buffer = NULL;
    }
}

static clf_i_placed_view place(const clf_i_binding *binding) {
    const uint64_t offset = binding->tensor.offset * clf_dtype_bits(binding->tensor.dtype) / 8;
    return (clf_i_placed_view){.tensor = &binding->tensor,
                               .base = (int64_t)(binding->root_offset + offset)};
}

static clf_status check_pair(const clf_i_binding *output, const clf_i_binding *other) {
    if (output->tensor.buffer == NULL || other->tensor.buffer == NULL ||
        output->root != other->root) {
        return CLF_SUCCESS;
    }
    const bool in_place =
        other->access == CLF_I_READ && clf_i_views_identical(place(output), place(other));
    if (in_place || !clf_i_views_overlap(place(output), place(other))) {
        return CLF_SUCCESS;
    }
    return clf_i_fail(CLF_ERR_PARAM_INVALID, "%s overlaps %s in memory, accepted: apart from it%s",
                      output->argument, other->argument,
                      other->access == CLF_I_READ ? ", or exactly the same view (in place)" : "");
}

clf_status clf_i_plan_check_overlap(clf_plan *plan) {
    for (size_t i = 0; i < plan->num_bindings; ++i) {
        for (size_t j = 0; j < plan->num_bindings; ++j) {
            const clf_i_binding *output = &plan->bindings[i];
            if (i == j || output->access != CLF_I_WRITE) {
                continue;
            }
            const clf_status status = check_pair(output, &plan->bindings[j]);
            if (status != CLF_SUCCESS) {
                return status;
            }
        }
    }
    plan->overlap_is_checked = true;
    return CLF_SUCCESS;
}

clf_i_binding *clf_i_plan_find_binding(clf_plan *plan, clf_slot slot) {
    for (size_t i = 0; i < plan->num_bindings; ++i) {
        if (plan->bindings[i].slot == slot) {
            return &plan->bindings[i];
        }
    }
    return NULL;
}

clf_status clf_i_plan_add_tensor(clf_plan *plan, clf_slot slot, const char *argument,
                                 const clf_tensor *tensor, clf_i_access access) {
    if (plan->num_bindings == CLF_I_MAX_BINDINGS || clf_i_plan_find_binding(plan, slot) != NULL) {
        return clf_i_fail(CLF_ERR_INTERNAL, "%s cannot be added to the plan", argument);
    }
    if (access == CLF_I_WRITE && clf_i_view_self_overlaps(tensor)) {
        char shape[CLF_I_SHAPE_TEXT];
        char strides[CLF_I_SHAPE_TEXT];
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID,
            "%s has shape %s and strides %s, so that elements share a place, accepted: "
            "strides that give every element its own",
            argument, clf_i_shape_text(tensor->rank, tensor->shape, shape),
            clf_i_shape_text(tensor->rank, tensor->strides, strides));
    }
    clf_i_binding *binding = &plan->bindings[plan->num_bindings];
    binding->slot = slot;
    binding->argument = argument;
    binding->access = access;
    binding->tensor = *tensor;
    binding->tensor.buffer = NULL;
    if (tensor->buffer != NULL) {
        const clf_status status = clf_i_binding_set(plan, binding, tensor->buffer, tensor->offset);
        if (status != CLF_SUCCESS) {
            return status;
        }
    }
    ++plan->num_bindings;
    return CLF_SUCCESS;
}

clf_status clf_i_plan_add_tensors(clf_plan *plan, const clf_i_plan_tensor *tensors, size_t count) {
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < count && status == CLF_SUCCESS; ++i) {
        if (tensors[i].tensor != NULL) {
            status = clf_i_plan_add_tensor(plan, tensors[i].slot, tensors[i].argument,
                                           tensors[i].tensor, tensors[i].access);
        }
    }
    return status;
}
