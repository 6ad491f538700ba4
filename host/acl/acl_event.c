/* Events: markers in streams. */
#include <acl/acl_rt.h>
#include <stdbool.h>

#include "acl/acl_failure.h"
#include "acl/acl_stream.h"

static void clear_event(clf_i_acl_object *object) {
    clf_i_acl_event *event = (clf_i_acl_event *)object;
    if (event->recorded != NULL) {
        clReleaseEvent(event->recorded);
    }
    pthread_mutex_destroy(&event->lock);
}

static int create_event(const char *function, aclrtEvent *event) {
    if (event == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: event is NULL", function);
    }
    *event = NULL;
    clf_i_acl_device *device = NULL;
    const int status = clf_i_acl_current_device(function, &device);
    if (status != ACL_SUCCESS) {
        return status;
    }
    clf_i_acl_event *object =
        clf_i_acl_object_create(function, CLF_I_ACL_EVENT, sizeof *object, device, clear_event);
    clf_i_acl_device_release(device);
    if (object != NULL) {
        pthread_mutex_init(&object->lock, NULL);
        *event = clf_i_acl_object_publish(function, object);
    }
    return *event != NULL ? ACL_SUCCESS : ACL_ERROR_BAD_ALLOC;
}

aclError aclrtCreateEvent(aclrtEvent *event) {
    return create_event("aclrtCreateEvent", event);
}

aclError aclrtCreateEventWithFlag(aclrtEvent *event, uint32_t flag) {
    (void)flag;
    return create_event("aclrtCreateEventWithFlag", event);
}

/* The live event of a handle; NULL with *out_status set. */
static clf_i_acl_event *open_event(const char *function, const char *argument, aclrtEvent event,
                                   int *out_status) {
    *out_status = clf_i_acl_check_initialized(function);
    if (*out_status != ACL_SUCCESS) {
        return NULL;
    }
    clf_i_acl_event *object = clf_i_acl_acquire(function, argument, event, CLF_I_ACL_EVENT);
    if (object == NULL) {
        *out_status = event == NULL ? ACL_ERROR_INVALID_PARAM : ACL_ERROR_RT_PARAM_INVALID;
    }
    return object;
}

/* What is recorded, retained; NULL if nothing is. */
static cl_event recorded_of(clf_i_acl_event *event) {
    pthread_mutex_lock(&event->lock);
    cl_event recorded = event->recorded;
    if (recorded != NULL) {
        clRetainEvent(recorded);
    }
    pthread_mutex_unlock(&event->lock);
    return recorded;
}

/* Takes the reference of `recorded`, which may be NULL. */
static void set_recorded(clf_i_acl_event *event, cl_event recorded) {
    pthread_mutex_lock(&event->lock);
    cl_event former = event->recorded;
    event->recorded = recorded;
    pthread_mutex_unlock(&event->lock);
    if (former != NULL) {
        clReleaseEvent(former);
    }
}

aclError aclrtDestroyEvent(aclrtEvent event) {
    const char *const function = "aclrtDestroyEvent";
    const int status = clf_i_acl_check_initialized(function);
    if (status != ACL_SUCCESS) {
        return status;
    }
    void *object = clf_i_acl_withdraw(function, "event", event, CLF_I_ACL_EVENT);
    if (object == NULL) {
        return event == NULL ? ACL_ERROR_INVALID_PARAM : ACL_ERROR_RT_PARAM_INVALID;
    }
    clf_i_acl_release(object);
    return ACL_SUCCESS;
}

static int check_same_device(const char *function, const clf_i_acl_event *event,
                             const clf_i_acl_queue *queue) {
    if (event->object.device == queue->device) {
        return ACL_SUCCESS;
    }
    return clf_i_acl_fail(ACL_ERROR_RT_STREAM_CONTEXT,
                          "%s: stream is of device %d and event of device %d, accepted: both of "
                          "one device",
                          function, (int)queue->device->index, (int)event->object.device->index);
}

/* What record, reset and wait have in common: a live event, a stream, of one device. */
static int open_both(const char *function, aclrtEvent event, aclrtStream stream,
                     clf_i_acl_event **out_event, clf_i_acl_queue *out_queue) {
    int status = ACL_SUCCESS;
    *out_event = open_event(function, "event", event, &status);
    if (*out_event == NULL) {
        return status;
    }
    status = clf_i_acl_queue_of(function, stream, out_queue);
    if (status == ACL_SUCCESS) {
        status = check_same_device(function, *out_event, out_queue);
        if (status == ACL_SUCCESS) {
            return ACL_SUCCESS;
        }
        clf_i_acl_queue_done(out_queue);
    }
    clf_i_acl_release(*out_event);
    return status;
}

static void close_both(clf_i_acl_event *event, clf_i_acl_queue *queue) {
    clf_i_acl_queue_done(queue);
    clf_i_acl_release(event);
}

aclError aclrtRecordEvent(aclrtEvent event, aclrtStream stream) {
    const char *const function = "aclrtRecordEvent";
    clf_i_acl_event *object = NULL;
    clf_i_acl_queue queue;
    int status = open_both(function, event, stream, &object, &queue);
    if (status != ACL_SUCCESS) {
        return status;
    }
    cl_event marker = NULL;
    status = clf_i_acl_check_cl(function, "clEnqueueMarkerWithWaitList",
                                clEnqueueMarkerWithWaitList(queue.queue, 0, NULL, &marker));
    if (status == ACL_SUCCESS) {
        set_recorded(object, marker);
        status = clf_i_acl_check_cl(function, "clFlush", clFlush(queue.queue));
    }
    close_both(object, &queue);
    return status;
}

aclError aclrtResetEvent(aclrtEvent event, aclrtStream stream) {
    clf_i_acl_event *object = NULL;
    clf_i_acl_queue queue;
    const int status = open_both("aclrtResetEvent", event, stream, &object, &queue);
    if (status == ACL_SUCCESS) {
        set_recorded(object, NULL);
        close_both(object, &queue);
    }
    return status;
}

aclError aclrtStreamWaitEvent(aclrtStream stream, aclrtEvent event) {
    const char *const function = "aclrtStreamWaitEvent";
    clf_i_acl_event *object = NULL;
    clf_i_acl_queue queue;
    int status = open_both(function, event, stream, &object, &queue);
    if (status != ACL_SUCCESS) {
        return status;
    }
    cl_event recorded = recorded_of(object);
    if (recorded != NULL) {
        status = clf_i_acl_check_cl(function, "clEnqueueBarrierWithWaitList",
                                    clEnqueueBarrierWithWaitList(queue.queue, 1, &recorded, NULL));
        clReleaseEvent(recorded);
    }
    close_both(object, &queue);
    return status;
}

/* Whether the event is recorded and what was before it in the stream is done. */
static int query_event(const char *function, aclrtEvent event, const void *out,
                       bool *out_complete) {
    *out_complete = false;
    if (out == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: status is NULL", function);
    }
    int status = ACL_SUCCESS;
    clf_i_acl_event *object = open_event(function, "event", event, &status);
    if (object == NULL) {
        return status;
    }
    cl_event recorded = recorded_of(object);
    if (recorded != NULL) {
        cl_int progress = CL_QUEUED;
        status = clf_i_acl_progress(function, recorded, &progress);
        *out_complete = status == ACL_SUCCESS && progress == CL_COMPLETE;
        clReleaseEvent(recorded);
    }
    clf_i_acl_release(object);
    return status;
}

aclError aclrtQueryEvent(aclrtEvent event, aclrtEventStatus *status) {
    bool is_complete = false;
    const int result = query_event("aclrtQueryEvent", event, status, &is_complete);
    if (result == ACL_SUCCESS) {
        *status = is_complete ? ACL_EVENT_STATUS_COMPLETE : ACL_EVENT_STATUS_NOT_READY;
    }
    return result;
}

aclError aclrtQueryEventStatus(aclrtEvent event, aclrtEventRecordedStatus *status) {
    bool is_complete = false;
    const int result = query_event("aclrtQueryEventStatus", event, status, &is_complete);
    if (result == ACL_SUCCESS) {
        *status =
            is_complete ? ACL_EVENT_RECORDED_STATUS_COMPLETE : ACL_EVENT_RECORDED_STATUS_NOT_READY;
    }
    return result;
}

aclError aclrtQueryEventWaitStatus(aclrtEvent event, aclrtEventWaitStatus *status) {
    bool is_complete = false;
    const int result = query_event("aclrtQueryEventWaitStatus", event, status, &is_complete);
    if (result == ACL_SUCCESS) {
        *status = is_complete ? ACL_EVENT_WAIT_STATUS_COMPLETE : ACL_EVENT_WAIT_STATUS_NOT_READY;
    }
    return result;
}

static int synchronize_event(const char *function, aclrtEvent event, int32_t timeout) {
    int status = ACL_SUCCESS;
    clf_i_acl_event *object = open_event(function, "event", event, &status);
    if (object == NULL) {
        return status;
    }
    cl_event recorded = recorded_of(object);
    if (recorded != NULL) {
        status = clf_i_acl_wait(function, recorded, timeout, ACL_ERROR_RT_EVENT_SYNC_TIMEOUT);
        clReleaseEvent(recorded);
    }
    clf_i_acl_release(object);
    return status;
}

aclError aclrtSynchronizeEvent(aclrtEvent event) {
    return synchronize_event("aclrtSynchronizeEvent", event, -1);
}

aclError aclrtSynchronizeEventWithTimeout(aclrtEvent event, int32_t timeout) {
    return synchronize_event("aclrtSynchronizeEventWithTimeout", event, timeout);
}

/* When the event was complete, in ns of its device's clock. */
static int time_of(const char *argument, aclrtEvent event, cl_ulong *out_time) {
    const char *const function = "aclrtEventElapsedTime";
    int status = ACL_SUCCESS;
    clf_i_acl_event *object = open_event(function, argument, event, &status);
    if (object == NULL) {
        return status;
    }
    cl_event recorded = recorded_of(object);
    cl_int progress = CL_QUEUED;
    if (recorded != NULL) {
        status = clf_i_acl_progress(function, recorded, &progress);
    }
    if (status == ACL_SUCCESS && progress != CL_COMPLETE) {
        status =
            clf_i_acl_fail(ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID,
                           "%s: %s is not %s, accepted: an event that is recorded and complete",
                           function, argument, recorded == NULL ? "recorded" : "complete");
    }
    if (status == ACL_SUCCESS) {
        status = clf_i_acl_check_cl(function, "clGetEventProfilingInfo",
                                    clGetEventProfilingInfo(recorded, CL_PROFILING_COMMAND_END,
                                                            sizeof *out_time, out_time, NULL));
    }
    if (recorded != NULL) {
        clReleaseEvent(recorded);
    }
    clf_i_acl_release(object);
    return status;
}

aclError aclrtEventElapsedTime(float *ms, aclrtEvent startEvent, aclrtEvent endEvent) {
    if (ms == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "aclrtEventElapsedTime: ms is NULL");
    }
    cl_ulong start = 0;
    cl_ulong end = 0;
    int status = time_of("startEvent", startEvent, &start);
    if (status == ACL_SUCCESS) {
        status = time_of("endEvent", endEvent, &end);
    }
    if (status == ACL_SUCCESS && end < start) {
        status = clf_i_acl_fail(ACL_ERROR_RT_EVENT_TIMESTAMP_REVERSAL,
                                "aclrtEventElapsedTime: endEvent was complete %llu ns before "
                                "startEvent, accepted: the later one as endEvent",
                                (unsigned long long)(start - end));
    }
    if (status == ACL_SUCCESS) {
        *ms = (float)((double)(end - start) * 1e-6);
    }
    return status;
}
