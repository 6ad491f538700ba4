/* Open devices, and which one is the calling thread's. */
#ifndef CLF_ACL_DEVICE_H
#define CLF_ACL_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <acl/acl.h>
#include <clformer/device.h>

/* Opened by the first aclrtSetDevice, closed by the last aclrtResetDevice; kept by its objects. */
typedef struct clf_i_acl_device {
    atomic_int num_references;
    atomic_bool is_closed; /* it takes no new objects and memory */
    int32_t index;         /* the number that programs know it by */
    clf_device *native;
    cl_context context;
    cl_device_id id;
    cl_command_queue default_queue; /* the default stream, and blocking copies */
    size_t sub_buffer_alignment;    /* in bytes */
    atomic_size_t num_bytes;        /* allocated */
    aclrtContext default_context;
} clf_i_acl_device;

/* NULL is allowed for both. */
void clf_i_acl_device_retain(clf_i_acl_device *device);
void clf_i_acl_device_release(clf_i_acl_device *device);

/* Opens what `selector` (of clf_device_open) selects. */
int clf_i_acl_device_open(const char *function, const char *selector, int32_t index,
                          clf_i_acl_device **out_device);

/* Waits for the device's streams, withdraws its objects, frees its memory, releases it. */
void clf_i_acl_device_close(clf_i_acl_device *device);

/* Waits for all streams of the device. */
int clf_i_acl_device_finish(const char *function, clf_i_acl_device *device);

/* ACL_SUCCESS between aclInit and aclFinalize, else ACL_ERROR_UNINITIALIZE. */
int clf_i_acl_check_initialized(const char *function);

/* The calling thread's device, with a reference that the caller releases. ACL_ERROR_UNINITIALIZE,
 * ACL_ERROR_RT_CONTEXT_NULL. */
int clf_i_acl_current_device(const char *function, clf_i_acl_device **out_device);

/* A queue for a clock of events, in order. */
int clf_i_acl_queue_create(const char *function, const clf_i_acl_device *device,
                           cl_command_queue *out_queue);

/* A stream's queue and device, both kept by the struct until ..._done. */
typedef struct clf_i_acl_queue {
    cl_command_queue queue;
    clf_i_acl_device *device;
} clf_i_acl_queue;

/* NULL is the default stream of the thread's device. */
int clf_i_acl_queue_of(const char *function, aclrtStream stream, clf_i_acl_queue *out_queue);
void clf_i_acl_queue_done(clf_i_acl_queue *queue);

/* The devices of this machine as programs count them; acl_device_list.c. */
typedef struct clf_i_acl_device_list {
    size_t count;
    char (*selectors)[24]; /* of clf_device_open; "" for what CLFORMER_DEVICE selects */
} clf_i_acl_device_list;

int clf_i_acl_device_list_query(const char *function, clf_i_acl_device_list *out_list);
void clf_i_acl_device_list_clear(clf_i_acl_device_list *list);

#endif
