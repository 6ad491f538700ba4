/* Opening and closing devices; queues of streams. */
#include "acl/acl_device.h"

#include <stdlib.h>

#include "acl/acl_failure.h"
#include "acl/acl_memory.h"
#include "acl/acl_objects.h"
#include "acl/acl_stream.h"

void clf_i_acl_device_retain(clf_i_acl_device *device) {
    if (device != NULL) {
        atomic_fetch_add(&device->num_references, 1);
    }
}

void clf_i_acl_device_release(clf_i_acl_device *device) {
    if (device == NULL || atomic_fetch_sub(&device->num_references, 1) > 1) {
        return;
    }
    if (device->default_queue != NULL) {
        clReleaseCommandQueue(device->default_queue);
    }
    clf_device_destroy(device->native);
    free(device);
}

int clf_i_acl_queue_create(const char *function, const clf_i_acl_device *device,
                           cl_command_queue *out_queue) {
    cl_int code = CL_SUCCESS;
    *out_queue =
        clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS) {
        *out_queue = NULL;
    }
    return clf_i_acl_check_cl(function, "clCreateCommandQueue", code);
}

/* The acl functions' numbers for failures of the native library. */
static int acl_status_of(clf_status status) {
    switch (status) {
    case CLF_ERR_OUT_OF_MEMORY:
        return ACL_ERROR_BAD_ALLOC;
    case CLF_ERR_UNSUPPORTED:
        return ACL_ERROR_API_NOT_SUPPORT;
    case CLF_ERR_NO_DEVICE:
        return ACL_ERROR_INVALID_DEVICE;
    case CLF_ERR_RUNTIME:
        return ACL_ERROR_FAILURE;
    default:
        return ACL_ERROR_INTERNAL_ERROR;
    }
}

static int query_alignment(const char *function, clf_i_acl_device *device) {
    cl_uint bits = 0;
    const int status = clf_i_acl_check_cl(
        function, "clGetDeviceInfo",
        clGetDeviceInfo(device->id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof bits, &bits, NULL));
    device->sub_buffer_alignment = bits > 8 ? bits / 8 : 1;
    return status;
}

/* The object that the device's default context stands for. */
static int make_default_context(const char *function, clf_i_acl_device *device) {
    clf_i_acl_object *object =
        clf_i_acl_object_create(function, CLF_I_ACL_CONTEXT, sizeof *object, device, NULL);
    device->default_context = object != NULL ? clf_i_acl_object_publish(function, object) : NULL;
    return device->default_context != NULL ? ACL_SUCCESS : ACL_ERROR_BAD_ALLOC;
}

int clf_i_acl_device_open(const char *function, const char *selector, int32_t index,
                          clf_i_acl_device **out_device) {
    *out_device = NULL;
    clf_i_acl_device *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: out of host memory", function);
    }
    atomic_init(&device->num_references, 1);
    device->index = index;
    const clf_status opened = clf_device_open(selector, &device->native);
    int status = ACL_SUCCESS;
    if (opened != CLF_SUCCESS) {
        status = clf_i_acl_fail(acl_status_of(opened), "%s: device %d cannot be opened: %s",
                                function, (int)index, clf_last_error());
    } else {
        device->context = clf_device_context(device->native);
        device->id = clf_device_id(device->native);
        status = query_alignment(function, device);
    }
    if (status == ACL_SUCCESS) {
        status = clf_i_acl_queue_create(function, device, &device->default_queue);
    }
    if (status == ACL_SUCCESS) {
        status = make_default_context(function, device);
    }
    if (status != ACL_SUCCESS) {
        clf_i_acl_device_release(device);
        return status;
    }
    *out_device = device;
    return ACL_SUCCESS;
}

int clf_i_acl_device_finish(const char *function, clf_i_acl_device *device) {
    size_t count = 0;
    clf_i_acl_object **streams = clf_i_acl_collect(CLF_I_ACL_STREAM, device, &count);
    if (streams == NULL && count > 0) {
        return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: out of host memory", function);
    }
    int status = clf_i_acl_check_cl(function, "clFinish", clFinish(device->default_queue));
    for (size_t i = 0; i < count; ++i) {
        const clf_i_acl_stream *stream = (const clf_i_acl_stream *)streams[i];
        const int finished = clf_i_acl_check_cl(function, "clFinish", clFinish(stream->queue));
        status = status == ACL_SUCCESS ? finished : status;
        clf_i_acl_release(streams[i]);
    }
    free(streams);
    return status;
}

void clf_i_acl_device_close(clf_i_acl_device *device) {
    atomic_store(&device->is_closed, true);
    (void)clf_i_acl_device_finish("aclrtResetDevice", device);
    clf_i_acl_withdraw_all(device);
    clf_i_acl_memory_free_all(device);
    clf_i_acl_device_release(device);
}

int clf_i_acl_queue_of(const char *function, aclrtStream stream, clf_i_acl_queue *out_queue) {
    out_queue->queue = NULL;
    out_queue->device = NULL;
    int status = clf_i_acl_check_initialized(function);
    if (status != ACL_SUCCESS) {
        return status;
    }
    clf_i_acl_stream *object = NULL;
    if (stream != NULL) {
        object = clf_i_acl_acquire(function, "stream", stream, CLF_I_ACL_STREAM);
        if (object == NULL) {
            return ACL_ERROR_RT_PARAM_INVALID;
        }
        out_queue->device = object->object.device;
        out_queue->queue = object->queue;
        clf_i_acl_device_retain(out_queue->device);
    } else {
        status = clf_i_acl_current_device(function, &out_queue->device);
        if (status != ACL_SUCCESS) {
            return status;
        }
        out_queue->queue = out_queue->device->default_queue;
    }
    clRetainCommandQueue(out_queue->queue);
    clf_i_acl_release(object);
    return ACL_SUCCESS;
}

void clf_i_acl_queue_done(clf_i_acl_queue *queue) {
    if (queue->queue != NULL) {
        clReleaseCommandQueue(queue->queue);
    }
    clf_i_acl_device_release(queue->device);
}
