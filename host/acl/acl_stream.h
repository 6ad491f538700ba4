/* Streams and events behind their handles. */
#ifndef CLF_ACL_STREAM_H
#define CLF_ACL_STREAM_H

#include <pthread.h>

#include "acl/acl_device.h"
#include "acl/acl_objects.h"

typedef struct clf_i_acl_stream {
    clf_i_acl_object object;
    cl_command_queue queue;
} clf_i_acl_stream;

typedef struct clf_i_acl_event {
    clf_i_acl_object object;
    pthread_mutex_t lock;
    cl_event recorded; /* NULL: not recorded */
} clf_i_acl_event;

/* Waits for an OpenCL event for `timeout` ms (-1: without end), then returns `late`. */
int clf_i_acl_wait(const char *function, cl_event event, int32_t timeout, int late);

/* CL_COMPLETE or the status before it; a command that failed is an error. */
int clf_i_acl_progress(const char *function, cl_event event, cl_int *out_progress);

#endif
