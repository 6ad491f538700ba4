/* Streams: in-order command queues. */
#include "acl/acl_stream.h"

#include <acl/acl_rt.h>
#include <time.h>

#include "acl/acl_failure.h"

static void clear_stream(clf_i_acl_object *object) {
    clReleaseCommandQueue(((clf_i_acl_stream *)object)->queue);
}

static int create_stream(const char *function, aclrtStream *stream) {
    if (stream == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: stream is NULL", function);
    }
    *stream = NULL;
    clf_i_acl_device *device = NULL;
    int status = clf_i_acl_current_device(function, &device);
    if (status != ACL_SUCCESS) {
        return status;
    }
    cl_command_queue queue = NULL;
    status = clf_i_acl_queue_create(function, device, &queue);
    clf_i_acl_stream *object = NULL;
    if (status == ACL_SUCCESS) {
        object = clf_i_acl_object_create(function, CLF_I_ACL_STREAM, sizeof *object, device,
                                         clear_stream);
        if (object == NULL) {
            clReleaseCommandQueue(queue);
            status = ACL_ERROR_BAD_ALLOC;
        }
    }
    clf_i_acl_device_release(device);
    if (object != NULL) {
        object->queue = queue;
        *stream = clf_i_acl_object_publish(function, object);
        status = *stream != NULL ? ACL_SUCCESS : ACL_ERROR_BAD_ALLOC;
    }
    return status;
}

aclError aclrtCreateStream(aclrtStream *stream) {
    return create_stream("aclrtCreateStream", stream);
}

aclError aclrtCreateStreamWithConfig(aclrtStream *stream, uint32_t priority, uint32_t flag) {
    (void)priority;
    (void)flag;
    return create_stream("aclrtCreateStreamWithConfig", stream);
}

static int destroy_stream(const char *function, aclrtStream stream) {
    int status = clf_i_acl_check_initialized(function);
    if (status != ACL_SUCCESS) {
        return status;
    }
    clf_i_acl_stream *object = clf_i_acl_withdraw(function, "stream", stream, CLF_I_ACL_STREAM);
    if (object == NULL) {
        return stream == NULL ? ACL_ERROR_INVALID_PARAM : ACL_ERROR_RT_PARAM_INVALID;
    }
    status = clf_i_acl_check_cl(function, "clFinish", clFinish(object->queue));
    clf_i_acl_release(object);
    return status;
}

aclError aclrtDestroyStream(aclrtStream stream) {
    return destroy_stream("aclrtDestroyStream", stream);
}

aclError aclrtDestroyStreamForce(aclrtStream stream) {
    return destroy_stream("aclrtDestroyStreamForce", stream);
}

aclError aclrtSynchronizeStream(aclrtStream stream) {
    clf_i_acl_queue queue;
    int status = clf_i_acl_queue_of("aclrtSynchronizeStream", stream, &queue);
    if (status == ACL_SUCCESS) {
        status = clf_i_acl_check_cl("aclrtSynchronizeStream", "clFinish", clFinish(queue.queue));
        clf_i_acl_queue_done(&queue);
    }
    return status;
}

/* An event behind all work of the queue so far, which has begun. */
static int mark(const char *function, cl_command_queue queue, cl_event *out_event) {
    *out_event = NULL;
    const int status = clf_i_acl_check_cl(function, "clEnqueueMarkerWithWaitList",
                                          clEnqueueMarkerWithWaitList(queue, 0, NULL, out_event));
    return status == ACL_SUCCESS ? clf_i_acl_check_cl(function, "clFlush", clFlush(queue)) : status;
}

int clf_i_acl_progress(const char *function, cl_event event, cl_int *out_progress) {
    const int status = clf_i_acl_check_cl(function, "clGetEventInfo",
                                          clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS,
                                                         sizeof *out_progress, out_progress, NULL));
    if (status == ACL_SUCCESS && *out_progress < 0) {
        return clf_i_acl_fail(ACL_ERROR_FAILURE,
                              "%s: work of the stream failed on the device with %s", function,
                              clf_i_acl_code_text(*out_progress));
    }
    return status;
}

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int clf_i_acl_wait(const char *function, cl_event event, int32_t timeout, int late) {
    if (timeout < -1) {
        return clf_i_acl_fail(ACL_ERROR_RT_PARAM_INVALID,
                              "%s: timeout is %d ms, accepted: -1 (none), 0 and more", function,
                              (int)timeout);
    }
    if (timeout == -1) {
        return clf_i_acl_check_cl(function, "clWaitForEvents", clWaitForEvents(1, &event));
    }
    /* OpenCL waits without end only: look again, at first often. */
    const int64_t end = milliseconds() + timeout;
    struct timespec pause = {.tv_nsec = 20000};
    cl_int progress = CL_QUEUED;
    for (;;) {
        const int status = clf_i_acl_progress(function, event, &progress);
        if (status != ACL_SUCCESS || progress == CL_COMPLETE) {
            return status;
        }
        if (milliseconds() >= end) {
            return clf_i_acl_fail(late, "%s: not complete after %d ms", function, (int)timeout);
        }
        nanosleep(&pause, NULL);
        pause.tv_nsec = pause.tv_nsec < 1000000 ? 2 * pause.tv_nsec : pause.tv_nsec;
    }
}

aclError aclrtSynchronizeStreamWithTimeout(aclrtStream stream, int32_t timeout) {
    const char *const function = "aclrtSynchronizeStreamWithTimeout";
    clf_i_acl_queue queue;
    int status = clf_i_acl_queue_of(function, stream, &queue);
    if (status != ACL_SUCCESS) {
        return status;
    }
    cl_event event = NULL;
    status = mark(function, queue.queue, &event);
    if (status == ACL_SUCCESS) {
        status = clf_i_acl_wait(function, event, timeout, ACL_ERROR_RT_STREAM_SYNC_TIMEOUT);
    }
    if (event != NULL) {
        clReleaseEvent(event);
    }
    clf_i_acl_queue_done(&queue);
    return status;
}

aclError aclrtStreamQuery(aclrtStream stream, aclrtStreamStatus *status) {
    const char *const function = "aclrtStreamQuery";
    if (status == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: status is NULL", function);
    }
    clf_i_acl_queue queue;
    int result = clf_i_acl_queue_of(function, stream, &queue);
    if (result != ACL_SUCCESS) {
        return result;
    }
    cl_event event = NULL;
    cl_int progress = CL_QUEUED;
    result = mark(function, queue.queue, &event);
    if (result == ACL_SUCCESS) {
        result = clf_i_acl_progress(function, event, &progress);
    }
    if (event != NULL) {
        clReleaseEvent(event);
    }
    clf_i_acl_queue_done(&queue);
    *status = progress == CL_COMPLETE ? ACL_STREAM_STATUS_COMPLETE : ACL_STREAM_STATUS_NOT_READY;
    return result;
}
