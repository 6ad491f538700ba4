/* The first phase: handles become native tensors, a native plan becomes an executor. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acl/acl_arrays.h"
#include "acl/acl_executor.h"
#include "acl/acl_executor_object.h"
#include "acl/acl_memory.h"

/* ---- Operands ---- */

static bool is_required(const clf_i_acl_operand *operand) {
    return operand->role == CLF_I_ACL_INPUT || operand->role == CLF_I_ACL_OUTPUT;
}

/* Formats that are a view's order in memory, and no tiling. */
static bool is_plain(aclFormat format) {
    switch (format) {
    case ACL_FORMAT_UNDEFINED:
    case ACL_FORMAT_NCHW:
    case ACL_FORMAT_NHWC:
    case ACL_FORMAT_ND:
    case ACL_FORMAT_HWCN:
    case ACL_FORMAT_NDHWC:
    case ACL_FORMAT_NCDHW:
    case ACL_FORMAT_NC:
    case ACL_FORMAT_NCL:
        return true;
    default:
        return false;
    }
}

/* The first device that memory lies on is the call's. */
static aclnnStatus take_device(clf_i_acl_call *call, const char *name, clf_i_acl_device *device) {
    if (call->device == NULL) {
        call->device = device;
        clf_i_acl_device_retain(device);
    }
    if (call->device == device) {
        return ACLNN_SUCCESS;
    }
    return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                          "%s: %s lies on device %d and a tensor before it on device %d, accepted: "
                          "all on one",
                          call->operator_name, name, (int)device->index, (int)call->device->index);
}

/* The place of an address as a buffer and elements of `bits` from its start. */
aclnnStatus clf_i_acl_resolve(const char *function, const char *name, const void *address,
                              size_t bits, clf_i_acl_place *out_place, size_t *out_start) {
    if (!clf_i_acl_locate(address, out_place) || out_place->buffer == NULL) {
        clf_i_acl_place_done(out_place);
        return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                              "%s: the address of %s is %p, which is not device memory (never was "
                              "or was freed), accepted: an address from aclrtMalloc",
                              function, name, address);
    }
    const size_t offset = out_place->offset;
    if (bits >= 8 && offset % (bits / 8) != 0) {
        clf_i_acl_place_done(out_place);
        return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                              "%s: the address of %s lies %zu bytes into its allocation, accepted: "
                              "a multiple of its data type's %zu bytes",
                              function, name, offset, bits / 8);
    }
    *out_start = bits >= 8 ? offset / (bits / 8) : offset * (8 / bits);
    return ACLNN_SUCCESS;
}

/* The buffer behind a tensor's address, and the offset in it. */
static aclnnStatus place_tensor(clf_i_acl_call *call, size_t index, const clf_i_acl_tensor *given) {
    const char *name = call->operands[index].name;
    clf_tensor *tensor = &call->tensors[index];
    if (given->address != NULL) {
        clf_i_acl_place place;
        aclnnStatus status =
            clf_i_acl_resolve(call->operator_name, name, given->address,
                              clf_dtype_bits(tensor->dtype), &place, &call->starts[index]);
        if (status == ACLNN_SUCCESS) {
            tensor->buffer = call->buffers[index] = place.buffer; /* with its reference */
            place.buffer = NULL;
            status = take_device(call, name, place.device);
            clf_i_acl_place_done(&place);
        }
        if (status != ACLNN_SUCCESS) {
            return status;
        }
    }
    const int64_t start = (int64_t)call->starts[index];
    if (given->offset < -start || given->offset > INT64_MAX - start) {
        return clf_i_acl_fail(
            ACLNN_ERR_PARAM_INVALID,
            "%s: the offset of %s is %lld, which leaves its allocation, accepted: "
            "%lld and more",
            call->operator_name, name, (long long)given->offset, (long long)-start);
    }
    tensor->offset = (size_t)(start + given->offset);
    return ACLNN_SUCCESS;
}

static aclnnStatus convert_tensor(clf_i_acl_call *call, size_t index,
                                  const clf_i_acl_tensor *given) {
    const char *name = call->operands[index].name;
    clf_tensor *tensor = &call->tensors[index];
    tensor->dtype = (clf_dtype)given->dtype; /* numbered alike */
    tensor->rank = given->rank;
    memcpy(tensor->shape, given->shape, sizeof tensor->shape);
    memcpy(tensor->strides, given->strides, sizeof tensor->strides);
    if (!is_plain(given->format)) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                              "%s: the format of %s is %d, a tiling of an NPU, accepted: "
                              "ACL_FORMAT_ND (2)",
                              call->operator_name, name, (int)given->format);
    }
    if (clf_dtype_bits(tensor->dtype) == 0) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                              "%s: the data type of %s is %d, accepted: 0 (float), 1 (float16), 2 "
                              "(int8), 3 (int32), 4 (uint8), 9 (int64), 10 (uint64), 12 (bool), 27 "
                              "(bf16), 29 (int4), as the operator takes them",
                              call->operator_name, name, (int)given->dtype);
    }
    return place_tensor(call, index, given);
}

static aclnnStatus convert_operand(clf_i_acl_call *call, size_t index) {
    const clf_i_acl_operand *operand = &call->operands[index];
    if (operand->tensor == NULL) {
        return ACLNN_SUCCESS;
    }
    clf_i_acl_tensor *given = NULL;
    aclnnStatus status = clf_i_acl_open(call->operator_name, operand->name, operand->tensor,
                                        CLF_I_ACL_TENSOR, (void *)&given);
    if (status == ACLNN_SUCCESS) {
        status = convert_tensor(call, index, given);
        clf_i_acl_release(given);
    }
    return status;
}

/* ---- The call ---- */

/* Gives up what the call holds. */
static void end_call(clf_i_acl_call *call) {
    for (size_t i = 0; i < call->num_operands; ++i) {
        if (call->buffers[i] != NULL) {
            clReleaseMemObject(call->buffers[i]);
            call->buffers[i] = NULL;
        }
    }
    for (size_t i = 0; i < call->num_arrays; ++i) {
        clf_i_acl_release(call->arrays[i]);
    }
    call->num_arrays = 0;
    clf_i_acl_device_release(call->device);
    call->device = NULL;
}

static aclnnStatus check_pointers(const clf_i_acl_call *call) {
    if (call->executor != NULL) {
        *call->executor = NULL;
    }
    if (call->workspace_size == NULL || call->executor == NULL) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_NULLPTR, "%s: %s is NULL", call->operator_name,
                              call->workspace_size == NULL ? "workspaceSize" : "executor");
    }
    *call->workspace_size = 0;
    for (size_t i = 0; i < call->num_operands; ++i) {
        if (is_required(&call->operands[i]) && call->operands[i].tensor == NULL) {
            return clf_i_acl_fail(ACLNN_ERR_PARAM_NULLPTR, "%s: %s is NULL, a tensor is required",
                                  call->operator_name, call->operands[i].name);
        }
    }
    return ACLNN_SUCCESS;
}

/* Without any memory the plan is made for the thread's device. */
static aclnnStatus choose_device(clf_i_acl_call *call) {
    if (call->device == NULL &&
        clf_i_acl_current_device(call->operator_name, &call->device) != ACL_SUCCESS) {
        return ACLNN_ERR_RUNTIME_ERROR;
    }
    call->native_device = call->device->native;
    return ACLNN_SUCCESS;
}

aclnnStatus clf_i_acl_call_begin(clf_i_acl_call *call, const char *operator_name,
                                 const clf_i_acl_operand *operands, size_t num_operands,
                                 uint64_t *workspace_size, aclOpExecutor **executor) {
    memset(call, 0, sizeof *call);
    call->operator_name = operator_name;
    call->workspace_size = workspace_size;
    call->executor = executor;
    if (num_operands > CLF_I_ACL_MAX_OPERANDS) {
        return clf_i_acl_fail(ACLNN_ERR_INNER, "%s: %zu tensors, accepted: up to %d", operator_name,
                              num_operands, CLF_I_ACL_MAX_OPERANDS);
    }
    call->num_operands = num_operands;
    memcpy(call->operands, operands, num_operands * sizeof *operands);
    aclnnStatus status = clf_i_acl_check_initialized(operator_name) == ACL_SUCCESS
                             ? ACLNN_SUCCESS
                             : ACLNN_ERR_RUNTIME_ERROR;
    if (status == ACLNN_SUCCESS) {
        status = check_pointers(call);
    }
    for (size_t i = 0; i < num_operands && status == ACLNN_SUCCESS; ++i) {
        status = convert_operand(call, i);
    }
    if (status == ACLNN_SUCCESS) {
        status = choose_device(call);
    }
    if (status != ACLNN_SUCCESS) {
        end_call(call);
    }
    return status;
}

const clf_tensor *clf_i_acl_given(const clf_i_acl_call *call, size_t index) {
    return index < call->num_operands && call->operands[index].tensor != NULL
               ? &call->tensors[index]
               : NULL;
}

aclnnStatus clf_i_acl_call_int_array(clf_i_acl_call *call, const char *name,
                                     const aclIntArray *array, const int64_t **out_values,
                                     uint64_t *out_count) {
    *out_values = NULL;
    *out_count = 0;
    if (array == NULL) {
        return ACLNN_SUCCESS;
    }
    if (call->num_arrays == CLF_I_ACL_MAX_ARRAYS) {
        return clf_i_acl_call_refuse(call, ACLNN_ERR_INNER, "more than %d arrays",
                                     CLF_I_ACL_MAX_ARRAYS);
    }
    clf_i_acl_array *values = NULL;
    const aclnnStatus status =
        clf_i_acl_open(call->operator_name, name, array, CLF_I_ACL_INT_ARRAY, (void *)&values);
    if (status != ACLNN_SUCCESS) {
        end_call(call);
        return status;
    }
    call->arrays[call->num_arrays++] = values;
    *out_values = values->values;
    *out_count = values->count;
    return ACLNN_SUCCESS;
}

aclnnStatus clf_i_acl_call_refuse(clf_i_acl_call *call, aclnnStatus status, const char *format,
                                  ...) {
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    end_call(call);
    return clf_i_acl_fail(status, "%s: %s", call->operator_name, sentence);
}

aclnnStatus clf_i_acl_call_finish(clf_i_acl_call *call, clf_status planned, clf_plan *plan) {
    aclnnStatus status = ACLNN_SUCCESS;
    if (planned != CLF_SUCCESS) {
        status = clf_i_acl_fail_native(call->operator_name, planned);
    } else {
        status = clf_i_acl_executor_create(call, plan);
    }
    end_call(call);
    return status;
}
