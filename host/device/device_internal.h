/* What a clf_device is made of; for host/device only. */
#ifndef CLF_DEVICE_DEVICE_INTERNAL_H
#define CLF_DEVICE_DEVICE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "device/capabilities.h"
#include "device/cpu_extensions.h"

typedef struct clf_i_program clf_i_program; /* an entry of the in-memory program cache */

/* Asked once for each device. */
typedef struct clf_i_extension_answer {
    bool is_known;
    const char *refusal;
} clf_i_extension_answer;

struct clf_device {
    atomic_int references; /* the caller's, and one for each plan */
    atomic_bool closed;    /* the caller's is gone: nothing new may run */
    cl_context context;
    cl_device_id id;
    clf_i_capabilities capabilities;
    pthread_mutex_t programs_lock;
    clf_i_program *programs;
    pthread_mutex_t extensions_lock;
    clf_i_extension_answer extensions[CLF_I_NUM_CPU_EXTENSIONS];
    clf_i_extension_answer nvidia; /* under the same lock */
    pthread_mutex_t library_lock;
    void *library_state; /* see foreign_library.h */
    void (*release_library_state)(void *state);
};

void clf_i_device_retain(clf_device *device);
void clf_i_device_release(clf_device *device);

/* Fills the table, which is zeroed. `id` is a valid device. */
clf_status clf_i_capabilities_query(cl_device_id id, clf_i_capabilities *capabilities);

#endif
